"""Scans on any grid to the one that networks learnt on, 1 mm in LPS axes, and probabilities back to the scan's own.

Affines take LPS voxel indices to NIfTI's millimetres, as `Case.affine` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from brats_lib.cases.brain import brain_box, clip_outliers
from brats_lib.cases.case import Case
from brats_lib.cases.grids import CORNERS, by_axis
from brats_lib.errors import BratsError

# No voxel further from its standard place than this: one voxel, at a corner; within the brain it is less.
OFFSET_MM = 1.0
# NIfTI's world grows to the right, to the front and up; LPS to the left, to the back and up.
TO_LPS = np.diag([-1.0, -1.0, 1.0])
# A Gaussian as wide (full width at half maximum) as the voxels it stands for.
FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))
# Voxels of which at least half is brain are brain.
BRAIN_SHARE = 0.5


def is_standard(affine: np.ndarray, shape: tuple[int, int, int]) -> bool:
    """Whether a grid can be used as it is: 1 mm voxels along the patient's axes.

    True where a grid of exactly 1 mm along the axes with the same centre would move no corner by more than
    `OFFSET_MM`. Headers written by different tools differ by less.
    """
    deviation = TO_LPS @ affine[:3, :3] - np.eye(3)
    corners = (CORNERS - 0.5) * (np.array(shape) - 1)
    return bool(np.linalg.norm(corners @ deviation.T, axis=1).max() <= OFFSET_MM)


def need_standard_grid(case: Case) -> None:
    """Refuse a case on another grid than 1 mm along the axes, for recipes that know no other."""
    if not is_standard(case.affine, case.shape):
        found = f"its voxels are {by_axis(case.spacing)} mm"
        advice = "Choose a network of the native recipe, or resample the case to 1 mm"
        raise BratsError(f"case {case.name}", found, "1 mm along the axes", advice)


@dataclass(frozen=True)
class StandardGrid:
    """A box of 1 mm voxels in LPS axes that holds the brain of a scan, and the way between both."""

    shape: tuple[int, int, int]  # of the box, in voxels of 1 mm
    to_scan: np.ndarray  # indices of the box to indices within the scan's crop, (4, 4)
    crop: tuple[slice, ...]  # the part of the scan that holds the brain, with one voxel around it where there is one
    spacing: np.ndarray  # voxel size of the scan in mm

    @classmethod
    def around(cls, volumes: Sequence[np.ndarray], affine: np.ndarray) -> "StandardGrid":
        """Fit the box to the voxels that are not 0 in any of a scan's volumes; ValueError where there are none."""
        crop = brain_box(*volumes, margin=1)
        size = np.array([s.stop - s.start for s in crop])
        linear = TO_LPS @ affine[:3, :3]
        # Corners of the crop's outermost voxels, not their centres.
        corners = (CORNERS * size - 0.5) @ linear.T
        low, high = corners.min(axis=0), corners.max(axis=0)
        x, y, z = map(int, np.maximum(np.ceil(high - low - 1e-3), 1))
        # The box is as central as whole voxels allow.
        origin = (low + high - np.array([x - 1, y - 1, z - 1])) / 2
        to_scan = np.eye(4)
        to_scan[:3, :3] = np.linalg.inv(linear)
        to_scan[:3, 3] = to_scan[:3, :3] @ origin
        return cls((x, y, z), to_scan, crop, np.linalg.norm(linear, axis=0))

    def bring(self, volume: np.ndarray) -> np.ndarray:
        """Resample a volume of the scan into the box, as float32.

        Linear interpolation, after smoothing to the width of 1 mm along axes whose voxels are smaller. Only brain
        counts: the 0 outside takes no part in any mean, so the brain's edge keeps its brightness.
        """
        # One hot voxel would spread to its neighbours.
        values = clip_outliers(np.asarray(volume[self.crop], np.float32))
        brain = (values != 0).astype(np.float32)
        sigma = np.sqrt(np.maximum((1 / self.spacing) ** 2 - 1, 0)) / FWHM_PER_SIGMA
        if sigma.any():
            values, brain = (ndimage.gaussian_filter(array, sigma, mode="constant") for array in (values, brain))
        values, brain = (_interpolate(array, self.to_scan, self.shape) for array in (values, brain))
        inside = brain >= BRAIN_SHARE
        return np.where(inside, values / np.where(inside, brain, 1), 0).astype(np.float32)

    def take_back(self, probabilities: np.ndarray) -> np.ndarray:
        """Interpolate (*shape, channels) in the box linearly at the voxels of the scan's crop; 0 outside the box."""
        size = tuple(s.stop - s.start for s in self.crop)
        back = np.linalg.inv(self.to_scan)
        return np.stack([_interpolate(channel, back, size) for channel in np.moveaxis(probabilities, -1, 0)], -1)


def _interpolate(array: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return ndimage.affine_transform(
        array, matrix[:3, :3], matrix[:3, 3], shape, np.float32, order=1, mode="grid-constant"
    )
