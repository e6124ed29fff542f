"""What is wrong between the cases of a cohort, and between them and the files beside them."""

import os
import re
from collections import Counter, defaultdict
from pathlib import Path

from brats_lib.cases import Case, Cohort, Split
from brats_lib.cases.audit.findings import Finding, Report
from brats_lib.cases.audit.likeness import DIFFERENT, Pair
from brats_lib.cases.discover import holds_images
from brats_lib.cases.grades import GRADES
from brats_lib.cases.layouts import stem
from brats_lib.cases.split import SUBSETS
from brats_lib.errors import BratsError, some

__all__ = ["duplicates", "folders", "grids", "splits", "tables"]


def _finding(case: str, severity: str, problem: str, *what: str | Path) -> Finding:
    return Finding(case, severity, problem, str(BratsError(*what)))


def duplicates(reports: list[Report], pairs: list[Pair]) -> list[Finding]:
    """Images with the same voxels, in two cases or twice in one, and cases that show the same head otherwise."""
    holders = defaultdict(list)
    for report in reports:
        for role, digest in report.hashes.items():
            holders[digest].append((report.case, role))
    findings, named = [], set()
    for first, *others in (places for places in holders.values() if len(places) > 1):
        for case, role in others:
            found = f"its {role} has the same voxels as {first[1]} of {first[0]}"
            advice = "Leave one of them out: the same scan in training and test falsifies every score"
            if case == first[0]:
                advice = "One of the two was copied over the other: download this case again"
            findings.append(
                _finding(case, "error", "duplicate-image", f"case {case}", found, "every image once", advice)
            )
            named.add((case, first[0]))
    for pair in pairs:
        if (pair.case, pair.other) not in named:
            found = f"{_likeness(pair)} of {pair.other}"
            expected = f"another patient, whose images reach {DIFFERENT:.2f}"
            advice = "Look at both: leave one out, or keep both in one subset of a split.json"
            where = f"case {pair.case}"
            findings.append(_finding(pair.case, "warning", "near-duplicate", where, found, expected, advice))
    return findings


def _likeness(pair: Pair) -> str:
    values = ", ".join(f"{modality} {value:.2f}" for modality, value in pair.likeness.items())
    return f"its images correlate ({values}) with {'the mirror images' if pair.mirrored else 'those'}"


def tables(cohort: Cohort) -> list[Finding]:
    """Where the tables `name_mapping.csv`, the folders' names and the cases disagree."""
    findings = []
    listed = {name for table in cohort.tables for name in table.grades}
    labelled = {case.name for case in cohort if case.has_mask}
    for table in cohort.tables:
        if table.problem:
            findings.append(Finding("", "warning", "csv-unreadable", table.problem))
            continue
        if not table.grades:
            advice = "Nothing needs to be done; the split is then not stratified by this table"
            found, severity = "it names no case of this folder", "info"
            if not any(re.search("id|name|case|subject|patient", column, re.IGNORECASE) for column in table.columns):
                found, severity = (
                    f"none of its columns ({', '.join(table.columns) or 'it is empty'}) names cases",
                    "warning",
                )
                advice = "Add a column BraTS_2020_subject_ID with the cases' names, or move the table away"
            findings.append(_finding("", severity, "csv-unrelated", table.path, found, "the cases' names", advice))
        elif labelled & set(table.grades) and "grade" not in map(str.lower, table.columns):
            advice = "Add a column Grade with HGG or LGG; without it the split is not stratified"
            found = "it has no column Grade"
            findings.append(
                _finding("", "warning", "csv-without-grade", table.path, found, "each case's grade", advice)
            )
        if table.repeated:
            found = f"it lists {some(table.repeated)} more than once"
            advice = "Keep one row of each case"
            findings.append(_finding("", "warning", "csv-repeats", table.path, found, "every case once", advice))
        # A part of a data set is a normal thing to work on: one line, not hundreds.
        if table.absent:
            advice = "Copy those cases too, or go on if you left them out on purpose"
            found = f"it lists {len(table.absent)} cases that are not there ({some(table.absent)})"
            expected = "a folder for each"
            findings.append(_finding("", "warning", "csv-without-case", table.path, found, expected, advice))
    graded = {name for table in cohort.tables if any(table.grades.values()) for name in table.grades}
    for case in cohort:
        if (said := _grades(cohort, case)) and len({grade for _, grade in said}) > 1:
            found = f"the grade of {case.name} is " + ", ".join(f"{grade} in {source}" for source, grade in said)
            advice = "Find out which is right; until then the split may not be stratified as it says"
            findings.append(
                _finding(case.name, "warning", "grade-contradicted", cohort.root, found, "one grade", advice)
            )
        elif listed and case.has_mask and case.name not in listed:
            advice = "Add a row for it, or check where this case is from"
            found, expected = f"no name_mapping.csv lists {case.name}", "a row for every case with a mask"
            findings.append(_finding(case.name, "warning", "case-without-csv", cohort.root, found, expected, advice))
        elif case.name in graded and case.grade is None:
            advice = "Fill in HGG or LGG; until then it is a stratum of its own in the split"
            found = f"name_mapping.csv has no grade for {case.name}"
            findings.append(_finding(case.name, "warning", "no-grade", cohort.root, found, "HGG or LGG", advice))
    return findings


