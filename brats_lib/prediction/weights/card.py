"""The card of a network that ships: what it was trained on, how it scored, and how its file is recognised."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from reprlib import repr as shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from brats_lib.cases.case import Case
from brats_lib.cases.cohort import phantom_file, read_phantom_file
from brats_lib.errors import BratsError
from brats_lib.files import home_path, read_json
from brats_lib.prediction.cards import DEFAULT_RULES, INTENDED_USE, Card
from brats_lib.prediction.weights.store import DAMAGED, content_hash, read_arrays, set_arrays
from brats_lib.recipes import DecisionRule, as_tuples, misfit
from brats_lib.training import devices

if TYPE_CHECKING:
    import keras

# How a score is called, and how many of its decimals are shown.
_SCORES = {"dice": ("Dice", 3), "hd95_mm": ("HD95 (mm)", 1), "iou": ("IoU", 3)}
_RECIPES = {kind.__name__: kind for kind in DEFAULT_RULES}
ADVICE = "Mend the card, or write it again with brats_lib.prediction.weights.save_weights"


def _finite(value):
    return type(value) in (int, float) and math.isfinite(value)


def _matching(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _one_of(*values):
    return f"one of {', '.join(values)}" if len(values) > 1 else f"'{values[0]}'", lambda value: value in values


# What one value must be: in words, and as a test.
TEXT = "a text", lambda value: isinstance(value, str) and value.strip() != ""
FLAG = "true or false", lambda value: isinstance(value, bool)
COUNT = "a whole number, 0 or more", lambda value: type(value) is int and value >= 0
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

# A list stands for a list of such entries.
CARD = {
    "name": NAME,
    "title": TEXT,
    "recipe": {"class": _one_of(*_RECIPES), "settings": SETTINGS},
    "decision": SETTINGS,
    "weights": {"file": FILE, "sha256": HASH, "bytes": COUNT, "parameters": COUNT, "dtype": _one_of("float16")},
    "weights_hash": HASH,
    "data": {
        "description": TEXT, "phantoms": COUNT, "phantom_version": VERSION, "patients": COUNT, "licence": TEXT,
        "citations": [{"key": TEXT, "text": TEXT}],
    },
    "training": {
        "seed": COUNT, "slices": COUNT, "minutes": AMOUNT, "device": TEXT, "precision": _one_of(*devices.PRECISIONS),
        "versions": VERSIONS, "commit": TEXT,
    },
    "scores": [
        {"data": TEXT, "region": TEXT, "score": TEXT, "mean": NUMBER, "interval": INTERVAL, "cases": COUNT, "how": TEXT}
    ],
    "default": FLAG,
    "intended_use": _one_of(INTENDED_USE),
    "limitations": [TEXT],
    "learnt_from": [VOXELS],
}  # fmt: skip


@dataclass(frozen=True)
class ShippedCard(Card):
    """What a person must know before using a network, beside what a program must; a JSON file next to the weights."""

    weights: dict  # `file` beside the card, its `sha256` and size in `bytes`, how many `parameters` of which `dtype`
    # SHA-256 of the float16 values alone, in order. Unlike that of the file it does not depend on how they are packed,
    # so two trainings ended alike where it agrees.
    weights_hash: str
    # What the network learnt from: `description`, numbers of `phantoms` and `patients`, `phantom_version` (None without
    # phantoms), `licence` and `citations`, each a bibliography `key` and `text`.
    data: dict
    training: dict  # `seed`, `slices` seen, `minutes`, `device`, `precision`, `versions` by program, and `commit`
    # `data`, `region`, `score`, `mean`, `interval` (95 %, low and high), number of `cases`, and `how` it was applied.
    scores: list
    default: bool  # whether it is taken where none is named
    limitations: list  # what the network cannot do, one sentence each
    learnt_from: list  # `voxel_hash` of the FLAIR images of all cases that it was trained on
    path: Path = field(default=Path(), compare=False)  # of the card

    @classmethod
    def read(cls, path: str | Path) -> "ShippedCard":
        """Read a card and check it."""
        card = cls.of(read_json(path, "the card of a network", ADVICE), path)
        return replace(card, path=home_path(path))

    @classmethod
    def of(cls, content: dict, where: str | Path) -> "ShippedCard":
        """Check what a card's file holds or shall hold, and make the card of it; raises an error that names the field.

        A recipe or rule with more or fewer settings than this version knows is refused: a default that was not there
        when the network was trained might feed it other images than it was taught.
        """
        _check(content, CARD, where)
        kind, rule = _RECIPES[content["recipe"]["class"]], None
        if DEFAULT_RULES[kind] is None:
            _check(content["decision"], {}, where, "decision")
        else:
            rule = _build(DecisionRule, content["decision"], "decision", where)
        facts = {entry.name: content[entry.name] for entry in fields(cls) if entry.name in content}
        facts |= {"recipe": _build(kind, content["recipe"]["settings"], "recipe.settings", where), "rule": rule}
        return cls(**facts, precision=content["training"]["precision"], sha256=content["weights"]["sha256"])

    @property
    def identity(self) -> dict:
        """As of every card, with the hash of the values."""
        return super().identity | {"weights_hash": self.weights_hash}

    @property
    def file(self) -> Path:
        """The file of weights."""
        return self.path.with_name(self.weights["file"])

    def arrays(self) -> dict[str, np.ndarray]:
        """Read the weights in float16, once the file is known to be the card's; this takes no Keras."""
        arrays = read_arrays(self.file, self.sha256)
        whole = all(array.dtype == np.dtype("<f2") and np.isfinite(array).all() for array in arrays.values())
        if not whole or content_hash(arrays) != self.weights_hash:
            expected = f"finite ones in float16 with hash {self.weights_hash[:12]}…"
            raise BratsError(self.file, "its numbers are not those of the card", expected, DAMAGED)
        return arrays

    def build(self, precision: str | None = None) -> "keras.Model":
        """Build the network from the recipe; nothing in the files is executed."""
        # Cards are read by programs that need no network, and Keras takes seconds to load.
        from brats_lib import models

        arrays = self.arrays()
        if precision is None:
            precision = self.precision if self.precision == devices.choose_precision() else "float32"
        model = models.build(self.recipe, devices.choose_precision(precision))
        set_arrays(model, arrays, self.file)
        return model

    def met(self, case: Case, flair_hash: str) -> str | None:
        """Whether it learnt from the case, or from phantoms that were drawn as this one."""
        if flair_hash in self.learnt_from:
            return "learnt from this very image"
        mark = phantom_file(case)
        drawn = {"stream": "training", "seed": self.training["seed"], "version": self.data["phantom_version"]}
        if mark and drawn.items() <= read_phantom_file(mark).items():
            return "may have learnt from phantoms with this head or this tumour"
        return None

    def to_json(self) -> str:
        """The card as it is written to its file."""
        given = {
            "recipe": {"class": type(self.recipe).__name__, "settings": asdict(self.recipe)},
            "decision": {} if self.rule is None else asdict(self.rule),
        }
        content = {key: given[key] if key in given else getattr(self, key) for key in CARD}
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    @property
    def size(self) -> str:
        """How large network and file are, in words."""
        weights = self.weights
        return f"{weights['parameters']:,} parameters, {weights['bytes'] / 1e6:.1f} MB as {weights['dtype']}"

    @property
    def sources(self) -> str:
        """How many phantoms and patients it learnt from, in words."""
        phantoms, patients = self.data["phantoms"], self.data["patients"]
        drawn = f"{_count(phantoms, 'phantom')} of version {self.data['phantom_version']}, " if phantoms else ""
        return drawn + (_count(patients, "patient") if patients else "no patient")

    def summary(self) -> str:
        """A few lines: size, data, and mean scores per data set."""
        means: dict[tuple[str, str, int], list[str]] = {}
        for row in self.scores:
            name, (mean, *_) = shown_score(row)
            means.setdefault((name, row["data"], row["cases"]), []).append(f"{row['region']} {mean}")
        lines = [f"{self.name}{' (default)' if self.default else ''}: {self.title}", self.size, self.sources]
        for (name, data, cases), each in means.items():
            lines.append(f"{name}: {', '.join(each)} ({data}, {_count(cases, 'case')})")
        return "\n  ".join(lines)


