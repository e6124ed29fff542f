"""Smooth random fields and separable filters as products with small matrices, which is what makes a phantom cheap.

A field is white noise on a coarse grid of knots, interpolated by cubic B-splines; a filter is one matrix per axis, of
shape (new voxels, old). On a full head each costs a few hundredths of a second on one core, a cubic zoom or a distance
transform seconds. All arrays are float32.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator


def spline_matrix(n: int, spacing: float, offset: float = 0.0) -> np.ndarray:
    """Cubic B-spline weights of knots `spacing` voxels apart, shifted by `offset` spacings; white noise stays white."""
    position = np.arange(n) / spacing + offset + 1
    knots = np.arange(int(np.ceil(position[-1])) + 2)
    distance = np.abs(position[:, None] - knots)
    weights = np.where(
        distance < 1, 2 / 3 - distance**2 + distance**3 / 2, np.where(distance < 2, (2 - distance) ** 3 / 6, 0)
    )
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


def along_axes(volume: np.ndarray, first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """Multiply a volume by one matrix per axis."""
    volume = (first @ volume.reshape(volume.shape[0], -1)).reshape(-1, *volume.shape[1:])
    return np.matmul(second, volume) @ third.T


def smooth_field(rng: Generator, shape: Sequence[int], spacing: float | Sequence[float]) -> np.ndarray:
    """A random field of mean 0 and variance 1 at every voxel; points `spacing` voxels apart are all but independent."""
    # Knots are shifted, so that they lie nowhere in particular.
    matrices = [spline_matrix(n, s, rng.random()) for n, s in zip(shape, np.broadcast_to(spacing, 3), strict=True)]
    white = rng.standard_normal([m.shape[1] for m in matrices], dtype=np.float32)
    return along_axes(white, *matrices)


def sheets(field: np.ndarray, width: float) -> np.ndarray:
    """Soft sheets (0-1) where a field is near 0, within `width`; the product of two is a net of curved tubes."""
    return np.exp(-0.5 * (field / width) ** 2)


def blur_matrix(n: int, sigma: float) -> np.ndarray:
    """Gaussian blur along one axis; edges are repeated."""
    index = np.arange(n)
    weights = np.exp(-0.5 * ((index[:, None] - index) / sigma) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def thick_slice_matrix(n: int, thickness: float, offset: float = 0.0) -> np.ndarray:
    """What becomes of an axis that was scanned in thick slices and then interpolated linearly to 1 mm.

    The slices touch each other; the first starts `offset` thicknesses (0-1) after the axis does.
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