def _grades(cohort: Cohort, case: Case) -> list[tuple[str, str]]:
    """Each source that grades a case, and what it says."""
    said = []
    for table in cohort.tables:
        grades = GRADES if case.name in table.contradicted else [table.grades.get(case.name)]
        said += [(table.path.name, grade) for grade in grades if grade]
    folder = next((part.name for part in _folder(case).parents if part.name in GRADES), None)
    return said + ([(f"the name of its folder {folder}", folder)] if folder and said else [])


def splits(cohort: Cohort, split: Split | None, pairs: list[Pair]) -> list[Finding]:
    """What is wrong with a split, or with the `split.json` beside the cases where none is given."""
    path = Path(cohort.root) / "split.json"
    if split is None:
        if not os.path.lexists(path):
            return []
        try:
            split = Split.load(path, cohort.labelled())
        except BratsError as error:
            return [Finding("", "error", "split", str(error))]
    findings = []
    left = [case.name for case in cohort if case.has_mask and case.name not in split.names]
    if left:
        found = f"it leaves out {len(left)} of the cases with a mask ({some(left)})"
        advice = "Add them to a subset, or go on if you left them out on purpose"
        findings.append(_finding("", "warning", "split-incomplete", path, found, "every case in one subset", advice))
    part = {name: subset for subset in SUBSETS for name in getattr(split, subset)}
    for pair in pairs:
        if pair.case in part and pair.other in part and part[pair.case] != part[pair.other]:
            both = f"{pair.case} is in {part[pair.case]} and {pair.other} in {part[pair.other]}"
            found = f"{both}, but {_likeness(pair)}"
            advice = "Leave one of them out, or write a split.json that keeps both in one subset"
            findings.append(
                _finding(pair.case, "error", "leakage", "split", found, "every patient in one subset", advice)
            )
    return findings


def folders(cohort: Cohort) -> list[Finding]:
    """What was passed over when cases were looked for, and folders that are a case's by their place but hold none."""
    findings = []
    for path, why in cohort.skipped:
        findings.append(_finding("", "warning", "left-out", path, why, "a case's images", "Mend it, or move it away"))
    passed = {path for path, _ in cohort.skipped}
    own = {_folder(case): case.name for case in cohort}
    named = {folder for folder, name in own.items() if folder.name == name}
    shapes = {re.sub(r"\d+", "0", folder.name) for folder in named}
    # What lies outside the folder that was named is nobody's business.
    inside = {folder.parent for folder in named if cohort.root in (folder.parent, *folder.parent.parents)}
    beside = {entry for parent in inside for entry in parent.iterdir()}
    for folder in sorted(beside - passed - {inner for one in own for inner in (one, *one.parents)}):
        if folder.name.startswith(".") or stem(folder) or not folder.is_dir() or holds_images(folder):
            continue
        files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        if not files or re.sub(r"\d+", "0", folder.name) in shapes:
            found = f"no NIfTI image is in it ({some(path.name for path in files) or 'it is empty'})"
            advice = "Copy this case again, convert its images to NIfTI, or remove the folder"
            findings.append(_finding("", "warning", "empty-folder", folder, found, "a case's images", advice))
    return findings


def _folder(case: Case) -> Path:
    """Folder of a case; an image may itself be a folder of its name."""
    return case.folder.parent if stem(case.folder) else case.folder


def grids(cohort: Cohort, reports: list[Report]) -> list[Finding]:
    """Whether cases have different sizes, spacings or orders of axes."""
    kinds = Counter(report.grid for report in reports if report.grid)
    if len(kinds) < 2:
        return []
    found = "; ".join(f"{count} case{'s' * (count != 1)} with {kind}" for kind, count in kinds.most_common(3))
    found += "; ..." if len(kinds) > 3 else ""
    advice = "Nothing needs to be done; cases are read in one orientation, each on its own grid"
    return [_finding("", "info", "grids", cohort.root, f"its cases differ: {found}", "one grid", advice)]
