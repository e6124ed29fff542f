"""Networks in files: those in this folder by their names, others by the paths of their cards."""

import functools
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from brats_lib.errors import BratsError
from brats_lib.files import home_path, write_whole
from brats_lib.prediction.cards import INTENDED_USE, settings_of
from brats_lib.prediction.weights.card import ShippedCard
from brats_lib.prediction.weights.store import content_hash, pack, to_float16
from brats_lib.recipes import DecisionRule, NativeRecipe, Recipe

if TYPE_CHECKING:
    import keras

__all__ = ["available", "load", "read_card", "save_weights"]

FOLDER = Path(__file__).parent


def save_weights(
    model: "keras.Model", recipe: Recipe | NativeRecipe, rule: DecisionRule | None, folder: str | Path, name: str,
    facts: dict,
) -> Path:  # fmt: skip
    """Write a network's weights and their card, and return its path. The same weights make the same bytes.

    Parameters
    ----------
    rule
        What its predictions are made with; None of a `Recipe`.
    folder
        Gets `<name>.npz` and `<name>.json`, with "_" for each "+" of the name.
    name
        Lower-case letters and digits, joined by "+" or "-".
    facts
        What only the trainer knows: title, data, training, scores, default, limitations and learnt_from of a
        `ShippedCard`.
    """
    where, stem = f"card '{name}'", str(name).replace("+", "_")
    arrays = to_float16(model, where)
    packed = pack(arrays)
    described = {
        **facts,
        "name": name,
        "recipe": {"class": type(recipe).__name__, "settings": settings_of(recipe)},
        "decision": {} if rule is None else settings_of(rule),
        "weights": {
            "file": f"{stem}.npz", "sha256": hashlib.sha256(packed).hexdigest(), "bytes": len(packed),
            "parameters": sum(array.size for array in arrays.values()), "dtype": "float16",
        },
        "weights_hash": content_hash(arrays),
        "intended_use": INTENDED_USE,
    }  # fmt: skip
    card = ShippedCard.of(described, where)
    folder = home_path(folder)
    # The card last: a kill in between leaves a file that no card vouches for.
    write_whole(folder / f"{stem}.npz", packed)
    write_whole(folder / f"{stem}.json", card.to_json())
    return folder / f"{stem}.json"


def available() -> list[str]:
    """Names of the networks that ship with the package, the default first."""
    return [card.name for card in sorted(_packaged(), key=lambda card: not card.default)]


def read_card(name: str | Path | None = None) -> ShippedCard:
    """Read the card of one of `available`, or by its path; by default that of the default network. Takes no Keras."""
    if isinstance(name, Path) or (name is not None and (name.endswith(".json") or os.sep in name)):
        return _read(home_path(name))
    cards = _packaged()
    for card in cards:
        if card.default if name is None else card.name == name:
            return card
    known = ", ".join(card.name for card in cards)
    raise BratsError(
        "weights" if name is None else f"weights '{name}'",
        "no default is packaged" if name is None else "no network of that name is packaged",
        f"one of {known}" if known else "a network in the package, which has none",
        "Choose one of those, or give the path of a card",
    )


def load(
    name: str | Path | None = None, precision: str | None = None
) -> tuple["keras.Model", Recipe | NativeRecipe, ShippedCard]:
    """Build a network, not compiled, with weights that were kept by `save_weights`; with its recipe and its card.

    `precision` is "float32", "mixed_bfloat16" or "mixed_float16"; by default what it was trained in where this machine
    is fast with that, else float32.
    """
    card = read_card(name)
    return card.build(precision), card.recipe, card


def _packaged():
    return [_read(path) for path in sorted(FOLDER.glob("*.json"))]


def _read(path):
    """A card, checked once until its file changes: the application asks for cards at every move of a slider."""
    try:
        status = path.stat()
    except OSError:
        return ShippedCard.read(path)  # which says what is wrong
    return _checked(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _checked(path, size, modified):
    return ShippedCard.read(path)
