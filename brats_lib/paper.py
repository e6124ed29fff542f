"""The numbers that the paper prints, and those of others to compare with, as data.

Every table that says "paper" takes its values from `paper_values.yml`, which is part of the package. The paper is the
preprint rs-7900791/v1 on Research Square.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from brats_lib.errors import BratsError

__all__ = ["PaperValue", "ReferenceValue", "references", "value", "values"]


@dataclass(frozen=True)
class PaperValue:
    """One number of the paper.

    Attributes
    ----------
    key : str
        Unique name, such as "train_dice".
    name : str
        What the paper calls it.
    kind : {"result", "setting"}
        Measured or chosen.
    value : float
        The number; fractions are of 1.
    printed : str
        The text in the paper.
    section, where : str
        Section, and figure, table or text.
    sd : float or None
        Standard deviation, where one is printed.
    upper : float or None
        The other end, where a range is printed.
    split : {"train", "val", "test"} or None
        The cases it was measured on.
    measure : str or None
        The name of the score in `brats_lib.scores.published`.
    placeholder : bool
        The paper prints template text ("[e.g., 0.88]"), or a value derived from one: nothing that was measured.
    note : str
        What contradicts the number or explains it; may be empty.
    """

    key: str
    name: str
    kind: str
    value: float
    printed: str
    section: str
    where: str
    sd: float | None = None
    upper: float | None = None
    split: str | None = None
    measure: str | None = None
    placeholder: bool = False
    note: str = ""


@dataclass(frozen=True)
class ReferenceValue:
    """One number that others print.

    Attributes
    ----------
    key : str
        Names the source and the cases, such as "sirisaac_test"; one key has many numbers.
    source, url : str
        Who printed it and where.
    setup, data : str
        What was trained and what it was scored on.
    measure : str
        A score of `brats_lib.scores.published` where `region` is None, else of `brats_lib.scores.challenge`.
    region : str or None
        WT, TC, ET, or "mean" of the three labels.
    value : float
        The number; fractions are of 1, distances in mm.
    """

    key: str
    source: str
    url: str
    setup: str
    data: str
    measure: str
    region: str | None
    value: float


def values(split=None, measure=None, kind=None):
    """Every number of the paper, in the order of the data file.

    Parameters
    ----------
    split, measure, kind : str, optional
        Keep only the values with this split, measure or kind.

    Returns
    -------
    list of PaperValue
    """
    wanted = {"split": split, "measure": measure, "kind": kind}
    return [
        entry
        for entry in _load()[0].values()
        if all(want is None or getattr(entry, field) == want for field, want in wanted.items())
    ]


def value(key):
    """Look a number of the paper up.

    Returns
    -------
    PaperValue

    Raises
    ------
    BratsError
        If there is no number of that key.
    """
    known = _load()[0]
    if key not in known:
        raise BratsError(f"paper value '{key}'", "there is none", f"one of {', '.join(known)}", "Choose one of those")
    return known[key]


def references():
    """Every number of others, in the order of the data file.

    Returns
    -------
    list of ReferenceValue
    """
    return list(_load()[1])


@cache
def _load():
    content = yaml.safe_load(files("brats_lib").joinpath("paper_values.yml").read_text(encoding="utf-8"))
    paper = {entry["key"]: PaperValue(**entry) for entry in content["paper"]}
    if len(paper) != len(content["paper"]):
        raise ValueError("paper_values.yml has the same key twice")
    others = []
    for entry in content["references"]:
        scores = entry.pop("scores")
        for measure, score in scores.items():
            by_region = score if isinstance(score, dict) else {None: score}
            others += [ReferenceValue(measure=measure, region=name, value=v, **entry) for name, v in by_region.items()]
    return paper, tuple(others)
