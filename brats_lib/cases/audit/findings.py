"""What an audit reports, and how it is shown."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from brats_lib.cases.discover import natural
from brats_lib.errors import BratsError, some

__all__ = ["SEVERITIES", "Finding", "Remark", "Report", "summary"]

SEVERITIES = ("error", "warning", "info")


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


@dataclass(frozen=True)
class Remark:
    """What the look at a case's images noticed, before it is known which file it is about.

    Parameters
    ----------
    problem : str
        As in `Finding`.
    about : str
        A modality, or "mask".
    found, expected, advice : str
        As in `BratsError`.
    severity : {"error", "warning", "info"}
        As in `Finding`.
    """

    problem: str
    about: str
    found: str
    expected: str
    advice: str
    severity: str = "warning"

    @property
    def sentence(self) -> str:
        """What a person reads who gave the images: what was found and what to do, without the full stop."""
        return f"{self.found[0].upper()}{self.found[1:]}. {self.advice}"


@dataclass
class Report:
    """What one worker sends back: findings, of every image a hash and a signature of its content, and its grid."""

    case: str
    findings: list[Finding] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    signatures: dict[str, np.ndarray] = field(default_factory=dict)
    grid: str = ""

    def add(self, severity: str, problem: str, *what: str | Path) -> None:
        message = str(BratsError(*what))
        self.findings.append(Finding(self.case, severity, problem, message))


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
        rows.append((SEVERITIES[rank], problem, str(count), some(names) or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    details = [f"{f.severity}: {f.message}" for f in findings if f.severity != "info"]
    tally = Counter(f.severity for f in findings)
    total = ", ".join(f"{tally[s]} {s if s == 'info' else s + 's' * (tally[s] != 1)}" for s in SEVERITIES)
    return "\n".join([f"{cases} cases: {total}", "", *table, *([""] if details else []), *details])
