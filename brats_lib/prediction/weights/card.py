"""The card of a network that ships: what it was trained on, how it scored, and how its file is recognised."""

import json
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from brats_lib.cases.case import Case
from brats_lib.cases.cohort import phantom_file, read_phantom_file
from brats_lib.errors import BratsError
from brats_lib.files import home_path, read_json
from brats_lib.prediction.cards import DEFAULT_RULES, Card, settings_of
from brats_lib.prediction.weights import text
from brats_lib.prediction.weights.fields import ADVICE, CARD, check
from brats_lib.prediction.weights.store import read_arrays, set_arrays
from brats_lib.recipes import DecisionRule, as_tuples, misfit
from brats_lib.training import devices

__all__ = ["ShippedCard"]

_RECIPES = {kind.__name__: kind for kind in DEFAULT_RULES}


@dataclass(frozen=True)
class ShippedCard(Card):
    """What a person must know before using a network, beside what a program must; a JSON file next to the weights.

    Attributes
    ----------
    weights
        `file` beside the card, its `sha256` and size in `bytes`, number of `parameters` and their `dtype`.
    weights_hash
        SHA-256 of the float16 values alone, in order. Unlike that of the file it does not depend on how they are
        packed, so two trainings ended alike where it agrees.
    data
        What the network learnt from: `description`, numbers of `phantoms` and `patients`, `phantom_version` (of
        `brats_lib.phantom`; None without phantoms), `licence` and `citations`, each a bibliography `key` and `text`.
    training
        `seed`, `slices` seen, `minutes`, `device`, `precision`, `versions` by program, and `commit`.
    scores
        `data`, `region`, `score`, `mean`, `interval` (95 %, low and high), number of `cases`, and `how` the network
        was applied.
    default
        Whether it is taken where none is named.
    limitations
        What the network cannot do, one sentence each.
    learnt_from
        `brats_lib.cases.case.voxel_hash` of the FLAIR images of all cases that it was trained on.
    path
        Of the card.
    """

    weights: dict
    weights_hash: str
    data: dict
    training: dict
    scores: list
    default: bool
    limitations: list
    learnt_from: list
    path: Path | None = field(default=None, compare=False)

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
        check(content, CARD, where)
        data, recipe = content["data"], content["recipe"]
        if (data["phantom_version"] is None) != (data["phantoms"] == 0):
            found = f"its field 'data.phantom_version' is {data['phantom_version']}"
            raise BratsError(where, found, f"the version of the {data['phantoms']} phantoms", ADVICE)
        for name in ("scores", "limitations"):
            if not content[name]:
                raise BratsError(where, f"its field '{name}' is empty", "one entry or more", ADVICE)
        for i, score in enumerate(content["scores"]):
            low, high = score["interval"]
            if not low <= score["mean"] <= high:
                found = f"its field 'scores[{i}].mean' is {score['mean']}"
                raise BratsError(where, found, f"a mean within its interval, {low} to {high}", ADVICE)
        kind = _RECIPES.get(recipe["class"])
        if kind is None:
            found = f"its field 'recipe.class' is '{recipe['class']}'"
            raise BratsError(where, found, f"one of {', '.join(_RECIPES)}", ADVICE)
        rule = None
        if DEFAULT_RULES[kind] is None:
            check(content["decision"], {}, where, "decision")
        else:
            rule = _build(DecisionRule, content["decision"], "decision", where)
        facts = {entry.name: content[entry.name] for entry in fields(cls) if entry.name in content}
        facts |= {"recipe": _build(kind, recipe["settings"], "recipe.settings", where), "rule": rule}
        precision, sha256 = content["training"]["precision"], content["weights"]["sha256"]
        return cls(**facts, precision=precision, sha256=sha256)

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
        return read_arrays(self.file, self.name, self.weights, self.weights_hash)

    def build(self, precision=None):
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
            "recipe": {"class": type(self.recipe).__name__, "settings": settings_of(self.recipe)},
            "decision": {} if self.rule is None else settings_of(self.rule),
        }
        content = {key: given[key] if key in given else getattr(self, key) for key in CARD}
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def summary(self) -> str:
        """A few lines: size, data and scores."""
        return text.summary(self)


def _build(kind, content, where_in, where):
    """A dataclass of the settings that a field of a card holds: all of them, no other, each of its default's type."""
    settings = {key: as_tuples(value) for key, value in content.items()}
    known = {setting.name: setting.default for setting in fields(kind)}
    if unlike := sorted(known.keys() ^ settings.keys()):
        found = f"its field '{where_in}.{unlike[0]}' is {'missing' if unlike[0] in known else 'unknown'}"
        raise BratsError(where, found, f"every setting of {kind.__name__} and no other", ADVICE)
    if key := misfit(kind, settings):
        found = f"its field '{where_in}.{key}' is {settings[key]!r}"
        raise BratsError(where, found, f"{type(known[key]).__name__}, as {known[key]!r} is", ADVICE)
    try:
        return kind(**settings)
    except BratsError as error:
        raise BratsError(where, f"in its field '{where_in}' {error.found}", error.expected, ADVICE) from None
