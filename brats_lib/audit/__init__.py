"""Everything that is wrong or odd in a cohort, found before it spoils a training.

Every file of every case is read once, in parallel; a bad case never stops the others from being looked at.
`findings` says what is reported, `cases` looks at the files of one case and `cohorts` at all cases together.
"""

from pathlib import Path

from brats_lib.audit.cases import audit_case
from brats_lib.audit.cohorts import duplicates, tables
from brats_lib.audit.findings import SEVERITIES, Finding, summary
from brats_lib.cohort import Cohort
from brats_lib.cohort.discover import natural
from brats_lib.parallel import for_each

__all__ = ["SEVERITIES", "Finding", "audit", "summary"]


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
    reports = for_each(audit_case, cohort, workers, progress, "audit")
    findings = [finding for report in reports for finding in report.findings]
    findings += duplicates(reports) + tables(cohort)
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), natural(f.case), f.problem, f.message))
