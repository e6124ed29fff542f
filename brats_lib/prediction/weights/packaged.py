"""Networks in files: those in this folder by their names, others by the paths of their cards."""

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from brats_lib.errors import BratsError
from brats_lib.files import home_path, write_whole
from brats_lib.prediction.cards import INTENDED_USE
from brats_lib.prediction.weights.card import ShippedCard
from brats_lib.prediction.weights.store import content_hash, pack, to_float16
from brats_lib.recipes import DecisionRule, NativeRecipe, Recipe

if TYPE_CHECKING:
    import keras

FOLDER = Path(__file__).parent


def save_weights(
    model: "keras.Model", recipe: Recipe | NativeRecipe, rule: DecisionRule | None, folder: str | Path, name: str,
    facts: dict,
) -> Path:  # fmt: skip
    """Write a network's weights and their card, and return its path. The same weights make the same bytes.

    The folder gets `<name>.npz` and `<name>.json`, with "_" for each "+" of the name. Its predictions are made with the
    rule, None of a `Recipe`. What only the trainer knows are `facts`: title, data, training, scores, default,
    limitations and learnt_from of a `ShippedCard`.
    """
    where, path = f"card '{name}'", home_path(folder) / f"{name.replace('+', '_')}.json"
    arrays = to_float16(model, where)
    packed = pack(arrays)
    described = {
        **facts,
        "name": name,
        "recipe": {"class": type(recipe).__name__, "settings": asdict(recipe)},
        "decision": {} if rule is None else asdict(rule),
        "weights": {
            "file": f"{path.stem}.npz", "sha256": hashlib.sha256(packed).hexdigest(), "bytes": len(packed),
            "parameters": sum(array.size for array in arrays.values()), "dtype": "float16",
        },
        "weights_hash": content_hash(arrays),
        "intended_use": INTENDED_USE,
    }  # fmt: skip
    card = ShippedCard.of(described, where)
    # The card last: a kill in between leaves a file that no card vouches for.
    write_whole(path.with_suffix(".npz"), packed)
    write_whole(path, card.to_json())
    return path


def available() -> list[str]:
    """Names of the networks that ship with the package, the default first."""
    return list(_packaged())


def read_card(name: str | Path | None = None) -> ShippedCard:
    """Read the card of one of `available`, or by its path; by default that of the default network. Takes no Keras."""
    if isinstance(name, Path) or (name is not None and (name.endswith(".json") or os.sep in name)):
        return ShippedCard.read(name)
    cards = _packaged()
    if name is None:
        return next(iter(cards.values()))
    if name not in cards:
        advice = "Choose one of those, or give the path of a card"
        raise BratsError(
            f"weights '{name}'", "no network of that name is packaged", f"one of {', '.join(cards)}", advice
        )
    return cards[name]


def load(
    name: str | Path | None = None, precision: str | None = None
) -> tuple["keras.Model", Recipe | NativeRecipe, ShippedCard]:
    """Build a network, not compiled, with weights that `save_weights` wrote; with its recipe and its card.

    `precision` is "float32", "mixed_bfloat16" or "mixed_float16"; by default what it was trained in where this machine
    is fast with that, else float32.
    """
    card = read_card(name)
    return card.build(precision), card.recipe, card


def _packaged() -> dict[str, ShippedCard]:
    cards = sorted(map(ShippedCard.read, FOLDER.glob("*.json")), key=lambda card: (not card.default, card.name))
    return {card.name: card for card in cards}
