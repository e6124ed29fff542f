"""What an audit can report, and how it is shown."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from brats_lib.cases.discover import natural
from brats_lib.errors import BratsError, some

# Errors stop or falsify a run, warnings deserve a look, infos are worth knowing.
SEVERITIES = ("error", "warning", "info")


class Problem(NamedTuple):
    """What is said of every occurrence of a problem: what was expected, what to do, and how bad it is."""

    expected: str
    advice: str
    severity: str = "warning"


COPY_AGAIN = "Copy or download this case again, or leave it out"
CHECK_IMAGE = "Check whether it belongs to this patient and is aligned with the other images"
CHECK_MASK = "Check whether it was turned, shifted, or belongs to another patient"

# What is expected is empty where it depends on the other files. Some words differ where there are several causes.
PROBLEMS = {code: Problem(*said) for code, said in {
    # The files of one case.
    "left-alone": ("either",
        "Nothing needs to be done, unless it is one of the case's images or its mask; then rename it", "info"),
    "shape": ("", COPY_AGAIN, "error"),
    "units": ("mm, as they are read",
        "Nothing needs to be done if a brain has its size then; else write the header again"),
    "header": ("sform and qform that agree", "Check left and right by eye"),
    "affine": ("", "Check that the case's files belong together", "error"),
    "axes": ("", "It is turned when it is read or exported here; programs that ignore headers mix it up"),
    "spacing": ("1 x 1 x 1 mm", "Resample it to 1 mm, registered to the SRI24 atlas as BraTS is"),
    "size": ("(240, 240, 155) in BraTS", "It can be used, but scores are not comparable with BraTS cases", "info"),
    "nan-background": ("0 outside the brain", "Nothing needs to be done", "info"),
    "empty-image": ("a brain", COPY_AGAIN, "error"),
    "negative-values": ("0 outside the brain and more inside",
        "Check that it was not normalised already; the background must be 0"),
    "no-mask": ("a mask for training", "Such a case can only be predicted", "info"),
    "adopted-mask": ("a name ending in _seg", "Check that it is; the file is used under the name it has", "info"),
    "no-tumour": ("a tumour", "Check this case by eye"),
    "no-et": ("one in most cases", "Nothing needs to be done; its ET scores are 1 or 0", "info"),
    # What the images show.
    "background": ("0 outside the brain", "Set the background to 0"),
    **dict.fromkeys(("constant", "wrapped", "few-levels", "cut-off", "noise"),
        ("intensities as they were measured", "Convert or download it again")),
    "outliers": ("values like their neighbours'", "Look at them"),
    "missing-slices": ("signal in all of them", "Convert the image again from all its slices"),
    "holes": ("signal everywhere in the brain", "Look at it: part of it is missing, or cut out"),
    "skull": ("a brain without its skull", "Remove the skull first: `brats prepare` does, also HD-BET and SynthStrip"),
    "posture": ("axes to the left, the back and up, as the header says",
        "Look at it: the image was turned, or its header is wrong"),
    "outline": ("", CHECK_IMAGE),
    "edges": ("edges at the same places", CHECK_IMAGE),
    "copied-image": ("two different images", "One was copied over the other: convert or download it again", "error"),
    "contrast": ("the contrast of each modality under its name", "Look at it, and at how it was converted"),
    # Whether the mask fits them.
    "tiny-mask": ("a tumour within the brain", "Look whether the mask was cut or thinned out"),
    "mask-outside": ("a tumour within the brain", CHECK_MASK),
    "mask-place": ("edges of the tumour where the images change", CHECK_MASK),
    "labels-exchanged": ("edema outside and enhancement bright on T1ce", "Check the numbers of the labels in the mask"),
    # All cases together.
    "duplicate-image": ("every image once",
        "Leave one of them out: the same scan in training and test falsifies every score", "error"),
    "near-duplicate": ("", "Look at both: leave one out, or keep both in one subset of a split.json"),
    "leakage": ("every patient in one subset",
        "Leave one of them out, or write a split.json that keeps both in one subset", "error"),
    "split-incomplete": ("every case in one subset", "Add them to a subset, or go on if you left them out on purpose"),
    "csv-unrelated": ("the cases' names",
        "Nothing needs to be done; the split is then not stratified by this table", "info"),
    "csv-without-grade": ("each case's grade",
        "Add a column Grade with HGG or LGG; without it the split is not stratified"),
    "csv-repeats": ("every case once", "Keep one row of each case"),
    "csv-without-case": ("a folder for each", "Copy those cases too, or go on if you left them out on purpose"),
    "grade-contradicted": ("one grade",
        "Find out which is right; until then the split may not be stratified as it says"),
    "case-without-csv": ("a row for every case with a mask", "Add a row for it, or check where this case is from"),
    "no-grade": ("HGG or LGG", "Fill in HGG or LGG; until then it is a stratum of its own in the split"),
    "left-out": ("a case's images", "Mend it, or move it away"),
    "empty-folder": ("a case's images", "Copy this case again, convert its images to NIfTI, or remove the folder"),
    "grids": ("one grid", "Nothing needs to be done; cases are read in one orientation, each on its own grid", "info"),
}.items()}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing that the audit noticed: where, what was found, what was expected and what to do.

    The problem is a key of `PROBLEMS`, or a word for what reading refuses, such as "missing-modality". The case is
    empty where it concerns the cohort.
    """

    case: str
    severity: str
    problem: str
    message: str


