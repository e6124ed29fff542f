"""Everything that is wrong or odd in a cohort, found before it spoils a training.

Every file of every case is read once, in parallel; a bad case never stops the others from being looked at.
"""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from brats_lib.cohort import MODALITIES, Case, Cohort
from brats_lib.cohort.case import GRID_TOLERANCE_MM
from brats_lib.cohort.codes import labels_of
from brats_lib.cohort.discover import natural
from brats_lib.cohort.layouts import LAYOUT_OF_NAME
from brats_lib.cohort.nifti import Grid, Image, read_image
from brats_lib.errors import BratsError
from brats_lib.labels import BACKGROUND, ET
from brats_lib.parallel import for_each

__all__ = ["SEVERITIES", "Finding", "audit", "summary"]

SEVERITIES = ("error", "warning", "info")
BRATS_SHAPE, BRATS_SPACING = (240, 240, 155), (1.0, 1.0, 1.0)
ANOTHER_COPY = "Copy or download this case again, or leave it out"


@dataclass(frozen=True)
class Finding:
    """One thing that the audit noticed.

    Parameters
    ----------
    case : str
        Name of the case; empty where it concerns the cohort.
    severity : {"error", "warning", "info"}
        Errors stop or falsify a run, warnings deserve a look, infos are worth knowing.
    problem : str
        What kind of thing, as a short code such as ``"missing-modality"``, the same for all its occurrences.
    message : str
        Where, what was found, what was expected and what to do.
    """

    case: str
    severity: str
    problem: str
    message: str


@dataclass
class _Report:
    """What one worker sends back: findings, and a hash of every image's content."""

    case: str
    findings: list[Finding] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)

    def add(self, severity: str, problem: str, *what: str | Path) -> None:
        message = str(BratsError(*what))
        self.findings.append(Finding(self.case, severity, problem, message))


def audit(cohort: Cohort | str | Path, workers: int | None = None, progress: bool = True) -> list[Finding]:
    """Look at every file of a cohort.

    Parameters
    ----------
    cohort : Cohort, str or Path
        Or the folder to find one in.
    workers : int, optional
        Processes at once; as many as there are cores where not given.
    progress : bool
        Show a progress bar.

    Returns
    -------
    list of Finding
        Errors first, then warnings, then infos, each in the order of case names.

    Raises
    ------
    BratsError
        If the folder is missing, unreadable or without cases, or a worker was killed. What is wrong with a case is a
        finding.
    """
    cohort = cohort if isinstance(cohort, Cohort) else Cohort.find(cohort)
    reports = for_each(_audit_case, cohort, workers, progress, "audit")
    findings = [finding for report in reports for finding in report.findings]
    findings += _duplicates(reports) + _tables(cohort)
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), natural(f.case), f.problem, f.message))


