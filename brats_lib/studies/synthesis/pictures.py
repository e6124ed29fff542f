"""Slices as pictures: four modalities of one axial slice, 128 x 128 pixels, from 0 to 1, with their labels."""

from dataclasses import dataclass

import numpy as np

from brats_lib.errors import BratsError
from brats_lib.labels import one_hot, to_classes
from brats_lib.slices.preprocess import resize_labels, resize_slices

__all__ = ["SIDE", "SIZE", "Pictures", "fit_square", "make_pictures", "scale_brain"]

SIZE = 128
# Side in mm of the square around a brain that becomes a picture: the longest brains are a little shorter.
SIDE = 192
# Share of the voxels of a brain's volume that the darkest and the brightest grey may stand for.
_PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True)
class Pictures:
    """Slices of several cases.

    Attributes
    ----------
    images : array of float16, shape (n, 128, 128, 4)
        Intensities in 0-1, in the order of `cohort.MODALITIES`; 0 outside the brain.
    classes : array of uint8, shape (n, 128, 128)
        Class indices 0-3.
    brain : array of bool, shape (n, 128, 128)
    case : array of int, shape (n,)
        Which of `names` a slice is of.
    names : tuple of str
        The cases.
    """

    images: np.ndarray
    classes: np.ndarray
    brain: np.ndarray
    case: np.ndarray
    names: tuple

    def __len__(self):
        return len(self.images)

    def take(self, indices):
        """The same kind of object with some of the slices, by index or condition."""
        arrays = (self.images, self.classes, self.brain, self.case)
        return Pictures(*(array[indices] for array in arrays), self.names)

    def of_cases(self, names):
        """The slices of the named cases."""
        return self.take(np.isin(self.case, [self.names.index(name) for name in names]))

    def labelled(self):
        """Intensities and one-hot classes, array of float32, shape (n, 128, 128, 4 + classes)."""
        return np.concatenate([self.images.astype(np.float32), one_hot(self.classes)], -1)

    def mirrored(self):
        """The same slices mirrored left to right."""
        return Pictures(self.images[:, ::-1], self.classes[:, ::-1], self.brain[:, ::-1], self.case, self.names)

    def halves(self):
        """The slices of every second case, and those of the others."""
        even = self.case % 2 == 0
        return self.take(even), self.take(~even)


def make_pictures(stacks, per_case=8, lowest=0.3, highest=0.85):
    """Take evenly spaced axial slices of standardised cases.

    Parameters
    ----------
    stacks : sequence of brats_lib.slices.stacks.Stack
        With labels and all four modalities.
    per_case : int
        Slices of each case.
    lowest, highest : float
        Where the first and the last of them lies, as a share of the brain's height.

    Returns
    -------
    Pictures

    Raises
    ------
    BratsError
        If there are no stacks or one has no labels.
    """
    unlabelled = [stack.name for stack in stacks if stack.labels is None]
    if unlabelled or not stacks:
        found = f"{unlabelled[0]} has no mask" if unlabelled else "there are none"
        raise BratsError("cases to make pictures of", found, "cases with masks", "Give labelled cases")
    parts = [_case_pictures(stack, per_case, lowest, highest) for stack in stacks]
    images, classes, brain = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    case = np.repeat(np.arange(len(stacks)), per_case)
    return Pictures(images, classes, brain, case, tuple(stack.name for stack in stacks))


def scale_brain(image, brain):
    """Scale a standardised volume so that its darkest brain voxel is about 0 and its brightest about 1.

    A standardised volume has lost where its zero was. The darkest voxels of a brain are close to it.

    Parameters
    ----------
    image : array of float, shape (...)
        Standard deviations from the brain's mean.
    brain : array of bool, shape (...)

    Returns
    -------
    array of float32, shape (...)
        In 0-1: the 0.1th percentile of the brain becomes 0, the 99.9th becomes 1; 0 outside the brain.
    """
    image = np.asarray(image, np.float32)
    low, high = np.percentile(image[brain], _PERCENTILES)
    return np.where(brain, np.clip((image - low) / max(high - low, 1e-6), 0, 1), 0).astype(np.float32)


def fit_square(slices, side=SIDE):
    """Cut or fill slices to a square around their middle.

    Parameters
    ----------
    slices : array, shape (n, x, y, ...)
    side : int
        Pixels.

    Returns
    -------
    array, shape (n, side, side, ...)
    """
    square = np.zeros((len(slices), side, side, *slices.shape[3:]), slices.dtype)
    source, target = [slice(None)], [slice(None)]
    for length in slices.shape[1:3]:
        start = (side - length) // 2
        source.append(slice(max(-start, 0), max(-start, 0) + min(length, side)))
        target.append(slice(max(start, 0), max(start, 0) + min(length, side)))
    square[tuple(target)] = slices[tuple(source)]
    return square


def _case_pictures(stack, per_case, lowest, highest):
    volume = np.asarray(stack.images)
    brain = (volume != 0).any(axis=-1)
    chosen = np.linspace(lowest, highest, per_case) * (brain.shape[2] - 1)
    chosen = np.round(chosen).astype(int)
    channels = [scale_brain(volume[..., channel], brain)[:, :, chosen] for channel in range(volume.shape[-1])]
    images = fit_square(np.moveaxis(np.stack(channels, axis=-1), 2, 0))
    inside = resize_slices(fit_square(np.moveaxis(brain[:, :, chosen], 2, 0)), SIZE) > 0.5
    classes = fit_square(np.moveaxis(to_classes(np.asarray(stack.labels)[:, :, chosen]), 2, 0))
    images = np.clip(resize_slices(images, SIZE), 0, 1) * inside[..., None]
    return images.astype(np.float16), resize_labels(classes, SIZE) * inside, inside
