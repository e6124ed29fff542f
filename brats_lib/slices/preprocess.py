"""From a case's volumes to the slices a network reads: scale, select, resize.

The paper, section 3.2, scales each modality of each patient, takes axial slices and resizes them to 128x128. All
statistics come from the whole volume, so that training and prediction see the same numbers whatever slices they use.
"""

from functools import lru_cache

import numpy as np

from brats_lib import labels
from brats_lib.cases.brain import scale01
from brats_lib.errors import BratsError

__all__ = [
    "case_labels",
    "case_slices",
    "crop",
    "resize_labels",
    "resize_slices",
    "select_slices",
    "uncrop",
]


def crop(volume, box):
    """Cut a box out of a volume; further axes (channels) are kept whole.

    Parameters
    ----------
    volume : array, shape (x, y, z, ...)
    box : tuple of slice
        As from `brain_box`.

    Returns
    -------
    array
        A view of `volume`.
    """
    return volume[tuple(box)]


def uncrop(cropped, box, shape, fill=0):
    """Put what `crop` cut out back into a volume of the original shape.

    Parameters
    ----------
    cropped : array, shape (x', y', z', ...)
    box : tuple of slice
        The box it was cropped with.
    shape : tuple of int
        The original (x, y, z).
    fill : number
        Value outside the box.

    Returns
    -------
    array, shape (x, y, z, ...), of `cropped`'s dtype
    """
    volume = np.full((*shape, *cropped.shape[len(shape) :]), fill, cropped.dtype)
    volume[tuple(box)] = cropped
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


def _pair(size):
    """(X, Y) from a side or a pair."""
    return (size, size) if np.ndim(size) == 0 else tuple(size)


def resize_slices(stack, size):
    """Resize slices bilinearly, pixels being areas with their value at the centre (half-pixel centres).

    The same numbers as ``tf.image.resize(..., "bilinear", antialias=False)`` and ``cv2.INTER_LINEAR``. Bilinear
    interpolation is separable and linear, so a stack of slices is two matrix products.

    Parameters
    ----------
    stack : array, shape (n, x, y) or (n, x, y, channels)
        Any size, to be enlarged or reduced.
    size : int or (int, int)
        Target side, or target (x, y).

    Returns
    -------
    array of float32, shape (n, X, Y) or (n, X, Y, channels)
    """
    stack = np.asarray(stack, np.float32)
    along_x, along_y = (
        _interpolation_matrix(int(s), int(t)) for s, t in zip(stack.shape[1:3], _pair(size), strict=True)
    )
    # One large product per axis: one small product per slice spends its time on waking threads.
    resized = np.tensordot(along_x, stack, axes=(1, 1))
    resized = np.tensordot(resized, along_y, axes=(2, 1))
    return np.ascontiguousarray(np.moveaxis(resized, (0, 1, -1), (1, 0, 2)))


def resize_labels(classes, size):
    """Resize class indices: each class's map bilinearly, then the most probable class.

    Nearest neighbour drops stretches of a thin enhancing rim; this does not. A draw goes to the lower class index.

    Parameters
    ----------
    classes : array of int, shape (n, x, y)
        Class indices 0-3.
    size : int or (int, int)
        Target side, or target (x, y).

    Returns
    -------
    array of uint8, shape (n, X, Y)
    """
    classes = np.asarray(classes)
    best = resize_slices(classes == 0, size)
    winner = np.zeros(best.shape, np.uint8)
    for index in range(1, len(labels.LABELS)):
        share = resize_slices(classes == index, size)
        winner[share > best] = index
        np.maximum(best, share, out=best)
    return winner


def select_slices(volume, first_slice, stop_slice, where="volume"):
    """Take axial slices out of a volume.

    Parameters
    ----------
    volume : array, shape (x, y, z)
    first_slice, stop_slice : int
        First slice taken, and the one after the last.
    where : str
        What the error message calls the volume.

    Returns
    -------
    array, shape (stop_slice - first_slice, x, y)
        A view of `volume`.

    Raises
    ------
    BratsError
        If the volume has fewer than `stop_slice` slices.
    """
    depth = volume.shape[2]
    if depth < stop_slice:
        raise BratsError(
            where,
            f"it has {depth} axial slices",
            f"at least {stop_slice}, because the recipe uses slices {first_slice} to {stop_slice - 1}",
            "Use a case resampled to the BraTS grid (240 x 240 x 155, 1 mm), or a recipe with fewer slices",
        )
    return np.moveaxis(volume[:, :, first_slice:stop_slice], 2, 0)


def case_slices(case, recipe, volumes=None):
    """Make the network's input from a case.

    Parameters
    ----------
    case : brats_lib.cases.Case
    recipe : brats_lib.recipes.Recipe
    volumes : dict of str to array of float32, shape (x, y, z), optional
        Its modalities, where they were read already.

    Returns
    -------
    array of float32, shape (slices, size, size, channels), in 0-1
        Channels in the order of ``recipe.modalities``.

    Raises
    ------
    BratsError
        If a volume has too few slices or holds voxels that are no numbers.
    """
    images = np.empty((recipe.slices, recipe.size, recipe.size, len(recipe.modalities)), np.float32)
    for channel, modality in enumerate(recipe.modalities):
        where = f"{case.name}, {modality}"
        try:
            volume = volumes[modality] if volumes else case.volume(modality)
            volume = scale01(volume, recipe.clip_percentile)
        except ValueError as error:
            raise BratsError(where, str(error), "finite intensities", "Download or convert this case again") from error
        stack = select_slices(volume, recipe.first_slice, recipe.stop_slice, where)
        images[..., channel] = resize_slices(stack, recipe.size)
    # Weights that sum to 1 within rounding can overshoot the range by one unit in the last place.
    return np.clip(images, 0, 1, out=images)


def case_labels(case, recipe):
    """Make the network's target from a case.

    Parameters
    ----------
    case : brats_lib.cases.Case
        A case with a mask.
    recipe : brats_lib.recipes.Recipe

    Returns
    -------
    array of uint8, shape (slices, size, size)
        Class indices 0-3.

    Raises
    ------
    BratsError
        If the mask has too few slices.
    """
    stack = select_slices(case.mask(), recipe.first_slice, recipe.stop_slice, f"{case.name}, mask")
    return resize_labels(labels.to_classes(stack), recipe.size)