def summary(findings: list[Finding], cases: int) -> str:
    """Show findings as a text table: one line per problem, then the message of everything but infos.

    Parameters
    ----------
    findings : list of Finding
        Of `audit`.
    cases : int
        How many cases were looked at.

    Returns
    -------
    str
    """
    if not findings:
        return f"{cases} cases: nothing found."
    counts = Counter((SEVERITIES.index(f.severity), f.problem) for f in findings)
    examples = defaultdict(list)
    for finding in findings:
        examples[finding.severity, finding.problem].append(finding.case)
    rows = [("severity", "problem", "found", "cases")]
    for (rank, problem), count in sorted(counts.items()):
        names = sorted(set(examples[SEVERITIES[rank], problem]) - {""}, key=natural)
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        rows.append((SEVERITIES[rank], problem, str(count), shown or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    details = [f"{f.severity}: {f.message}" for f in findings if f.severity != "info"]
    tally = Counter(f.severity for f in findings)
    total = ", ".join(f"{tally[s]} {s if s == 'info' else s + 's' * (tally[s] != 1)}" for s in SEVERITIES)
    return "\n".join([f"{cases} cases: {total}", "", *table, *([""] if details else []), *details])


def _audit_case(case: Case) -> _Report:
    report = _Report(case.name)
    layout = LAYOUT_OF_NAME[case.layout]
    for modality in MODALITIES:
        if modality not in case.files:
            place = next(iter(case.files.values()), case.mask_file).parent
            there = f"case {case.name} has {', '.join(case.modalities) or 'no modality'}"
            report.add("error", "missing-modality", place, there, f"also {modality}", ANOTHER_COPY)
    grids = []
    for path in dict.fromkeys(case.files[modality] for modality in case.modalities):
        image = _read(report, path, 4 if layout.in_one_image else 1)
        if image is None:
            continue
        grids.append(image.grid)
        for modality in case.modalities:
            if case.files[modality] == path:
                channel = layout.images[modality] if layout.in_one_image else None
                _audit_volume(report, image, channel, modality)
    reference = _reference(grids)
    for grid in grids:
        _compare_grids(report, grid, reference)
    if reference is not None:
        _brats_grid(report, reference)
    _audit_mask(report, case, reference)
    return report


def _reference(grids: list[Grid]) -> Grid | None:
    """The first image of the shape that most have: the odd one out is the one to report."""
    shapes = Counter(grid.shape for grid in grids)
    return max(grids, key=lambda grid: shapes[grid.shape], default=None)


def _read(report: _Report, path: Path, channels: int) -> Image | None:
    try:
        image = read_image(path)
        image.grid.affine  # noqa: B018  an affine that cannot be used raises here
    except BratsError as error:
        report.findings.append(Finding(report.case, "error", "unreadable", str(error)))
        return None
    if image.grid.channels != channels:
        shape = f"its shape is {image.grid.stored_shape}"
        report.add("error", "shape", path, shape, f"{channels} volume(s) in one file", ANOTHER_COPY)
        return None
    return image


def _compare_grids(report: _Report, grid: Grid, reference: Grid) -> None:
    if grid.shape != reference.shape:
        expected = f"{reference.shape} as in {reference.path.name}"
        report.add("error", "shape", grid.path, f"its shape is {grid.shape}", expected, ANOTHER_COPY)
    elif grid.offset_mm(reference) > GRID_TOLERANCE_MM:
        # Reading refuses only this pair of axes; a shifted origin leaves the voxels where they are.
        severity = "error" if grid.axes != reference.axes else "warning"
        found = f"its affine puts it {grid.offset_mm(reference):.1f} mm away (axes {grid.axes})"
        expected = f"the place of {reference.path.name} (axes {reference.axes})"
        report.add(severity, "affine", grid.path, found, expected, "Check that the case's files belong together")


def _audit_volume(report: _Report, image: Image, channel: int | None, modality: str) -> None:
    try:
        volume = image.values(channel)
    except BratsError as error:
        report.findings.append(Finding(report.case, "error", "not-finite", str(error)))
        return
    low, high = volume.min(), volume.max()
    where = image.path if channel is None else f"{image.path} channel {channel}"
    if low == high:
        report.add("error", "empty-image", where, f"every voxel is {low:g}", "a brain", ANOTHER_COPY)
        return
    if low < 0:
        negative = f"{int((volume < 0).sum())} voxels are negative, down to {low:g}"
        advice = "Check that it was not normalised already; the background must be 0"
        report.add("warning", "negative-values", where, negative, "0 outside the brain and more inside", advice)
    report.hashes[modality] = hashlib.blake2b(volume.data if volume.flags.c_contiguous else volume.T.data).hexdigest()


def _brats_grid(report: _Report, grid: Grid) -> None:
    if not np.allclose(grid.spacing, BRATS_SPACING, atol=0.01):
        spacing = " x ".join(f"{size:.3g}" for size in grid.spacing)
        advice = "Resample it to 1 mm, registered to the SRI24 atlas as BraTS is"
        report.add("warning", "spacing", grid.path, f"its voxels are {spacing} mm", "1 x 1 x 1 mm", advice)
    if grid.shape != BRATS_SHAPE:
        advice = "It can be used, but scores are not comparable with BraTS cases"
        report.add("info", "size", grid.path, f"its shape is {grid.shape}", f"{BRATS_SHAPE} in BraTS", advice)


def _audit_mask(report: _Report, case: Case, reference: Grid | None) -> None:
    if case.mask_file is None:
        place = next(iter(case.files.values())).parent
        advice = "Such a case can only be predicted"
        report.add("info", "no-mask", place, f"case {case.name} has no mask", "a mask for training", advice)
        return
    if case.has_odd_mask:
        advice = "Check that it is; the file is used under the name it has"
        report.add("info", "adopted-mask", case.mask_file, "taken as the mask", "a name ending in _seg", advice)
    image = _read(report, case.mask_file, 1)
    if image is None:
        return
    if reference is not None:
        _compare_grids(report, image.grid, reference)
    try:
        labels = labels_of(image, LAYOUT_OF_NAME[case.layout].codes)
    except BratsError as error:
        report.findings.append(Finding(report.case, "error", "labels", str(error)))
        return
    present = np.bincount(labels.ravel("K"), minlength=256)
    if present[BACKGROUND] == labels.size:
        report.add("warning", "no-tumour", case.mask_file, "the mask is empty", "a tumour", "Check this case by eye")
    elif not present[ET]:
        advice = "Nothing needs to be done; its ET scores are 1 or 0"
        report.add("info", "no-et", case.mask_file, "the tumour has no enhancing part", "one in most cases", advice)


def _duplicates(reports: list[_Report]) -> list[Finding]:
    """Images with the same voxels, in two cases or twice in one."""
    holders = defaultdict(list)
    for report in reports:
        for modality, digest in report.hashes.items():
            holders[digest].append((report.case, modality))
    findings = []
    for first, *others in (places for places in holders.values() if len(places) > 1):
        for case, modality in others:
            found = f"its {modality} has the same voxels as {first[1]} of {first[0]}"
            advice = "Leave one of them out: the same scan in training and test falsifies every score"
            if case == first[0]:
                advice = "One of the two was copied over the other: download this case again"
            error = BratsError(f"case {case}", found, "every image once", advice)
            findings.append(Finding(case, "error", "duplicate-image", str(error)))
    return findings


def _tables(cohort: Cohort) -> list[Finding]:
    """Where `name_mapping.csv` and the folders disagree."""
    findings = []

    def add(case: str, severity: str, problem: str, *what) -> None:
        findings.append(Finding(case, severity, problem, str(BratsError(*what))))

    listed = {name for table in cohort.tables for name in table.grades}
    for table in cohort.tables:
        if not table.grades:
            advice = "Nothing needs to be done; the split is then not stratified by this table"
            add("", "info", "csv-unrelated", table.path, "it names no case of this folder", "the cases' names", advice)
        # A part of a data set is a normal thing to work on: one line, not hundreds.
        absent = table.absent
        if absent:
            some = ", ".join(absent[:3]) + (" ..." if len(absent) > 3 else "")
            advice = "Copy those cases too, or go on if you left them out on purpose"
            found = f"it lists {len(absent)} cases that are not there ({some})"
            add("", "warning", "csv-without-case", table.path, found, "a folder for each", advice)
    graded = {name for table in cohort.tables if any(table.grades.values()) for name in table.grades}
    for case in cohort:
        if listed and case.has_mask and case.name not in listed:
            advice = "Add a row for it, or check where this case is from"
            add(case.name, "warning", "case-without-csv", cohort.root, f"no name_mapping.csv lists {case.name}",
                "a row for every case with a mask", advice)  # fmt: skip
        elif case.name in graded and case.grade is None:
            advice = "Fill in HGG or LGG; until then it is a stratum of its own in the split"
            add(case.name, "warning", "no-grade", cohort.root, f"name_mapping.csv has no grade for {case.name}",
                "HGG or LGG", advice)  # fmt: skip
    return findings
