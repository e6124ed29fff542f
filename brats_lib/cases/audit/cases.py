"""What is wrong or odd in the files of one case."""

from collections import Counter
from pathlib import Path

import numpy as np

from brats_lib.cases import MODALITIES, Case
from brats_lib.cases.audit.findings import Report
from brats_lib.cases.audit.images import look
from brats_lib.cases.audit.likeness import signature
from brats_lib.cases.case import voxel_hash
from brats_lib.cases.codes import labels_of, refuse_brain
from brats_lib.cases.grids import GRID_TOLERANCE_MM, by_axis
from brats_lib.cases.layouts import LAYOUT_OF_NAME
from brats_lib.cases.nifti import Grid, Image, read_image
from brats_lib.errors import BratsError
from brats_lib.labels import ET

BRATS_SHAPE, BRATS_SPACING = (240, 240, 155), (1.0, 1.0, 1.0)


def audit_case(case: Case) -> Report:
    """Look at every file of a case; what is wrong with it is a finding, never an error raised."""
    report = Report(case.name)
    channels = LAYOUT_OF_NAME[case.layout].channels
    for role in (*MODALITIES, "mask"):
        try:
            case.refuse_rivals("mask") if role == "mask" else case.need((role,))
        except BratsError as error:
            report.refuse("ambiguous" if role in case.rivals else "missing-modality", error)
    for path in case.ignored:
        report.add("left-alone", path, "its name is that of no modality and no tumour mask")
    grids: dict[Path, Grid] = {}
    volumes: dict[str, np.ndarray] = {}
    for path in dict.fromkeys(case.files[modality] for modality in case.modalities):
        image = _read(report, path, len(channels) or 1)
        if image is None:
            continue
        grids[path] = image.grid
        for modality in case.modalities:
            if case.files[modality] == path:
                volume = _audit_volume(report, image, channels.get(modality), modality)
                if volume is not None:
                    volumes[modality] = volume
    if not grids:
        _audit_mask(report, case, None)
        return report
    # The first image of the shape that most have: the odd one out is the one to report.
    shapes = Counter(grid.shape for grid in grids.values())
    reference = max(grids.values(), key=lambda grid: shapes[grid.shape])
    fits = {path: _compare_grids(report, grid, reference) for path, grid in grids.items()}
    spacing = by_axis(reference.spacing)
    if not np.allclose(reference.spacing, BRATS_SPACING, atol=0.01):
        report.add("spacing", reference.path, f"its voxels are {spacing} mm")
    if reference.shape != BRATS_SHAPE:
        report.add("size", reference.path, f"its shape is {reference.shape}")
    report.grid = f"axes {reference.axes}, shape {reference.shape}, voxels of {spacing} mm"
    labels = _audit_mask(report, case, reference)
    together = {modality: volume for modality, volume in volumes.items() if fits[case.files[modality]]}
    for remark in look(together, reference.spacing, labels) if together else []:
        where = case.files[remark.about] if remark.about in case.files else str(case.mask_file)
        report.add(remark.problem, where, remark.found, **remark.said._asdict())
    return report


def _read(report: Report, path: Path, channels: int) -> Image | None:
    """Read a file and report what is odd in its header; None where it cannot be used."""
    try:
        image = read_image(path)
    except BratsError as error:
        report.refuse("unreadable", error)
        return None
    grid = image.grid
    if grid.channels != channels:
        report.add("shape", path, f"its shape is {grid.stored_shape}", expected=f"{channels} volume(s) in one file")
        return None
    if grid.unit not in ("mm", "unknown"):
        report.add("units", path, f"its header gives lengths in {grid.unit}")
    for severity, clause in grid.remarks:
        report.add("header", path, clause, severity=severity)
    return image


def _compare_grids(report: Report, grid: Grid, reference: Grid) -> bool:
    """Say where a file is elsewhere; whether its voxels can be compared with the others'."""
    other = reference.path.name
    if grid.shape != reference.shape:
        report.add("shape", grid.path, f"its shape is {grid.shape}", expected=f"{reference.shape} as in {other}")
        return False
    away = grid.offset_mm(reference)
    if away > GRID_TOLERANCE_MM:
        # Reading refuses only another pair of axes; a shifted origin leaves the voxels where they are.
        severity = "error" if grid.axes != reference.axes else "warning"
        found = f"its affine puts it {away:.1f} mm away (axes {grid.axes})"
        expected = f"the place of {other} (axes {reference.axes})"
        report.add("affine", grid.path, found, expected=expected, severity=severity)
        return severity == "warning"
    if grid.axes != reference.axes:
        expected = f"{reference.axes} as in {other}"
        report.add("axes", grid.path, f"its axes are stored as {grid.axes}", expected=expected)
    return True


def _audit_volume(report: Report, image: Image, channel: int | None, modality: str) -> np.ndarray | None:
    """Report what is wrong with the values of one image, and note its hash and signature; None where it is empty."""
    remarks: list[str] = []
    try:
        volume = image.values(channel, remarks)
    except BratsError as error:
        report.refuse("not-finite", error)
        return None
    for clause in remarks:
        report.add("nan-background", image.path, clause)
    low, high = volume.min(), volume.max()
    where = image.path if channel is None else f"{image.path} channel {channel}"
    if low == high:
        report.add("empty-image", where, f"every voxel is {low:g}")
        return None
    if low < 0:
        report.add("negative-values", where, f"{int((volume < 0).sum())} voxels are negative, down to {low:g}")
    report.hashes[modality] = voxel_hash(volume)
    content = signature(volume, image.grid.spacing)
    if content is not None:
        report.signatures[modality] = content
    return volume


def _audit_mask(report: Report, case: Case, reference: Grid | None) -> np.ndarray | None:
    """Report what is wrong with the mask alone; its labels where they are on the grid of the images."""
    if case.mask_file is None:
        report.add("no-mask", case.folder, f"case {case.name} has no mask")
        return None
    if case.has_odd_mask:
        report.add("adopted-mask", case.mask_file, "taken as the mask")
    image = _read(report, case.mask_file, 1)
    if image is None:
        return None
    fits = reference is not None and _compare_grids(report, image.grid, reference)
    try:
        labels = labels_of(image, LAYOUT_OF_NAME[case.layout].codes)
        refuse_brain(labels, case)
    except BratsError as error:
        report.refuse("labels", error)
        return None
    if not labels.any():
        report.add("no-tumour", case.mask_file, "the mask is empty")
    else:
        report.hashes["mask"] = voxel_hash(labels)
        if not (labels == ET).any():
            report.add("no-et", case.mask_file, "the tumour has no enhancing part")
    return labels if fits else None
