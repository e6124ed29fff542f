"""From a case's volumes to the slices a network reads: scale, select, resize.

The paper, section 3.2, scales each modality of each patient, takes axial slices and resizes them to 128x128. All
statistics come from the whole volume, so that training and prediction see the same numbers whatever slices they use.
"""

from functools import lru_cache

import numpy as np

from brats_lib import labels
from brats_lib.errors import BratsError

__all__ = [
    "brain_box", "case_labels", "case_slices", "clip_outliers", "crop", "resize_labels", "resize_slices", "scale01",
    "select_slices", "uncrop", "zscore",
]  # fmt: skip

# How far beyond the 5th and the 95th percentile of a brain, in their distances from each other, an intensity may lie.
# In 104 images of 26 patients none lies further than 6.4, in those of 6 phantoms none further than 7.6.
FENCE = 12.0
# Parts of what is not 0 that empty planes separate from the rest are no brain where they hold less than this share.
STRAY_SHARE = 0.001


def _limits(values):
    """The range of a brain's intensities that no tissue exceeds; what does is no measurement, such as a hot voxel."""
    low, high = np.percentile(values[:: max(1, values.size // 20000)], (5, 95))
    reach = FENCE * (high - low)
    # Where most of a brain is alike there is no scale to measure by.
    return (low - reach, high + reach) if reach > 0 else (-np.inf, np.inf)


def clip_outliers(volume):
    """Bring what no tissue can measure to the end of the range that tissue can; 0 stays 0.

    Parameters
    ----------
    volume : array of float32, any shape
        Intensities; 0 is background.

    Returns
    -------
    array of float32, same shape
        The same array where nothing lies outside.
    """
    values = volume[volume != 0]
    if not values.size:
        return volume
    low, high = _limits(values)
    if low <= values.min() and values.max() <= high:
        return volume
    return np.where(volume != 0, np.clip(volume, np.float32(low), np.float32(high)), 0)


def zscore(volume):
    """Standardise the brain: mean 0 and standard deviation 1 over the non-zero voxels; the background stays 0.

    Voxels that no tissue can measure (`FENCE`) count neither in the mean nor in the deviation, and are clipped: one of
    1e9 would make all others alike.

    Parameters
    ----------
    volume : array, any shape
        Intensities; 0 is background.

    Returns
    -------
    array of float32, same shape
        All zeros where the non-zero voxels are all alike, or there are none.
    """
    volume = np.asarray(volume, np.float32)
    brain = volume != 0
    values = volume[brain].astype(np.float64)
    scaled = np.zeros_like(volume)
    if not values.size:
        return scaled
    low, high = _limits(values)
    inside = values[(low <= values) & (values <= high)]
    if inside.std() > 0:
        scaled[brain] = (np.clip(values, low, high) - inside.mean()) / inside.std()
    return scaled


def scale01(volume, clip_percentile=100.0):
    """Scale to 0-1: zero stays 0, the given percentile of the non-zero voxels and all above it become 1.

    Voxels that no tissue can measure (`FENCE`) do not count.

    Section 3.2 of the paper: "scaling intensities to a specific range (e.g., 0 to 1 after clipping outliers)".

    Parameters
    ----------
    volume : array, any shape
        Intensities; 0 is background. The few negative voxels that interpolation leaves become 0.
    clip_percentile : float
        Percentile, 0-100, of the non-zero voxels; 100 divides by the largest value.

    Returns
    -------
    array of float32, same shape, in 0-1
        All zeros where no voxel is positive.

    Raises
    ------
    ValueError
        If the volume holds NaN, or infinity below the percentile.
    """
    volume = np.asarray(volume, np.float32)
    values = volume[volume != 0]
    if values.size:
        values = values[~(values > _limits(values)[1])]  # not <=, which would drop NaN before it is refused
    top = np.percentile(values, clip_percentile) if values.size else 0.0
    if not np.isfinite(top):
        raise ValueError("the volume holds NaN or infinite voxels")
    if top <= 0:
        return np.zeros_like(volume)
    return np.clip(volume / np.float32(top), 0, 1)


def brain_box(*volumes, margin=0):
    """Find the smallest box that holds the brain: every non-zero voxel of the volumes but strays.

    What empty planes separate from the rest is a stray where it holds less than `STRAY_SHARE` of the voxels.

    Parameters
    ----------
    *volumes : arrays of one shape
        Intensities; 0 is background.
    margin : int
        Voxels added on every side, as far as the volume reaches.

    Returns
    -------
    tuple of slice
        One per axis; ``volume[box]`` is the crop.

    Raises
    ------
    ValueError
        If every voxel is zero.
    """
    brain = np.zeros(np.shape(volumes[0]), bool)
    for volume in volumes:
        brain |= np.asarray(volume) != 0
    box = [slice(0, length) for length in brain.shape]
    # Twice: what one axis gives away as a stray may lie beside the brain along another.
    for axis in 2 * tuple(range(brain.ndim)):
        part, others = brain[tuple(box)], tuple(a for a in range(brain.ndim) if a != axis)
        used = np.flatnonzero(part.any(axis=others))
        if not used.size:
            raise ValueError("every voxel is zero: there is no brain to put a box around")
        if len(used) <= used[-1] - used[0]:
            used = _without_strays(used, np.count_nonzero(part, axis=others))
        start = box[axis].start
        box[axis] = slice(start + int(used[0]), start + int(used[-1]) + 1)
    return tuple(
        slice(max(side.start - margin, 0), min(side.stop + margin, length))
        for side, length in zip(box, brain.shape, strict=True)
    )


def _without_strays(used, counts):
    """Planes of the stretches that hold enough voxels to be brain."""
    stretches = np.split(used, np.flatnonzero(np.diff(used) > 1) + 1)
    sizes = [counts[stretch].sum() for stretch in stretches]
    least = min(STRAY_SHARE * counts.sum(), max(sizes))
    return np.concatenate([stretch for stretch, size in zip(stretches, sizes, strict=True) if size >= least])


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
    case : brats_lib.cohort.Case
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
    case : brats_lib.cohort.Case
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
