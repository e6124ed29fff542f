"""The shape that a card's content must have, and one message for whatever departs from it."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from reprlib import repr as shorten
from typing import NamedTuple

from brats_lib.errors import BratsError
from brats_lib.prediction.cards import INTENDED_USE
from brats_lib.training.devices import PRECISIONS

__all__ = ["ADVICE", "CARD", "Kind", "check"]

ADVICE = "Mend the card, or write it again with brats_lib.prediction.weights.save_weights"


class Kind(NamedTuple):
    """What one value must be: in words, and as a test."""

    wanted: str
    accepts: Callable[[object], bool]


def _matching(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _whole(least):
    return lambda value: type(value) is int and value >= least


def _finite(value):
    return type(value) in (int, float) and math.isfinite(value)


def _interval(value):
    return isinstance(value, list) and len(value) == 2 and all(map(_finite, value)) and value[0] <= value[1]


TEXT = Kind("a text", lambda value: isinstance(value, str) and value.strip() != "")
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
COUNT = Kind("a whole number, 0 or more", _whole(0))
SIZE = Kind("a whole number, 1 or more", _whole(1))
HASH = Kind("64 hexadecimal digits", _matching("[0-9a-f]{64}"))
SETTINGS = Kind("settings by name", lambda value: isinstance(value, dict))

# A list stands for a list of such entries.
CARD = {
    # No underscores, since "+" is written as one in file names, nor anything that a file system reads as a path.
    "name": Kind("lower-case letters and digits, joined by + or -", _matching("[a-z0-9]+([+-][a-z0-9]+)*")),
    "title": TEXT,
    "recipe": {"class": TEXT, "settings": SETTINGS},
    "decision": SETTINGS,
    "weights": {
        "file": Kind("the name of a file beside the card", _matching(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")),
        "sha256": HASH, "bytes": SIZE, "parameters": SIZE, "dtype": Kind("'float16'", lambda value: value == "float16"),
    },
    "weights_hash": HASH,
    "data": {
        "description": TEXT,
        "phantoms": COUNT,
        "phantom_version": Kind(
            "a whole number, or null without phantoms", lambda value: value is None or COUNT.accepts(value)
        ),
        "patients": COUNT,
        "licence": TEXT,
        "citations": [{"key": TEXT, "text": TEXT}],
    },
    "training": {
        "seed": COUNT,
        "slices": COUNT,
        "minutes": Kind("a number, 0 or more", lambda value: _finite(value) and value >= 0),
        "device": TEXT,
        "precision": Kind(f"one of {', '.join(PRECISIONS)}", lambda value: value in PRECISIONS),
        "versions": Kind(
            "names of programs with their versions",
            lambda value: isinstance(value, dict) and value and all(map(TEXT.accepts, [*value, *value.values()])),
        ),
        "commit": TEXT,
    },
    "scores": [
        {
            "data": TEXT, "region": TEXT, "score": TEXT, "mean": Kind("a finite number", _finite),
            "interval": Kind("two finite numbers, the lower one first", _interval), "cases": SIZE, "how": TEXT,
        }
    ],
    "default": FLAG,
    "intended_use": Kind(f"'{INTENDED_USE}'", lambda value: value == INTENDED_USE),
    "limitations": [TEXT],
    "learnt_from": [Kind("16 hexadecimal digits", _matching("[0-9a-f]{16}"))],
}  # fmt: skip


def check(value: object, shape: Kind | dict | list, where: str | Path, field: str = "") -> None:
    """Hold a value against a shape: a kind, a mapping with exactly these keys, or a list of entries of one shape.

    Parameters
    ----------
    where
        The card, for the message.
    field
        Name of the value, with dots and brackets as in ``scores[0].mean``.

    Raises
    ------
    BratsError
        Naming the first field that is missing, unknown or of another kind.
    """
    found = f"its field '{field}' is {shorten(value)}" if field else f"it holds {shorten(value)}"
    if isinstance(shape, Kind):
        _refuse_unless(shape.accepts(value), where, found, shape.wanted)
    elif isinstance(shape, list):
        _refuse_unless(isinstance(value, list), where, found, "a list")
        for i, entry in enumerate(value):
            check(entry, shape[0], where, f"{field}[{i}]")
    else:
        wanted = f"the fields {', '.join(shape)}"
        _refuse_unless(isinstance(value, dict), where, found, wanted)
        for key in [*shape, *value]:
            name = f"{field}.{key}" if field else key
            found = f"its field '{name}' is {'missing' if key in shape else 'unknown'}"
            _refuse_unless(key in shape and key in value, where, found, wanted)
            check(value[key], shape[key], where, name)


def _refuse_unless(fine, where, found, expected):
    if not fine:
        raise BratsError(where, found, expected, ADVICE)
