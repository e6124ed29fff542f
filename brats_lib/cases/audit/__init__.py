"""Everything that is wrong or odd in a cohort, found before it spoils a training.

Every file of every case is read once, in parallel; a bad case never stops the others from being looked at.
`findings` says what is reported, `cases` looks at the files of one case and `cohorts` at all cases together.
"""

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


def audit(
    cohort: Cohort | str | Path, workers: int | None = None, progress: bool = True, split: Split | None = None
) -> list[Finding]:
    """Look at every file of a cohort.

    Parameters
    ----------
    cohort : Cohort, str or Path
        Or the folder to find one in.
    workers : int, optional
        Processes at once; as many as there are cores where not given.
    progress : bool
        Show a progress bar.
    split : Split, optional
        Which subsets the cases will be in; where it is not given, that of a `split.json` beside the cases.

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
    reports = for_each(_report, cohort, workers, progress, "audit")
    findings = [finding for report in reports for finding in report.findings]
    pairs = alike(reports)
    findings += duplicates(reports, pairs) + splits(cohort, split, pairs)
    findings += tables(cohort) + folders(cohort) + grids(cohort, reports)
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), natural(f.case), f.problem, f.message))


def _report(case: Case) -> Report:
    """What a case shows; whatever its files do to their reader, the other cases are looked at too."""
    try:
        return audit_case(case)
    except Exception as error:  # a case that no check foresaw is a finding, too
        message = str(error)
        if not isinstance(error, BratsError):
            found = f"it cannot be looked at ({type(error).__name__}: {error})"
            message = str(BratsError(f"case {case.name}", found, "images that can be read", "Copy this case again"))
        return Report(case.name, [Finding(case.name, "error", "unreadable", message)])