def finding(case: str, problem: str, where: str | Path, found: str, **other: str) -> Finding:
    """Say a problem in the words of `PROBLEMS`, except for those given."""
    said = PROBLEMS[problem]._replace(**other)
    return Finding(case, said.severity, problem, str(BratsError(where, found, said.expected, said.advice)))


class Remark(NamedTuple):
    """What the look at a case's images noticed, before it is known which file it is about."""

    problem: str
    about: str  # a modality, or "mask"
    found: str
    said: Problem

    @property
    def sentence(self) -> str:
        """What a person reads who gave the images: what was found and what to do, without the full stop."""
        return f"{self.found[0].upper()}{self.found[1:]}. {self.said.advice}"


def remark(problem: str, about: str, found: str, **other: str) -> Remark:
    """Say a problem in the words of `PROBLEMS`, except for those given."""
    return Remark(problem, about, found, PROBLEMS[problem]._replace(**other))


@dataclass
class Report:
    """What one worker sends back: findings, of every image a hash and a signature of its content, and its grid."""

    case: str
    findings: list[Finding] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    signatures: dict[str, np.ndarray] = field(default_factory=dict)
    grid: str = ""

    def add(self, problem: str, where: str | Path, found: str, **other: str) -> None:
        """Report a problem in the words of `PROBLEMS`, except for those given."""
        self.findings.append(finding(self.case, problem, where, found, **other))

    def refuse(self, problem: str, error: BratsError) -> None:
        """Report what reading fails with."""
        self.findings.append(Finding(self.case, "error", problem, str(error)))


def summary(findings: list[Finding], cases: int) -> str:
    """Show findings of a number of cases: a table with a line per problem, then all messages but those of infos."""
    if not findings:
        return f"{cases} cases: nothing found."
    named = defaultdict(list)
    for each in findings:
        named[SEVERITIES.index(each.severity), each.problem].append(each.case)
    rows = [("severity", "problem", "found", "cases")]
    for (rank, problem), names in sorted(named.items()):
        rows.append((SEVERITIES[rank], problem, str(len(names)), some(sorted(set(names) - {""}, key=natural)) or "-"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    details = [f"{each.severity}: {each.message}" for each in findings if each.severity != "info"]
    tally = Counter(each.severity for each in findings)
    total = ", ".join(f"{tally[s]} {s if s == 'info' else s + 's' * (tally[s] != 1)}" for s in SEVERITIES)
    return "\n".join([f"{cases} cases: {total}", "", *table, *([""] if details else []), *details])
