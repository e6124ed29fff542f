"""The grid of BraTS, and an average head that lies on it as BraTS's heads do.

BraTS aligns T1ce rigidly with the SRI24 atlas (Baid et al. 2021), which no package carries. The MNI152 average that
nilearn carries stands in for it, turned, moved and made smaller by what 26 patients of BraTS differ from it in the
mean. It is a brain alone; liquid, bone and scalp of usual thickness are put around it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

GRID = (240, 240, 155)
# Of LPS voxel indices, to NIfTI's millimetres.
AFFINE = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
# The middle of a brain in BraTS, RAS mm; how far its front is turned up from MNI152's, and its size as a share of that.
MIDDLE = AFFINE[:3, :3] @ (119.5, 128.0, 73.0) + AFFINE[:3, 3]
NOD_DEGREES = 9.0
SIZE = np.array([0.933, 0.94, 0.866])
# Signal of what surrounds the brain, up to so many mm from it, as a share of the average's brightest.
SHELLS = ((2.0, 0.3), (8.0, 0.1), (14.0, 1.2), (25.0, 0.0))
# Below this height in MNI152, mm, the face and the neck lie around the brain, which shells do not stand for.
BASE_MM, BASE_RIM_MM = -20.0, 3.0


@dataclass(frozen=True)
class Head:
    """An average head on the grid of BraTS, LPS."""

    t1: np.ndarray  # float32
    brain: np.ndarray  # bool
    known: np.ndarray  # bool: where `t1` says what a head looks like


def turned(degrees: float) -> np.ndarray:
    """Matrix (3, 3) that turns the front up."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])


@lru_cache(maxsize=1)
def average_head() -> Head:
    """Make the head, once per process."""
    # nilearn imports scikit-learn, seconds that only those who prepare scans should wait for.
    from nilearn import datasets

    step = 2  # mm; finer ones are not needed and take long
    image = datasets.load_mni152_brain_mask(resolution=step)
    brain = np.asarray(image.dataobj) > 0
    t1 = np.asarray(datasets.load_mni152_template(resolution=step).dataobj, np.float32) * brain
    # The average is cut through the brainstem, and where the grid ends, at its lower edge.
    distance = ndimage.distance_transform_edt(~brain) * step
    for far, signal in reversed(SHELLS):
        t1[~brain & (distance <= far)] = signal
    height = np.arange(brain.shape[2]) * step + image.affine[2, 3]
    known = distance <= np.where(height > BASE_MM, SHELLS[-1][0], BASE_RIM_MM)
    middle = [(where.min() + where.max()) / 2 for where in np.nonzero(brain)]
    to_world = np.eye(4)
    to_world[:3, :3] = turned(NOD_DEGREES) @ np.diag(SIZE) @ image.affine[:3, :3]
    to_world[:3, 3] = MIDDLE - to_world[:3, :3] @ middle
    matrix = np.linalg.inv(to_world) @ AFFINE
    maps = (
        ndimage.affine_transform(np.asarray(volume, np.float32), matrix[:3, :3], matrix[:3, 3], GRID, order=1)
        for volume in (t1, brain, known)
    )
    t1, brain, known = maps
    return Head(t1, brain >= 0.5, known >= 0.5)
