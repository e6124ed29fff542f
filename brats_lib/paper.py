"""The numbers that the paper prints, as data: every table that says "paper" takes them from `paper_values.yml`.

The paper is the preprint rs-7900791/v1 on Research Square.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

__all__ = ["PaperValue", "value", "values"]


@dataclass(frozen=True)
class PaperValue:
    """One number of the paper.

    Attributes
    ----------
    key
        Unique name, such as "train_dice".
    name
        What the paper calls it.
    kind : {"result", "setting"}
        Measured or chosen.
    value
        The number; fractions are of 1.
    printed
        The text in the paper.
    section, where
        Section, and figure, table or text.
    sd, upper
        Standard deviation, where one is printed; the other end, where a range is.
    split : {"train", "val", "test"} or None
        The cases it was measured on.
    measure
        The name of the score in `brats_lib.scores.published`.
    placeholder
        The paper prints template text ("[e.g., 0.88]"), or a value derived from one: nothing that was measured.
    note
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


def values() -> list[PaperValue]:
    """The numbers of the paper in the order of the data file."""
    return list(_load().values())


def value(key: str) -> PaperValue:
    """A number of the paper."""
    return _load()[key]


@cache
def _load():
    content = yaml.safe_load(files("brats_lib").joinpath("paper_values.yml").read_text(encoding="utf-8"))
    return {entry["key"]: PaperValue(**entry) for entry in content["paper"]}
