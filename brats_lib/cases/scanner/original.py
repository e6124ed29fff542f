"""From a prepared case back to the scan that it was made of; needs none of the extra's packages."""

from pathlib import Path

import numpy as np
from scipy import ndimage

from brats_lib.cases.case import Case
from brats_lib.cases.grids import new_grid
from brats_lib.cases.nifti import read_grid, read_image, write_mask
from brats_lib.errors import BratsError
from brats_lib.files import read_json

PREPARATION = "preparation.json"
RECORD = 1
EXPECTED, AGAIN = "the record of a preparation", "Run `brats prepare` again"


def is_prepared(case: Case) -> bool:
    """Whether a case is one that `brats prepare` made."""
    record_file = case.folder / PREPARATION
    return record_file.is_file() and read_json(record_file, EXPECTED, AGAIN).get("case") == case.name


def mask_on_scan(mask_file: Path, case: Case, path: Path) -> bool:
    """Write a mask of a prepared case on the grid of its T1ce as scanned; False where the case is no such case."""
    if not is_prepared(case):
        return False
    record_file = case.folder / PREPARATION
    record = read_json(record_file, EXPECTED, AGAIN, ("original", "scans"))
    try:
        scan = record["scans"][record["original"]]
        shape = tuple(int(length) for length in scan["shape"])
        affine, to_scan = (np.array(scan[key], float).reshape(4, 4) for key in ("affine", "to_scan"))
        grid = new_grid(path, shape, affine)
        back = np.linalg.inv(to_scan @ read_grid(mask_file).affine) @ grid.affine
    except (KeyError, TypeError, ValueError, np.linalg.LinAlgError):
        raise BratsError(record_file, "it is damaged", EXPECTED, AGAIN) from None
    mask = read_image(mask_file).values().astype(np.uint8)
    write_mask(resample_labels(mask, back, grid.shape), grid, path)
    return True


def resample_labels(mask: np.ndarray, back: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask on another grid, uint8: each voxel gets the label that has the largest share there.

    `back` (4, 4) takes voxel indices of the new grid to those of the mask. Each label is interpolated linearly.
    """
    labels = [int(label) for label in np.unique(mask) if label]
    shares = [
        ndimage.affine_transform((mask == label).astype(np.float32), back[:3, :3], back[:3, 3], shape, order=1)
        for label in labels
    ]
    shares.insert(0, 1 - sum(shares, np.zeros(shape, np.float32)))
    return np.array([0, *labels], np.uint8)[np.argmax(shares, axis=0)]
