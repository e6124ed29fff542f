"""Sums over many points, weighted by a Gaussian of their distance, on a permutohedral lattice (Adams et al. 2010).

Values are spread onto the corners of the simplex around each point, blurred along the axes of the lattice, and gathered
in the same way. A simplex in d dimensions has d + 1 corners, where a cell of a grid would have 2^d.
"""

import numpy as np
from scipy import sparse

__all__ = ["Lattice"]


class Lattice:
    """The lattice of a set of points, made once for any number of sums.

    Parameters
    ----------
    features : array of float, shape (points, dimensions)
        Positions in standard deviations of the Gaussian.
    """

    def __init__(self, features):
        count, dimensions = features.shape
        corners = dimensions + 1
        anchor, rank, shares = _enclosing_simplex(_elevate(features))
        # A random linear hash of the coordinates: neighbours differ by a constant, and that two of a few million
        # corners meet in 64 bits has a chance below one in a million.
        factors = np.random.default_rng(0).integers(0, 2**64, corners, dtype=np.uint64)
        keys = np.empty((count, corners), np.uint64)
        with np.errstate(over="ignore"):
            for corner in range(corners):
                # Corner k lies k steps up from the anchor, less a whole period in the k coordinates that rank last.
                steps = corner - corners * (rank > dimensions - corner)
                keys[:, corner] = ((anchor + steps).astype(np.uint64) * factors).sum(1, dtype=np.uint64)
            places, owners = np.unique(keys, return_inverse=True)
            self.neighbours = []
            for axis in range(corners):
                step = factors.sum(dtype=np.uint64) - np.uint64(corners) * factors[axis]
                self.neighbours.append((_find(places, places + step), _find(places, places - step)))
        starts = np.arange(count + 1) * corners
        self.slice = sparse.csr_array(
            (shares.astype(np.float32).ravel(), owners.astype(np.int32).ravel(), starts), (count, len(places))
        )
        self.splat = self.slice.T.tocsr()

    def __call__(self, values):
        """Add up the values of all points for each point, its own included.

        Parameters
        ----------
        values : array of float, shape (points, n)

        Returns
        -------
        array of float32, shape (points, n)
            The sums up to a common factor, and to a few per cent: the blur reaches no corner that has no point nearby.
        """
        # One more place, which stays 0, is the neighbour of those that have none.
        spread = np.zeros((self.splat.shape[0] + 1, values.shape[1]), np.float32)
        spread[:-1] = self.splat @ values
        for below, above in self.neighbours:
            spread[:-1] = spread[:-1] / 2 + (spread[below] + spread[above]) / 4
        return self.slice @ spread[:-1]


def _find(places, wanted):
    """Where each of `wanted` is among the sorted `places`; their number where it is not."""
    found = np.searchsorted(places, wanted)
    found[found == len(places)] = 0
    return np.where(places[found] == wanted, found, len(places)).astype(np.int32)


def _elevate(features):
    """Points (n, d) on the plane of d + 1 coordinates with sum 0, so that the lattice's blur has their variance."""
    dimensions = features.shape[1]
    index = np.arange(1, dimensions + 1)
    scaled = features * np.sqrt(2 / 3) * (dimensions + 1) / np.sqrt(index * (index + 1))
    # Column i of the basis: 1 in the i coordinates before it, -i in its own.
    later = np.cumsum(scaled[:, ::-1], 1)[:, ::-1]
    elevated = np.zeros((len(features), dimensions + 1))
    elevated[:, :-1] = later
    elevated[:, 1:] -= index * scaled
    return elevated


def _enclosing_simplex(elevated):
    """The simplex of the lattice around each point.

    Returns
    -------
    tuple of array
        The corner whose coordinates are multiples of d + 1, the coordinates' ranks (0 for the one furthest above that
        corner), each of shape (n, d + 1), and the barycentric weights of the corners.
    """
    corners = elevated.shape[1]
    anchor = np.rint(elevated / corners).astype(np.int64)
    excess = anchor.sum(1, keepdims=True)
    order = np.argsort(corners * anchor - elevated, axis=1, kind="stable")
    rank = np.argsort(order, axis=1)
    # Rounding may leave the plane: the coordinates that were rounded up furthest give way, or down.
    rank += excess
    too_low, too_high = rank < 0, rank >= corners
    rank += corners * too_low - corners * too_high
    anchor = corners * (anchor + too_low - too_high)
    offset = np.take_along_axis(elevated - anchor, np.argsort(rank, axis=1), 1) / corners
    # Sorted downwards, from 0 to d; the weight of corner k is the drop from rank d - k to the next.
    shares = np.empty_like(elevated)
    shares[:, 1:] = (offset[:, :-1] - offset[:, 1:])[:, ::-1]
    shares[:, 0] = 1 - shares[:, 1:].sum(1)
    return anchor, rank, shares
