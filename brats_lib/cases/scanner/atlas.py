"""The grid and the head position of BraTS, and the average brain in it.

BraTS aligns T1ce rigidly with the SRI24 atlas (Baid et al. 2021), which no package carries. The MNI152 average that
nilearn carries stands in for it: moved to where BraTS has heads, and made as small as SRI24's.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

GRID = (240, 240, 155)
# Of LPS voxel indices, to NIfTI's millimetres.
AFFINE = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
# Heads of BraTS are centred here, in voxels of the grid, and smaller than MNI152's by these factors (skull-stripped
# volume about 1450 mL instead of 1880 mL).
HEAD_CENTRE = (119.5, 122.0, 73.5)
SCALES = (0.945, 0.95, 0.915)


@dataclass(frozen=True)
class Brain:
    """An average brain on the grid of BraTS, LPS."""

    t1: np.ndarray  # float32, 0-1, 0 outside the brain
    mask: np.ndarray  # bool


@lru_cache(maxsize=1)
def average_brain() -> Brain:
    """Resample the MNI152 average to the grid, once per process."""
    # nilearn imports scikit-learn, seconds that only those who prepare scans should wait for.
    from nilearn import datasets

    t1, brain = datasets.load_mni152_template(resolution=1), datasets.load_mni152_brain_mask(resolution=1)
    t1, brain = (np.asarray(image.dataobj, np.float32)[::-1, ::-1] for image in (t1, brain))
    centre = np.array([(where.min() + where.max()) / 2 for where in np.nonzero(brain)])
    matrix = 1 / np.array(SCALES)
    offset = centre - matrix * HEAD_CENTRE
    # The average is cut through the brainstem at the grid's lower edge; below, it goes on as it ends.
    t1, brain = (
        ndimage.affine_transform(volume, matrix, offset, GRID, order=1, mode="grid-constant")
        for volume in (t1 * brain, brain)
    )
    return Brain(t1, brain >= 0.5)
