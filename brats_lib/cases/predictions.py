"""A folder of predicted masks: which file is whose, and what its numbers mean."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from brats_lib.cases import Cohort, nnunet
from brats_lib.cases.codes import whole_numbers
from brats_lib.cases.layouts import LAYOUT_OF_NAME, OWN_CODES, recognise, stem
from brats_lib.cases.nifti import read_image
from brats_lib.errors import BratsError, some

# What the numbers in a prediction mean, by the name that `brats score --labels` knows.
CODINGS = {"brats": OWN_CODES, "brats2023": LAYOUT_OF_NAME["brats2023"].codes, "nnunet": nnunet.CODES}
MEANINGS = {
    "brats": "1 = NCR, 2 = ED, 4 = ET",
    "brats2023": "1 = NCR, 2 = ED, 3 = ET, as in BraTS 2023",
    "nnunet": "1 = ED, 2 = NCR, 3 = ET, as in MSD and in `brats export-nnunet`",
}
OPTIONS = "; ".join(f"--labels {name} where {meaning}" for name, meaning in MEANINGS.items())
NAMING = "<case>_seg.nii.gz, <case>-seg.nii.gz or <case>.nii.gz"


@dataclass(frozen=True)
class Predictions:
    """Masks to score."""

    files: dict[str, Path]  # case name to its mask, for every case to score
    labels: dict[str, str]  # case name to a name of `CODINGS`
    certain: bool  # whether a person, nnU-Net or the numbers themselves say what they mean
    remarks: tuple[str, ...]  # what was decided, as sentences without their full stop


def read_predictions(
    folder: Path, truth: Cohort, names: Iterable[str] | None = None, labels: str | None = None
) -> Predictions:
    """Find the masks of a folder, and what their numbers mean.

    Where `labels` does not say, nnU-Net's `dataset.json` does. Without one, a 4 is in no coding but ours. A 3 without a
    4 means what it means in the truth, if that is named as BraTS 2023 or MSD. Where there is neither, 1 and 2 are NCR
    and ED as in all BraTS years, unless the truth is MSD's. What is left over cannot be known and is refused.

    The folder has masks, or folders of them, one for every case to score: by default every case with a mask, else those
    of the `names`, and predictions of others are passed over. `labels` is a name of `CODINGS`.
    """
    wanted = truth.labelled() if names is None else truth.subset(names)
    files, remarks = _files(folder, truth, wanted, names is not None)
    if labels is None and nnunet.has_our_codes(folder):
        labels = "nnunet"
        remarks.append("dataset.json is there and decides; --labels brats if they have been converted since")
    if labels is not None:
        remarks.append(f"{folder}: read as {MEANINGS[labels]}")
        return Predictions(files, dict.fromkeys(files, labels), True, tuple(remarks))
    groups = defaultdict(list)
    for case in wanted:
        groups[case.layout].append(case.name)
    decided: dict[str, str] = {}
    certain = True
    for layout, members in groups.items():
        holders = {number: name for name in members for number in whole_numbers(read_image(files[name]))[1]}
        coding, sure = _coding(folder, layout, holders)
        decided |= dict.fromkeys(members, coding)
        certain &= sure
        why = f"they hold {', '.join(f'{n:g}' for n in sorted(holders))}; the truth has {LAYOUT_OF_NAME[layout].title}"
        remarks.append(f"{folder}: read as {MEANINGS[coding]} ({why}; --labels says otherwise)")
    return Predictions(files, decided, certain, tuple(remarks))


def _coding(folder: Path, layout: str, holders: dict[float, str]) -> tuple[str, bool]:
    """Name of a coding and whether it is the only one for these numbers, each with a case that holds it."""
    by_truth = {"brats2023": "brats2023", "msd": "nnunet"}.get(layout, "")
    if 3 in holders and 4 in holders:
        found = f"{holders[3]} holds 3 and {holders[4]} holds 4"
        raise BratsError(folder, found, "predictions in one coding", f"Convert them to one, then add {OPTIONS}")
    if 4 in holders:
        return "brats", True
    if 3 in holders and not by_truth:
        found = f"the prediction of {holders[3]} holds 3, and nothing says whether 1 is NCR or ED"
        raise BratsError(folder, found, "4 for ET as in the truth, or an option", f"Add {OPTIONS}")
    if 3 in holders:
        return by_truth, False
    if by_truth == "nnunet" and holders.keys() & {1, 2}:
        found = "the predictions hold no 3 and no 4, and nothing says whether 1 is ED, as in the truth, or NCR"
        raise BratsError(folder, found, "an option", f"Add {OPTIONS}")
    return "brats", False


def _images(folder: Path) -> list[Path]:
    try:
        return [entry for entry in sorted(folder.iterdir()) if stem(entry)]
    except OSError as error:
        found = f"it cannot be read ({error.strerror})"
        raise BratsError(folder, found, f"a folder of {NAMING}", "Check the spelling and the permissions") from None


def _files(folder: Path, truth: Cohort, wanted: Cohort, others_allowed: bool) -> tuple[dict[str, Path], list[str]]:
    """Case name to file, and what to say of other files."""
    images = _images(folder)
    if not images:  # a folder for each case
        images = [path for inner in sorted(folder.iterdir()) if os.path.isdir(inner) for path in _images(inner)]
    known, found, strangers, rest = set(truth.names), defaultdict(list), [], []
    for path in images:
        read = recognise(path)
        names = [stem(path), read[1]] if read and read[2] == "mask" else [stem(path)]
        if whose := known.intersection(names):
            found[whose.pop()].append(path)
        else:
            rest.append(path)
            strangers += names[1:]
    if any(stem(path) == name for name, paths in found.items() for path in paths):
        # Where masks are called <case>.nii.gz, so is any other name that does not begin with a case's.
        strangers += [stem(path) for path in rest if not recognise(path) and not stem(path).startswith(truth.names)]
    strangers += [] if others_allowed else sorted(set(found) - set(wanted.names))
    missing = [name for name in wanted.names if name not in found]
    twice = [paths for name, paths in found.items() if len(paths) > 1 and name in wanted.names]
    problem = ""
    if strangers:
        problem = f"no case with a mask for {strangers[0]}"
    elif twice:
        problem = f"{' and '.join(map(str, twice[0]))} are predictions of one case"
    elif missing or not found:
        problem = f"no prediction for {len(missing)} case(s): {some(missing)}"
        if not found and rest:
            problem += f"; its images are called {some(path.name for path in rest)}"
    if problem:
        expected = f"one of {NAMING} for each of the {len(wanted)} cases with a mask in {truth.root}"
        advice = "Predict the missing cases, or score against a folder with only the cases you mean, or with --split"
        raise BratsError(folder, problem, expected, advice)
    remarks = [f"{len(rest)} other images were passed over ({some(path.name for path in rest)})"] if rest else []
    return {name: found[name][0] for name in wanted.names}, remarks
