"""The shape that a card's content must have, and one message for whatever departs from it."""

import math
import re
from pathlib import Path
from reprlib import repr as shorten

from brats_lib.errors import BratsError
from brats_lib.prediction.cards import INTENDED_USE
from brats_lib.training.devices import PRECISIONS

__all__ = ["ADVICE", "CARD", "check"]

ADVICE = "Mend the card, or write it again with brats_lib.prediction.weights.save_weights"


def _finite(value):
    return type(value) in (int, float) and math.isfinite(value)


def _matching(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


# What one value must be: in words, and as a test.
TEXT = "a text", lambda value: isinstance(value, str) and value.strip() != ""
FLAG = "true or false", lambda value: isinstance(value, bool)
COUNT = "a whole number, 0 or more", lambda value: type(value) is int and value >= 0
SIZE = "a whole number, 1 or more", lambda value: type(value) is int and value >= 1
AMOUNT = "a number, 0 or more", lambda value: _finite(value) and value >= 0
NUMBER = "a finite number", _finite
HASH = "64 hexadecimal digits", _matching("[0-9a-f]{64}")
VOXELS = "16 hexadecimal digits", _matching("[0-9a-f]{16}")
SETTINGS = "settings by name", lambda value: isinstance(value, dict)
VERSION = "a whole number, or null without phantoms", lambda value: value is None or COUNT[1](value)
# No underscores, since "+" is written as one in file names, nor anything that a file system reads as a path.
NAME = "lower-case letters and digits, joined by + or -", _matching("[a-z0-9]+([+-][a-z0-9]+)*")
FILE = "the name of a file beside the card", _matching(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
INTERVAL = (
    "two finite numbers, the lower one first",
    lambda value: isinstance(value, list) and len(value) == 2 and all(map(_finite, value)) and value[0] <= value[1],
)
VERSIONS = (
    "names of programs with their versions",
    lambda value: isinstance(value, dict) and value and all(map(TEXT[1], [*value, *value.values()])),
)


def _one_of(*values):
    return f"one of {', '.join(values)}" if len(values) > 1 else f"'{values[0]}'", lambda value: value in values


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


def check(value: object, shape: tuple | dict | list, where: str | Path, field: str = "") -> None:
    """Hold a value against a shape: a test, a mapping with exactly these keys, or a list of entries of one shape.

    `field` is the value's name in the message, with dots and brackets as in ``scores[0].mean``.
    """
    found = f"its field '{field}' is {shorten(value)}" if field else f"it holds {shorten(value)}"
    if isinstance(shape, list):
        _refuse_unless(isinstance(value, list), where, found, "a list")
        for i, entry in enumerate(value):
            check(entry, shape[0], where, f"{field}[{i}]")
    elif isinstance(shape, dict):
        wanted = f"the fields {', '.join(shape)}"
        _refuse_unless(isinstance(value, dict), where, found, wanted)
        for key in [*shape, *value]:
            name = f"{field}.{key}" if field else key
            found = f"its field '{name}' is {'missing' if key in shape else 'unknown'}"
            _refuse_unless(key in shape and key in value, where, found, wanted)
            check(value[key], shape[key], where, name)
    else:
        wanted, accepts = shape
        _refuse_unless(accepts(value), where, found, wanted)


def _refuse_unless(fine, where, found, expected):
    if not fine:
        raise BratsError(where, found, expected, ADVICE)
