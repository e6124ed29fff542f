"""A fully connected conditional random field that refines what a network answers (Krähenbühl and Koltun 2011).

Kamnitsas et al. (2017, section 2.4) apply it in 3D to the probabilities of DeepMedic. Their program and those it builds
on are no longer kept up as packages, so the method is written here, on numpy and scipy.
"""

import numpy as np
from scipy import ndimage, sparse

from brats_lib.errors import BratsError

__all__ = ["refine"]

# A network that is certain would outweigh any number of neighbours.
LEAST_PROBABILITY = 1e-6


def refine(
    probabilities, images, smoothness_weight=3.0, smoothness_sigma=3.0, appearance_weight=5.0, appearance_sigma=12.0,
    intensity_sigma=0.5, iterations=5,
):  # fmt: skip
    """Make neighbouring voxels agree, all the more where they look alike.

    Each voxel of the brain is linked with every other one. A pair that differs in its class costs the smoothness
    kernel, a Gaussian of the distance, and the appearance kernel, a Gaussian of distance and of the difference of all
    intensities (Kamnitsas et al. 2017, equations 5 to 7, with the Potts model). Probabilities are the mean field
    approximation: in each iteration a class gains, in its logarithm, the weighted mean of its probability over the
    neighbours.

    Parameters
    ----------
    probabilities : array of float, shape (x, y, z, classes)
        Of a network, 0-1, with a sum of 1.
    images : array of float, shape (x, y, z, channels)
        In standard deviations; a voxel is outside the brain where all channels are 0.
    smoothness_weight, appearance_weight : float
        Of the two kernels, not negative. Kernels are normalised, so a weight is what a class gains at most.
    smoothness_sigma, appearance_sigma : float
        Standard deviations in voxels.
    intensity_sigma : float or sequence of float
        Standard deviations of the appearance kernel in the unit of the images, of all channels or of each.
    iterations : int
        Of the mean field.

    Returns
    -------
    array of float32, shape (x, y, z, classes)
        Refined in the brain, as they were outside.

    Raises
    ------
    BratsError
        If the shapes do not belong together.

    Notes
    -----
    As in the authors' programs, kernels are normalised symmetrically, ``D^-1/2 K D^-1/2`` with ``D`` the sums of the
    rows of ``K`` (Krähenbühl and Koltun 2013), and a voxel counts among its own neighbours.
    """
    probabilities = np.asarray(probabilities, np.float32)
    images = np.asarray(images, np.float32)
    if probabilities.ndim != 4 or images.ndim != 4 or probabilities.shape[:3] != images.shape[:3]:
        raise BratsError(
            "probabilities to refine", f"their shape is {probabilities.shape}, that of the images {images.shape}",
            "(x, y, z, classes) and (x, y, z, channels)", "Give both on the same grid",
        )  # fmt: skip
    brain = (images != 0).any(-1)
    refined = probabilities.copy()
    if not brain.any():
        return refined
    box = ndimage.find_objects(brain.astype(np.uint8))[0]
    brain = brain[box]
    features = np.concatenate(
        [np.argwhere(brain) / appearance_sigma, images[box][brain] / np.asarray(intensity_sigma)], axis=1
    )
    kernels = []
    if smoothness_weight:
        kernels.append((smoothness_weight, _Smoothness(brain, smoothness_sigma)))
    if appearance_weight:
        kernels.append((appearance_weight, _Lattice(features)))
    scales = [1 / np.sqrt(kernel(np.ones((len(features), 1), np.float32))) for _, kernel in kernels]
    network = np.log(np.maximum(probabilities[box][brain], LEAST_PROBABILITY))
    current = _softmax(network)
    for _ in range(iterations):
        total = network.copy()
        for (weight, kernel), scale in zip(kernels, scales, strict=True):
            total += weight * scale * kernel(scale * current)
        current = _softmax(total)
    refined[box][brain] = current
    return refined


def _softmax(logits):
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


class _Smoothness:
    """Sums over all voxels of a brain, weighted by a Gaussian of the distance."""

    def __init__(self, brain, sigma):
        self.brain, self.sigma = brain, sigma

    def __call__(self, values):
        sums = np.empty_like(values)
        grid = np.zeros(self.brain.shape, np.float32)
        for column in range(values.shape[1]):
            grid[self.brain] = values[:, column]
            sums[:, column] = ndimage.gaussian_filter(grid, self.sigma, mode="constant")[self.brain]
        return sums


class _Lattice:
    """Sums over all points, weighted by a Gaussian of their distance, by a permutohedral lattice (Adams et al. 2010).

    Values are spread onto the corners of the simplex around each point, blurred along the axes of the lattice, and
    gathered in the same way. A simplex in d dimensions has d + 1 corners, where a cell of a grid would have 2^d.

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
