"""Slices as pictures: four modalities of one axial slice, 128 x 128 pixels, from 0 to 1, with their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brats_lib.labels import one_hot, to_classes
from brats_lib.slices.preprocess import resize_labels, resize_slices
from brats_lib.slices.stacks import Stack
from brats_lib.studies.related.blocks import cut

SIZE = 128
# Side in mm of the square around a brain that becomes a picture: the longest brains are a little shorter.
SIDE = 192
# Share of the voxels of a brain's volume that the darkest and the brightest grey may stand for.
_PERCENTILES = (0.1, 99.9)
# Where the first and the last slice of a case lie, as shares of the brain's height.
_LOWEST, _HIGHEST = 0.3, 0.85


@dataclass(frozen=True)
class Pictures:
    """Slices of several cases."""

    images: np.ndarray  # float16, (n, 128, 128, 4), in 0-1, modalities as in `cases.MODALITIES`; 0 outside the brain
    classes: np.ndarray  # uint8, (n, 128, 128), class indices 0-3
    brain: np.ndarray  # bool, (n, 128, 128)
    case: np.ndarray  # (n,): which of the names a slice is of
    names: tuple[str, ...]  # of the cases

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Any) -> "Pictures":
        """Some of the slices, by index or condition."""
        return Pictures(
            self.images[indices], self.classes[indices], self.brain[indices], self.case[indices], self.names
        )

    def labelled(self) -> np.ndarray:
        """Intensities and one-hot classes, float32, (n, 128, 128, 4 + classes)."""
        return np.concatenate([self.images.astype(np.float32), one_hot(self.classes)], -1)

    def mirrored(self) -> "Pictures":
        """The slices mirrored left to right."""
        return Pictures(self.images[:, ::-1], self.classes[:, ::-1], self.brain[:, ::-1], self.case, self.names)


def make_pictures(stacks: Sequence[Stack], per_case: int = 8) -> Pictures:
    """Take evenly spaced axial slices of standardised cases with labels and all four modalities."""
    parts = [_case_pictures(stack, per_case) for stack in stacks]
    images, classes, brain = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    case = np.repeat(np.arange(len(stacks)), per_case)
    return Pictures(images, classes, brain, case, tuple(stack.name for stack in stacks))


def _case_pictures(stack, per_case):
    volume = np.asarray(stack.images)
    brain = (volume != 0).any(axis=-1)
    chosen = np.round(np.linspace(_LOWEST, _HIGHEST, per_case) * (brain.shape[2] - 1)).astype(int)
    channels = [scale_brain(volume[..., channel], brain)[:, :, chosen] for channel in range(volume.shape[-1])]
    images = fit_square(np.moveaxis(np.stack(channels, axis=-1), 2, 0))
    inside = resize_slices(fit_square(np.moveaxis(brain[:, :, chosen], 2, 0)), SIZE) > 0.5
    classes = fit_square(np.moveaxis(to_classes(np.asarray(stack.labels)[:, :, chosen]), 2, 0))
    images = np.clip(resize_slices(images, SIZE), 0, 1) * inside[..., None]
    return images.astype(np.float16), resize_labels(classes, SIZE) * inside, inside


def scale_brain(image: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Scale a standardised volume to 0-1: the 0.1th percentile of the brain becomes 0, the 99.9th 1; 0 outside.

    A standardised volume has lost where its zero was. The darkest voxels of a brain are close to it.
    """
    image = np.asarray(image, np.float32)
    low, high = np.percentile(image[brain], _PERCENTILES)
    return np.where(brain, np.clip((image - low) / max(high - low, 1e-6), 0, 1), 0).astype(np.float32)


def fit_square(slices: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Cut or fill slices (n, x, y, ...) to a square around their middle."""
    starts = [-((side - length) // 2) for length in slices.shape[1:3]]
    return cut(slices, (0, *starts), (len(slices), side, side))
