"""What is wrong or odd in the files of one case."""

from collections import Counter
from pathlib import Path

import numpy as np

from brats_lib.cases import MODALITIES, Case
from brats_lib.cases.audit.findings import Finding, Report
from brats_lib.cases.audit.images import look
from brats_lib.cases.audit.likeness import signature
from brats_lib.cases.codes import labels_of, refuse_brain
from brats_lib.cases.grids import GRID_TOLERANCE_MM
from brats_lib.cases.hashes import voxel_hash
from brats_lib.cases.layouts import LAYOUT_OF_NAME
from brats_lib.cases.nifti import Grid, Image, read_image
from brats_lib.errors import BratsError
from brats_lib.labels import BACKGROUND, ET

__all__ = ["audit_case"]

BRATS_SHAPE, BRATS_SPACING = (240, 240, 155), (1.0, 1.0, 1.0)
ANOTHER_COPY = "Copy or download this case again, or leave it out"


def audit_case(case: Case) -> Report:
    """Look at every file of a case.

    Parameters
    ----------
    case : Case

    Returns
    -------
    Report
        What is wrong with the case is a finding, never an error raised.
    """
    report = Report(case.name)
    layout = LAYOUT_OF_NAME[case.layout]
    for role in (*MODALITIES, "mask"):
        try:
            case.refuse_rivals("mask") if role == "mask" else case.need((role,))
        except BratsError as error:
            problem = "ambiguous" if role in case.rivals else "missing-modality"
            report.findings.append(Finding(case.name, "error", problem, str(error)))
    for path in case.ignored:
        advice = "Nothing needs to be done, unless it is one of the case's images or its mask; then rename it"
        report.add("info", "left-alone", path, "its name is that of no modality and no tumour mask", "either", advice)
    grids, volumes = [], {}
    for path in dict.fromkeys(case.files[modality] for modality in case.modalities):
        image = _read(report, path, 4 if layout.in_one_image else 1)
        if image is None:
            continue
        grids.append(image.grid)
        for modality in case.modalities:
            if case.files[modality] == path:
                channel = layout.images[modality] if layout.in_one_image else None
                volume = _audit_volume(report, image, channel, modality)
                if volume is not None:
                    volumes[modality] = len(grids) - 1, volume
    reference = _reference(grids)
    fits = [_compare_grids(report, grid, reference) for grid in grids]
    if reference is not None:
        _brats_grid(report, reference)
        spacing = " x ".join(f"{size:.3g}" for size in reference.spacing)
        report.grid = f"axes {reference.axes}, shape {reference.shape}, voxels of {spacing} mm"
    labels = _audit_mask(report, case, reference)
    together = {modality: volume for modality, (place, volume) in volumes.items() if fits[place]}
    if together:
        for remark in look(together, reference.spacing, labels):
            path = case.files.get(remark.about, case.mask_file)
            report.add(remark.severity, remark.problem, path, remark.found, remark.expected, remark.advice)
    return report


def _reference(grids: list[Grid]) -> Grid | None:
    """The first image of the shape that most have: the odd one out is the one to report."""
    shapes = Counter(grid.shape for grid in grids)
    return max(grids, key=lambda grid: shapes[grid.shape], default=None)


def _read(report: Report, path: Path, channels: int) -> Image | None:
    try:
        image = read_image(path)
    except BratsError as error:
        report.findings.append(Finding(report.case, "error", "unreadable", str(error)))
        return None
    if image.grid.channels != channels:
        shape = f"its shape is {image.grid.stored_shape}"
        report.add("error", "shape", path, shape, f"{channels} volume(s) in one file", ANOTHER_COPY)
        return None
    if image.grid.unit not in ("mm", "unknown"):
        advice = "Nothing needs to be done if a brain has its size then; else write the header again"
        report.add(
            "warning", "units", path, f"its header gives lengths in {image.grid.unit}", "mm, as they are read", advice
        )
    for severity, clause in image.grid.remarks:
        report.add(severity, "header", path, clause, "sform and qform that agree", "Check left and right by eye")
    return image


