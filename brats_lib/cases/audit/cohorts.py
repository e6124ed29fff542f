"""What is wrong between the cases of a cohort, and between them and the files beside them."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from brats_lib.cases import Case, Cohort, Split
from brats_lib.cases.audit.findings import Finding, Report, finding
from brats_lib.cases.audit.likeness import DIFFERENT, Pair
from brats_lib.cases.cohort import GRADES, NameTable
from brats_lib.cases.discover import holds_images
from brats_lib.cases.layouts import stem
from brats_lib.cases.split import SUBSETS
from brats_lib.errors import BratsError, some


def duplicates(reports: list[Report], pairs: list[Pair]) -> Iterator[Finding]:
    """Images with the same voxels, in two cases or twice in one, and cases that show the same head otherwise."""
    holders = defaultdict(list)
    for report in reports:
        for role, digest in report.hashes.items():
            holders[digest].append((report.case, role))
    same = set()
    for (first, first_role), *others in holders.values():
        for case, role in others:
            found = f"its {role} has the same voxels as {first_role} of {first}"
            other = {"advice": "One of the two was copied over the other: download this case again"}
            yield finding(case, "duplicate-image", f"case {case}", found, **(other if case == first else {}))
            same.add((case, first))
    for pair in pairs:
        if (pair.case, pair.other) not in same:
            expected = f"another patient, whose images reach {DIFFERENT:.2f}"
            found = f"{_likeness(pair)} of {pair.other}"
            yield finding(pair.case, "near-duplicate", f"case {pair.case}", found, expected=expected)


def _likeness(pair):
    values = ", ".join(f"{modality} {value:.2f}" for modality, value in pair.likeness.items())
    return f"its images correlate ({values}) with {'the mirror images' if pair.mirrored else 'those'}"


def tables(cohort: Cohort) -> Iterator[Finding]:
    """Where the tables `name_mapping.csv`, the folders' names and the cases disagree."""
    labelled = {case.name for case in cohort if case.has_mask}
    for table in cohort.tables:
        yield from _one_table(table, labelled)
    listed = {name for table in cohort.tables for name in table.grades}
    graded = {name for table in cohort.tables if any(table.grades.values()) for name in table.grades}
    for case in cohort:
        grades = _grades(cohort, case)
        if len({grade for _, grade in grades}) > 1:
            sources = ", ".join(f"{grade} in {source}" for source, grade in grades)
            found = f"the grade of {case.name} is {sources}"
            yield finding(case.name, "grade-contradicted", cohort.root, found)
        elif listed and case.has_mask and case.name not in listed:
            yield finding(case.name, "case-without-csv", cohort.root, f"no name_mapping.csv lists {case.name}")
        elif case.name in graded and case.grade is None:
            yield finding(case.name, "no-grade", cohort.root, f"name_mapping.csv has no grade for {case.name}")


def _one_table(table: NameTable, labelled: set[str]) -> Iterator[Finding]:
    if table.problem:
        yield Finding("", "warning", "csv-unreadable", table.problem)
        return
    if not table.grades:
        found, other = "it names no case of this folder", {}
        if not any(re.search("id|name|case|subject|patient", column, re.IGNORECASE) for column in table.columns):
            found = f"none of its columns ({', '.join(table.columns) or 'it is empty'}) names cases"
            advice = "Add a column BraTS_2020_subject_ID with the cases' names, or move the table away"
            other = {"severity": "warning", "advice": advice}
        yield finding("", "csv-unrelated", table.path, found, **other)
    elif labelled & set(table.grades) and "grade" not in map(str.lower, table.columns):
        yield finding("", "csv-without-grade", table.path, "it has no column Grade")
    if table.repeated:
        yield finding("", "csv-repeats", table.path, f"it lists {some(table.repeated)} more than once")
    # A part of a data set is a normal thing to work on: one line, not hundreds.
    if table.absent:
        found = f"it lists {len(table.absent)} cases that are not there ({some(table.absent)})"
        yield finding("", "csv-without-case", table.path, found)


def _grades(cohort: Cohort, case: Case) -> list[tuple[str, str]]:
    """Each source that grades a case, and what it says; the name of a folder counts where there is another source."""
    said = []
    for table in cohort.tables:
        grades = GRADES if case.name in table.contradicted else [table.grades.get(case.name)]
        said += [(table.path.name, grade) for grade in grades if grade]
    folder = next((part.name for part in case.folder.parents if part.name in GRADES), None)
    return said + ([(f"the name of its folder {folder}", folder)] if folder and said else [])


def splits(cohort: Cohort, split: Split | None, pairs: list[Pair]) -> Iterator[Finding]:
    """What is wrong with a split, or with the `split.json` beside the cases where none is given."""
    path = Path(cohort.root) / "split.json"
    if split is None:
        if not os.path.lexists(path):
            return
        try:
            split = Split.load(path, cohort.labelled())
        except BratsError as error:
            yield Finding("", "error", "split", str(error))
            return
    left = [case.name for case in cohort if case.has_mask and case.name not in split.names]
    if left:
        found = f"it leaves out {len(left)} of the cases with a mask ({some(left)})"
        yield finding("", "split-incomplete", path, found)
    part = {name: subset for subset in SUBSETS for name in getattr(split, subset)}
    for pair in pairs:
        if pair.case in part and pair.other in part and part[pair.case] != part[pair.other]:
            both = f"{pair.case} is in {part[pair.case]} and {pair.other} in {part[pair.other]}"
            yield finding(pair.case, "leakage", "split", f"{both}, but {_likeness(pair)}")


def folders(cohort: Cohort) -> Iterator[Finding]:
    """What was passed over when cases were looked for, and folders that are a case's by their place but hold none."""
    for path, why in cohort.skipped:
        yield finding("", "left-out", path, why)
    own = {case.folder: case.name for case in cohort}
    named = {folder for folder, name in own.items() if folder.name == name}
    shapes = {_shape(folder) for folder in named}
    # What lies outside the folder that was named is nobody's business.
    inside = {folder.parent for folder in named if cohort.root in (folder.parent, *folder.parent.parents)}
    beside = {entry for parent in inside for entry in parent.iterdir()}
    known = {path for path, _ in cohort.skipped} | {inner for one in own for inner in (one, *one.parents)}
    for folder in sorted(beside - known):
        if folder.name.startswith(".") or stem(folder) or not folder.is_dir() or holds_images(folder):
            continue
        files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        if not files or _shape(folder) in shapes:
            found = f"no NIfTI image is in it ({some(path.name for path in files) or 'it is empty'})"
            yield finding("", "empty-folder", folder, found)


def _shape(folder):
    """A folder's name without its numbers, which are what tells cases apart."""
    return re.sub(r"\d+", "0", folder.name)


def grids(cohort: Cohort, reports: list[Report]) -> Iterator[Finding]:
    """Whether cases have different sizes, spacings or orders of axes."""
    kinds = Counter(report.grid for report in reports if report.grid)
    if len(kinds) > 1:
        found = "; ".join(f"{count} case{'s' * (count != 1)} with {kind}" for kind, count in kinds.most_common(3))
        yield finding("", "grids", cohort.root, f"its cases differ: {found}{'; ...' * (len(kinds) > 3)}")
