"""What is wrong between the cases of a cohort, and between them and its tables."""

from collections import defaultdict

from brats_lib.audit.findings import Finding, Report
from brats_lib.cohort import Cohort
from brats_lib.errors import BratsError

__all__ = ["duplicates", "tables"]


def duplicates(reports: list[Report]) -> list[Finding]:
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


def tables(cohort: Cohort) -> list[Finding]:
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
