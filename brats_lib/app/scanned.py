"""A scan as it comes from the scanner: made a case for the networks, and looked at as it was all the same."""

import math
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brats_lib.app.scans import ONE_AT_A_TIME, Scan, display, open_scan
from brats_lib.app.uploads import MAX_VOXELS, NAME
from brats_lib.cases import Case
from brats_lib.cases.grids import new_grid
from brats_lib.cases.nifti import write_scan
from brats_lib.cases.scanner.original import mask_on_scan
from brats_lib.errors import BratsError
from brats_lib.prediction.inference import Prediction

if TYPE_CHECKING:
    from brats_lib.cases.scanner.series import Series

REFERENCE = "t1ce"
# Several are in memory at once while they are aligned.
MAX_SERIES_VOXELS = 2 * MAX_VOXELS


def make(
    chosen: "Mapping[str, tuple[Series, str]]", remarks: Iterable[str], folder: Path, report: Callable[[str], None]
) -> None:
    """Prepare series as `brats prepare` does, into a folder: the case, its report, and its T1ce as it was scanned.

    `chosen` and `remarks` are what `preparation.prepare_series` takes; `report` is called before each step.
    """
    from brats_lib.cases.scanner.preparation import prepare_series, save

    for series, _ in chosen.values():
        if (voxels := math.prod(series.shape)) > MAX_SERIES_VOXELS:
            found, advice = f"its headers claim {voxels:,} voxels", "Choose another series, or resample it first"
            raise BratsError(series.name, found, f"at most {MAX_SERIES_VOXELS:,}", advice)
    with ONE_AT_A_TIME:
        save(prepare_series(chosen, remarks, report=report), folder / NAME)
        series, _ = chosen[REFERENCE]
        path = _original(folder).files[REFERENCE]
        volume = new_grid(path, series.shape, series.affine).to_lps(series.load())
        write_scan(volume, new_grid(path, series.stored_shape, series.stored_affine), path)


def _original(folder):
    """The T1ce as it was scanned, as a case."""
    return Case(NAME, {REFERENCE: folder / "original" / f"{NAME}_{REFERENCE}.nii"})


def report_file(folder: Path) -> Path:
    """The report of what was made."""
    return folder / NAME / "preparation.html"


def open_prepared(folder: Path, modalities: Iterable[str]) -> Scan:
    """The scan that `make` made of these modalities, with its `original`."""
    case = Case(NAME, {modality: folder / NAME / f"{NAME}_{modality}.nii.gz" for modality in modalities})
    original = _original(folder)
    return replace(open_scan(case), original=display(original, original.volumes([REFERENCE])))


def brought_back(scan: Scan, prediction: Prediction) -> Prediction:
    """What a network says about a prepared scan, on the grid of its `original`: the mask alone."""
    assert scan.original is not None
    with tempfile.TemporaryDirectory(prefix="mask-") as name:
        here, there = Path(name) / "mask.nii", Path(name) / "back.nii"
        scan.case.save_mask(prediction.mask, here)
        mask_on_scan(here, scan.case, there)
        return Prediction(scan.original.case.read_mask_file(there), np.zeros(0, np.float16))