def shown_score(row: dict) -> tuple[str, list[str]]:
    """What a score of a card is called, and its mean and the bounds of its interval as text."""
    name, digits = _SCORES.get(row["score"], (row["score"], 3))
    return name, [f"{number:.{digits}f}" for number in (row["mean"], *row["interval"])]


def _count(number, what):
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _build(kind: Any, content: Mapping[str, Any], where_in: str, where: str | Path) -> Any:
    """A dataclass of the settings that a field of a card holds: all of them, no other, each of its default's type."""
    _check(content, {setting.name: _as_default(kind, setting) for setting in fields(kind)}, where, where_in)
    try:
        return kind(**{key: as_tuples(value) for key, value in content.items()})
    except BratsError as error:
        raise BratsError(where, f"in its field '{where_in}' {error.found}", error.expected, ADVICE) from None


def _as_default(kind, setting):
    expected = f"{type(setting.default).__name__}, as {setting.default!r} is"
    return expected, lambda value: misfit(kind, {setting.name: as_tuples(value)}) is None


def _check(value: Any, shape: tuple | dict | list, where: str | Path, field: str = "") -> None:
    """Hold a value against a shape: a test, a mapping with exactly these keys, or a list of entries of one shape.

    `field` is the value's name in the message, with dots and brackets as in ``scores[0].mean``.
    """
    match shape:
        case dict():
            expected, fits = f"the fields {', '.join(shape)}", isinstance(value, dict)
        case list():
            expected, fits = "a list", isinstance(value, list)
        case _:
            expected, fits = shape[0], shape[1](value)
    if not fits:
        raise BratsError(where, f"its field '{field}' is {shorten(value)}", expected, ADVICE)
    if isinstance(shape, list):
        for i, entry in enumerate(value):
            _check(entry, shape[0], where, f"{field}[{i}]")
    elif isinstance(shape, dict):
        for key in [*shape, *value]:
            name = f"{field}.{key}" if field else key
            if key not in shape or key not in value:
                found = f"its field '{name}' is {'missing' if key in shape else 'unknown'}"
                raise BratsError(where, found, expected, ADVICE)
            _check(value[key], shape[key], where, name)
