"""Everything that is wrong or odd in a cohort, found before it spoils a training.

Every file of every case is read once, in parallel; a bad case never stops the others from being looked at.

Reading order: `findings` (what can be reported), `cases` (the files of one case), `images` (what they show together),
of which `sampling` makes a small copy for `alignment`, `contrasts`, `masks` and `skull` to look at; then `likeness`
and `cohorts` (all cases together). Limits stand beside what 26 patients (BraTS 2018 and 2021) and, after the
semicolon where there are two, 30 phantoms have.
"""

from itertools import chain
from pathlib import Path

from brats_lib.cases import Case, Cohort, Split
from brats_lib.cases.audit.cases import audit_case
from brats_lib.cases.audit.cohorts import duplicates, folders, grids, splits, tables
from brats_lib.cases.audit.findings import SEVERITIES, Finding, Report, summary
from brats_lib.cases.audit.likeness import alike
from brats_lib.cases.discover import natural
from brats_lib.cases.parallel import for_each
from brats_lib.errors import BratsError

__all__ = ["SEVERITIES", "Finding", "audit", "summary"]


def audit(cohort: Cohort | str | Path, workers: int | None = None, split: Split | None = None) -> list[Finding]:
    """Look at every file of a cohort; errors come first, then warnings, then infos, each in the order of case names.

    Parameters
    ----------
    cohort
        Or the folder to find one in. What is wrong with a case is a finding; without cases it is a `BratsError`.
    workers
        Processes at once; as many as there are cores where not given.
    split
        Which subsets the cases will be in; where it is not given, that of a `split.json` beside the cases.
    """
    cohort = cohort if isinstance(cohort, Cohort) else Cohort.find(cohort)
    reports = for_each(_report, cohort, workers, "audit")
    pairs = alike(reports)
    between = duplicates(reports, pairs), splits(cohort, split, pairs), tables(cohort), folders(cohort)
    findings = chain(*(report.findings for report in reports), *between, grids(cohort, reports))
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), natural(f.case), f.problem, f.message))


def _report(case: Case) -> Report:
    """What a case shows; whatever its files do to their reader, the other cases are looked at too."""
    try:
        return audit_case(case)
    except Exception as error:  # a case that no check foresaw is a finding, too
        where, found = f"case {case.name}", f"it cannot be looked at ({type(error).__name__}: {error})"
        report = Report(case.name)
        report.refuse("unreadable", BratsError(where, found, "images that can be read", "Copy this case again"))
        return report
