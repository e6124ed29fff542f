"""The shape that a card's content must have, and one message for whatever departs from it."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from reprlib import repr as shorten

from brats_lib.errors import BratsError
from brats_lib.training.devices import PRECISIONS

__all__ = ["ADVICE", "CARD", "INTENDED_USE", "Kind", "check"]

INTENDED_USE = "research and teaching only, not a medical device"
ADVICE = "Mend the card, or write it again with brats_lib.prediction.weights.save_weights"


@dataclass(frozen=True)
class Kind:
    """What one value must be: in words, and as a test."""

    wanted: str
    accepts: Callable


def _matches(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _finite(value):
    return type(value) in (int, float) and math.isfinite(value)


def _interval(value):
    return isinstance(value, list) and len(value) == 2 and all(map(_finite, value)) and value[0] <= value[1]


def _one_of(*values):
    wanted = f"one of {', '.join(values)}" if len(values) > 1 else f"'{values[0]}'"
    return Kind(wanted, lambda value: value in values)


TEXT = Kind("a text", lambda value: isinstance(value, str) and value.strip() != "")
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
COUNT = Kind("a whole number, 0 or more", lambda value: type(value) is int and value >= 0)
SIZE = Kind("a whole number, 1 or more", lambda value: type(value) is int and value >= 1)
AMOUNT = Kind("a number, 0 or more", lambda value: _finite(value) and value >= 0)
NUMBER = Kind("a finite number", _finite)
INTERVAL = Kind("two finite numbers, the lower one first", _interval)
VOXELS = Kind("16 hexadecimal digits", _matches("[0-9a-f]{16}"))
HASH = Kind("64 hexadecimal digits", _matches("[0-9a-f]{64}"))
VERSION = Kind("a whole number, or null without phantoms", lambda value: value is None or COUNT.accepts(value))
# Neither underscores, since "+" is written as one in file names, nor anything that a file system reads as a path.
NAME = Kind("lower-case letters and digits, joined by + or -", _matches("[a-z0-9]+([+-][a-z0-9]+)*"))
FILE = Kind("the name of a file beside the card", _matches(r"[A-Za-z0-9_-][A-Za-z0-9._-]*"))
VERSIONS = Kind(
    "names of programs with their versions",
    lambda value: isinstance(value, dict) and value and all(map(TEXT.accepts, [*value, *value.values()])),
)
SETTINGS = Kind("settings by name", lambda value: isinstance(value, dict))

# A list stands for a list of such entries.
CARD = {
    "name": NAME,
    "title": TEXT,
    "recipe": {"class": TEXT, "settings": SETTINGS},
    "decision": SETTINGS,
    "weights": {"file": FILE, "sha256": HASH, "bytes": SIZE, "parameters": SIZE, "dtype": _one_of("float16")},
    "weights_hash": HASH,
    "data": {
        "description": TEXT, "phantoms": COUNT, "phantom_version": VERSION, "patients": COUNT, "licence": TEXT,
        "citations": [{"key": TEXT, "text": TEXT}],
    },
    "training": {
        "seed": COUNT, "slices": COUNT, "minutes": AMOUNT, "device": TEXT, "precision": _one_of(*PRECISIONS),
        "versions": VERSIONS, "commit": TEXT,
    },
    "scores": [
        {"data": TEXT, "region": TEXT, "score": TEXT, "mean": NUMBER, "interval": INTERVAL, "cases": SIZE, "how": TEXT}
    ],
    "default": FLAG,
    "intended_use": _one_of(INTENDED_USE),
    "limitations": [TEXT],
    "learnt_from": [VOXELS],
}  # fmt: skip


def check(value, shape, where, field=""):
    """Hold a value against a shape.

    Parameters
    ----------
    value : object
        What JSON gave.
    shape : Kind, dict or list
        What it must be: a kind, a mapping with exactly these keys, or a list of entries of one shape.
    where : str or Path
        The card, for the message.
    field : str
        Name of the value, with dots and brackets as in ``scores[0].mean``.

    Raises
    ------
    BratsError
        Naming the first field that is missing, unknown or of another kind.
    """
    if isinstance(shape, Kind):
        _refuse_unless(shape.accepts(value), where, f"its field '{field}' is {shorten(value)}", shape.wanted)
    elif isinstance(shape, list):
        found = f"its field '{field}' is {shorten(value)}"
        _refuse_unless(isinstance(value, list), where, found, "a list")
        for i, entry in enumerate(value):
            check(entry, shape[0], where, f"{field}[{i}]")
    else:
        found = f"its field '{field}' is {shorten(value)}" if field else f"it holds {shorten(value)}"
        _refuse_unless(isinstance(value, dict), where, found, f"the fields {', '.join(shape)}")
        for key in [*shape, *value]:
            name = f"{field}.{key}" if field else key
            found = f"its field '{name}' is {'missing' if key in shape else 'unknown'}"
            _refuse_unless(key in shape and key in value, where, found, f"the fields {', '.join(shape)}")
            check(value[key], shape[key], where, name)


def _refuse_unless(fine, where, found, expected):
    if not fine:
        raise BratsError(where, found, expected, ADVICE)
