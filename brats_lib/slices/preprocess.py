"""From a case's volumes to the slices a network reads: scale, select, resize.

The paper, section 3.2, scales each modality of each patient, takes axial slices and resizes them to 128x128. All
statistics come from the whole volume, so that training and prediction see the same numbers whatever slices they use.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from brats_lib import labels
from brats_lib.cases import Case
from brats_lib.cases.brain import scale01
from brats_lib.errors import BratsError
from brats_lib.recipes import Recipe


def uncrop(cropped: np.ndarray, box: tuple[slice, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Put ``volume[box]`` back into a volume of the original shape (x, y, z), with 0 around it; channels may follow."""
    volume = np.zeros((*shape, *cropped.shape[len(shape) :]), cropped.dtype)
    volume[box] = cropped
    return volume


@lru_cache(maxsize=32)
def _interpolation_matrix(source, target):
    """Weights (target, source) of linear interpolation along one axis, half-pixel centres, edges clamped."""
    position = (np.arange(target) + 0.5) * source / target - 0.5
    below = np.floor(position).astype(int)
    weight = position - below
    matrix = np.zeros((target, source), np.float32)
    # Added, not assigned: at the edges both neighbours are the same pixel.
    for neighbour, share in ((below, 1 - weight), (below + 1, weight)):
        np.add.at(matrix, (np.arange(target), np.clip(neighbour, 0, source - 1)), share)
    matrix.setflags(write=False)
    return matrix


def resize_slices(stack: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Resize slices bilinearly, pixels being areas with their value at the centre (half-pixel centres).

    The same numbers as ``tf.image.resize(..., "bilinear", antialias=False)`` and ``cv2.INTER_LINEAR``. Bilinear
    interpolation is separable and linear, so a stack of slices is two matrix products.

    From (n, x, y) or (n, x, y, channels) to float32 of the same axes, with both sides of `size`, or x and y of it.
    """
    stack = np.asarray(stack, np.float32)
    sides = np.broadcast_to(size, 2).tolist()
    along_x, along_y = map(_interpolation_matrix, stack.shape[1:3], sides)
    # One large product per axis: one small product per slice spends its time on waking threads.
    resized = np.tensordot(along_x, stack, axes=(1, 1))
    resized = np.tensordot(resized, along_y, axes=(2, 1))
    return np.ascontiguousarray(np.moveaxis(resized, (0, 1, -1), (1, 0, 2)))


def resize_labels(classes: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Resize class indices (n, x, y) as in `resize_slices`: each class's map, then the most probable class.

    Nearest neighbour drops stretches of a thin enhancing rim; this does not. A draw goes to the lower class index.
    """
    best = resize_slices(classes == 0, size)
    winner = np.zeros(best.shape, np.uint8)
    for index in range(1, len(labels.LABELS)):
        share = resize_slices(classes == index, size)
        winner[share > best] = index
        np.maximum(best, share, out=best)
    return winner


def _select(volume, recipe, where):
    """A recipe's axial slices of a volume (x, y, z), as (slices, x, y)."""
    depth = volume.shape[2]
    if depth < recipe.stop_slice:
        used = f"slices {recipe.first_slice} to {recipe.stop_slice - 1}"
        expected = f"at least {recipe.stop_slice}, because the recipe uses {used}"
        advice = "Use a case resampled to the BraTS grid (240 x 240 x 155, 1 mm), or a recipe with fewer slices"
        raise BratsError(where, f"it has {depth} axial slices", expected, advice)
    return np.moveaxis(volume[:, :, recipe.first_slice : recipe.stop_slice], 2, 0)


def case_slices(case: Case, recipe: Recipe, volumes: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
    """Make the network's input from a case.

    It is float32 (slices, size, size, channels) in 0-1, with channels in the order of ``recipe.modalities``. `volumes`
    are the case's modalities by name, where they were read already.
    """
    images = np.empty((recipe.slices, recipe.size, recipe.size, len(recipe.modalities)), np.float32)
    for channel, modality in enumerate(recipe.modalities):
        where = f"{case.name}, {modality}"
        volume = volumes[modality] if volumes else case.volume(modality)
        try:
            scaled = scale01(volume, recipe.clip_percentile)
        except ValueError as error:
            raise BratsError(where, str(error), "finite intensities", "Download or convert this case again") from error
        images[..., channel] = resize_slices(_select(scaled, recipe, where), recipe.size)
    # Weights that sum to 1 within rounding can overshoot the range by one unit in the last place.
    return np.clip(images, 0, 1, out=images)


def case_labels(case: Case, recipe: Recipe) -> np.ndarray:
    """Make the network's target from a case with a mask: class indices 0-3, uint8, shape (slices, size, size)."""
    return resize_labels(labels.to_classes(_select(case.mask(), recipe, f"{case.name}, mask")), recipe.size)
