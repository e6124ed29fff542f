"""Smooth random fields and separable filters as products with small matrices, which is what makes a phantom cheap.

A field is white noise on a coarse grid of knots, interpolated by cubic B-splines; a filter is one matrix per axis.
On a full head each costs a few hundredths of a second on one core, a cubic zoom or a distance transform seconds.
"""

import numpy as np

__all__ = ["along_axes", "blur_matrix", "sheets", "smooth_field", "spline_matrix", "thick_slice_matrix"]


def spline_matrix(n, spacing, offset=0.0):
    """Cubic B-spline weights of knots `spacing` voxels apart, scaled so that white noise keeps variance 1.

    Parameters
    ----------
    n : int
        Voxels along the axis.
    spacing : float
        Distance of the knots in voxels.
    offset : float, 0-1
        Shift of the knots, in spacings; drawn per field so that knots lie nowhere in particular.

    Returns
    -------
    array of float32, shape (n, knots)
    """
    position = np.arange(n) / spacing + offset + 1
    knots = np.arange(int(np.ceil(position[-1])) + 2)
    distance = np.abs(position[:, None] - knots)
    weights = np.where(
        distance < 1, 2 / 3 - distance**2 + distance**3 / 2, np.where(distance < 2, (2 - distance) ** 3 / 6, 0)
    )
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


def along_axes(volume, first=None, second=None, third=None):
    """Multiply a volume by one matrix per axis.

    Parameters
    ----------
    volume : array of float32, shape (a, b, c)
    first, second, third : array of float32, shape (new, old), or None
        Matrix for the axis; None leaves the axis alone.

    Returns
    -------
    array of float32
    """
    if first is not None:
        volume = (first @ volume.reshape(volume.shape[0], -1)).reshape(-1, *volume.shape[1:])
    if second is not None:
        volume = np.matmul(second, volume)
    if third is not None:
        volume = volume @ third.T
    return volume


def smooth_field(rng, shape, spacing):
    """A random field of mean 0 and variance 1 at every voxel, smooth at the scale of `spacing`.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        Voxels (x, y, z).
    spacing : float or sequence of three floats
        Distance of the knots in voxels; two points that far apart are all but independent.

    Returns
    -------
    array of float32, shape `shape`
    """
    spacing = np.broadcast_to(spacing, 3)
    matrices = [spline_matrix(n, s, rng.random()) for n, s in zip(shape, spacing, strict=True)]
    white = rng.standard_normal([m.shape[1] for m in matrices], dtype=np.float32)
    return along_axes(white, *matrices)


def sheets(field, width):
    """Soft sheets where a field crosses zero; the product of two of them is a net of curved tubes.

    Parameters
    ----------
    field : array of float32
        A field of `smooth_field`.
    width : float
        Half-width, in units of the field's standard deviation.

    Returns
    -------
    array of float32, 0-1
    """
    return np.exp(-0.5 * (field / width) ** 2)


def blur_matrix(n, sigma):
    """Gaussian blur along one axis; edges are repeated.

    Parameters
    ----------
    n : int
        Voxels along the axis.
    sigma : float
        Standard deviation in voxels; 0 gives the identity.

    Returns
    -------
    array of float32, shape (n, n)
    """
    if sigma < 0.05:
        return np.eye(n, dtype=np.float32)
    index = np.arange(n)
    weights = np.exp(-0.5 * ((index[:, None] - index) / sigma) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def thick_slice_matrix(n, thickness, offset=0.0):
    """What becomes of an axis that was scanned in thick slices and then interpolated linearly to 1 mm.

    Parameters
    ----------
    n : int
        Voxels along the axis.
    thickness : float
        Thickness and distance of the slices, in voxels.
    offset : float, 0-1
        Where the first slice starts, in thicknesses.

    Returns
    -------
    array of float32, shape (n, n)
    """
    edges = np.arange(-1 + offset, n / thickness + 2) * thickness
    voxel = np.arange(n)
    overlap = np.clip(np.minimum(edges[1:, None], voxel + 1) - np.maximum(edges[:-1, None], voxel), 0, None)
    covered = overlap.sum(axis=1) > 0
    average = overlap[covered] / overlap[covered].sum(axis=1, keepdims=True)
    centres = ((edges[1:] + edges[:-1]) / 2)[covered]
    position = np.clip(voxel + 0.5, centres[0], centres[-1])
    left = np.clip(np.searchsorted(centres, position, side="right") - 1, 0, len(centres) - 2)
    share = (position - centres[left]) / thickness
    interpolate = np.zeros((n, len(centres)))
    interpolate[voxel, left] = 1 - share
    interpolate[voxel, left + 1] += share
    return (interpolate @ average).astype(np.float32)