def _compare_grids(report: Report, grid: Grid, reference: Grid) -> bool:
    """Say where a file is elsewhere; whether its voxels can be compared with the others'."""
    if grid.shape != reference.shape:
        expected = f"{reference.shape} as in {reference.path.name}"
        report.add("error", "shape", grid.path, f"its shape is {grid.shape}", expected, ANOTHER_COPY)
        return False
    if grid.offset_mm(reference) > GRID_TOLERANCE_MM:
        # Reading refuses only this pair of axes; a shifted origin leaves the voxels where they are.
        severity = "error" if grid.axes != reference.axes else "warning"
        found = f"its affine puts it {grid.offset_mm(reference):.1f} mm away (axes {grid.axes})"
        expected = f"the place of {reference.path.name} (axes {reference.axes})"
        report.add(severity, "affine", grid.path, found, expected, "Check that the case's files belong together")
        return severity == "warning"
    if grid.axes != reference.axes:
        found, expected = f"its axes are stored as {grid.axes}", f"{reference.axes} as in {reference.path.name}"
        advice = "It is turned when it is read or exported here; programs that ignore headers mix it up"
        report.add("warning", "axes", grid.path, found, expected, advice)
    return True


def _audit_volume(report: Report, image: Image, channel: int | None, modality: str) -> np.ndarray | None:
    remarks = []
    try:
        volume = image.values(channel, remarks)
    except BratsError as error:
        report.findings.append(Finding(report.case, "error", "not-finite", str(error)))
        return None
    for clause in remarks:
        report.add("info", "nan-background", image.path, clause, "0 outside the brain", "Nothing needs to be done")
    low, high = volume.min(), volume.max()
    where = image.path if channel is None else f"{image.path} channel {channel}"
    if low == high:
        report.add("error", "empty-image", where, f"every voxel is {low:g}", "a brain", ANOTHER_COPY)
        return None
    if low < 0:
        negative = f"{int((volume < 0).sum())} voxels are negative, down to {low:g}"
        advice = "Check that it was not normalised already; the background must be 0"
        report.add("warning", "negative-values", where, negative, "0 outside the brain and more inside", advice)
    report.hashes[modality] = voxel_hash(volume)
    found = signature(volume, image.grid.spacing)
    if found is not None:
        report.signatures[modality] = found
    return volume


def _brats_grid(report: Report, grid: Grid) -> None:
    if not np.allclose(grid.spacing, BRATS_SPACING, atol=0.01):
        spacing = " x ".join(f"{size:.3g}" for size in grid.spacing)
        advice = "Resample it to 1 mm, registered to the SRI24 atlas as BraTS is"
        report.add("warning", "spacing", grid.path, f"its voxels are {spacing} mm", "1 x 1 x 1 mm", advice)
    if grid.shape != BRATS_SHAPE:
        advice = "It can be used, but scores are not comparable with BraTS cases"
        report.add("info", "size", grid.path, f"its shape is {grid.shape}", f"{BRATS_SHAPE} in BraTS", advice)


def _audit_mask(report: Report, case: Case, reference: Grid | None) -> np.ndarray | None:
    if case.mask_file is None:
        advice = "Such a case can only be predicted"
        report.add("info", "no-mask", case.folder, f"case {case.name} has no mask", "a mask for training", advice)
        return None
    if case.has_odd_mask:
        advice = "Check that it is; the file is used under the name it has"
        report.add("info", "adopted-mask", case.mask_file, "taken as the mask", "a name ending in _seg", advice)
    image = _read(report, case.mask_file, 1)
    if image is None:
        return None
    fits = reference is not None and _compare_grids(report, image.grid, reference)
    try:
        labels = labels_of(image, LAYOUT_OF_NAME[case.layout].codes)
        refuse_brain(labels, case)
    except BratsError as error:
        report.findings.append(Finding(report.case, "error", "labels", str(error)))
        return None
    present = np.bincount(labels.ravel("K"), minlength=256)
    if present[BACKGROUND] < labels.size:
        report.hashes["mask"] = voxel_hash(labels)
    if present[BACKGROUND] == labels.size:
        report.add("warning", "no-tumour", case.mask_file, "the mask is empty", "a tumour", "Check this case by eye")
    elif not present[ET]:
        advice = "Nothing needs to be done; its ET scores are 1 or 0"
        report.add("info", "no-et", case.mask_file, "the tumour has no enhancing part", "one in most cases", advice)
    return labels if fits else None
