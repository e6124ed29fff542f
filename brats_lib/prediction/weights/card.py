"""The card of a network: what it was trained on, how it scored, and how its file is recognised."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields

from brats_lib.errors import BratsError
from brats_lib.files import read_json
from brats_lib.prediction.weights import text
from brats_lib.prediction.weights.fields import ADVICE, CARD, INTENDED_USE, check
from brats_lib.recipes import DecisionRule, NativeRecipe, Recipe, as_tuples, misfit

__all__ = ["INTENDED_USE", "Card", "identify"]

_RECIPE_CLASSES = {kind.__name__: kind for kind in (NativeRecipe, Recipe)}


@dataclass(frozen=True)
class Card:
    """What a person must know before using a network, and a program before reading it.

    Attributes
    ----------
    name : str
        What `load` takes, such as "phantom+real".
    title : str
        One line that says what the network is.
    recipe : dict
        `class` and all `settings` of the recipe, see `to_recipe`.
    decision : dict
        All settings of the `DecisionRule`, see `to_rule`; none where the recipe is a `Recipe`.
    weights : dict
        `file` beside the card, its `sha256` and size in `bytes`, number of `parameters` and their `dtype`.
    weights_hash : str
        SHA-256 of the float16 values alone, in order. Unlike that of the file it does not depend on how they are
        packed, so two trainings ended alike where it agrees.
    data : dict
        What the network learnt from: `description`, numbers of `phantoms` and `patients`, `phantom_version` (of
        `brats_lib.phantom`; None without phantoms), `licence` and `citations`, each a bibliography `key` and `text`.
    training : dict
        `seed`, `slices` seen, `minutes`, `device`, `precision`, `versions` by program, and `commit`.
    scores : list of dict
        `data`, `region`, `score`, `mean`, `interval` (95 %, low and high), number of `cases`, and `how` the network
        was applied.
    default : bool
        Whether `load` takes this one where none is named.
    intended_use : str
        `INTENDED_USE`, always.
    limitations : list of str
        What the network cannot do, one sentence each.
    learnt_from : list of str
        `brats_lib.cases.case.voxel_hash` of the FLAIR images of all cases that it was trained on.
    """

    name: str
    title: str
    recipe: dict
    decision: dict
    weights: dict
    weights_hash: str
    data: dict
    training: dict
    scores: list
    default: bool
    intended_use: str
    limitations: list
    learnt_from: list

    @property
    def sha256(self):
        """SHA-256 of the file of weights."""
        return self.weights["sha256"]

    @property
    def identity(self):
        """What tells this network's predictions from any other's, as `identify` gives it."""
        return identify(self.name, self.sha256, self.to_recipe(), self.to_rule()) | {"weights_hash": self.weights_hash}

    @classmethod
    def read(cls, path):
        """Read a card and check it.

        Parameters
        ----------
        path : str or Path
            A JSON file.

        Returns
        -------
        Card

        Raises
        ------
        BratsError
            If the file cannot be read or a field is missing, unknown or of the wrong kind.
        """
        content = read_json(path, "the card of a network", ADVICE)
        check(content, CARD, path)
        return cls(**content).validate(path)

    def validate(self, where=None):
        """Check every field.

        Parameters
        ----------
        where : str or Path, optional
            What the message calls the card.

        Returns
        -------
        Card
            This one.

        Raises
        ------
        BratsError
            Naming the first field that is wrong.
        """
        where = f"card '{self.name}'" if where is None else where
        check(asdict(self), CARD, where)
        if (self.data["phantom_version"] is None) != (self.data["phantoms"] == 0):
            found = f"its field 'data.phantom_version' is {self.data['phantom_version']}"
            raise BratsError(where, found, f"the version of the {self.data['phantoms']} phantoms", ADVICE)
        for field in ("scores", "limitations"):
            if not getattr(self, field):
                raise BratsError(where, f"its field '{field}' is empty", "one entry or more", ADVICE)
        for i, score in enumerate(self.scores):
            low, high = score["interval"]
            if not low <= score["mean"] <= high:
                found = f"its field 'scores[{i}].mean' is {score['mean']}"
                raise BratsError(where, found, f"a mean within its interval, {low} to {high}", ADVICE)
        self.to_recipe(where)
        self.to_rule(where)
        return self

    def to_recipe(self, where=None):
        """Make the recipe that the network was built and trained with.

        A recipe with more or fewer settings than this version knows is refused: a default that was not there when
        the network was trained might feed it other images than it was taught.

        Returns
        -------
        Recipe or NativeRecipe

        Raises
        ------
        BratsError
            If the class or a setting is unknown, missing or of the wrong kind.
        """
        where = f"card '{self.name}'" if where is None else where
        kind = _RECIPE_CLASSES.get(self.recipe["class"])
        if kind is None:
            found = f"its field 'recipe.class' is '{self.recipe['class']}'"
            raise BratsError(where, found, f"one of {', '.join(_RECIPE_CLASSES)}", ADVICE)
        return _build(kind, self.recipe["settings"], "recipe.settings", where)

    def to_rule(self, where=None):
        """Make the rule that predictions are made with.

        Returns
        -------
        DecisionRule or None
            None where the recipe is a `Recipe`, which takes the most probable class.

        Raises
        ------
        BratsError
            If a setting is unknown, missing, of the wrong kind or out of range.
        """
        where = f"card '{self.name}'" if where is None else where
        if self.recipe["class"] == Recipe.__name__:
            check(self.decision, {}, where, "decision")
            return None
        return _build(DecisionRule, self.decision, "decision", where)

    def to_json(self):
        """The card as it is written to a file.

        Returns
        -------
        str
        """
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    def summary(self):
        """A few lines for a list of networks: size, data and scores.

        Returns
        -------
        str
        """
        return text.summary(self)

    def to_markdown(self, cite=True):
        """The whole card as tables and lists.

        Parameters
        ----------
        cite : bool
            Give sources as the book's citations; otherwise spelt out, for readers without its bibliography.

        Returns
        -------
        str
            Markdown without a heading.
        """
        return text.card_markdown(self, cite)


def identify(name, weights_sha256, recipe, rule):
    """What tells the predictions of a network from any other's: its weights, how they are fed and what is decided.

    Returns
    -------
    dict
        `name`, `weights_sha256`, `decision`, and `sha256` of all of them but the name, which may change.
    """
    decision = None if rule is None else asdict(rule)
    content = json.dumps([weights_sha256, asdict(recipe), decision], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return {"name": name, "weights_sha256": weights_sha256, "decision": decision, "sha256": digest}


def _build(kind, content, where_in, where):
    """A dataclass of the settings that a field of a card holds: all of them, no other, each of its default's type."""
    settings = {key: as_tuples(value) for key, value in content.items()}
    known = {field.name: field.default for field in fields(kind)}
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
