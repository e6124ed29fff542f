"""Weights on disk: float16 arrays in a file that is checked before it is read, beside the card that describes it."""

import functools
import hashlib
import io
import os
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from brats_lib.errors import BratsError
from brats_lib.files import home_path, write_whole
from brats_lib.prediction.weights.card import INTENDED_USE, Card
from brats_lib.prediction.weights.fields import CARD, check
from brats_lib.training import devices

__all__ = ["available", "check_fit", "load", "read_arrays", "read_card", "save_weights", "to_float16"]

FOLDER = Path(__file__).parent
_DAMAGED = "Restore the file, or install the package again"


def save_weights(model, recipe, rule, folder, name, facts):
    """Write a network's weights and their card. The same weights make the same files, byte for byte.

    Parameters
    ----------
    model : keras.Model
        The trained network, as `models.build` makes it of `recipe`.
    recipe : Recipe or NativeRecipe
        What it was built and trained with.
    rule : DecisionRule or None
        What its predictions are made with; None of a `Recipe`.
    folder : str or Path
        Gets `<name>.npz` and `<name>.json`, with "_" for each "+" of the name.
    name : str
        Lower-case letters and digits, joined by "+" or "-".
    facts : dict
        The fields of `Card` that only the trainer knows: title, data, training, scores, default, limitations,
        learnt_from.

    Returns
    -------
    Path
        The card.

    Raises
    ------
    BratsError
        If a fact is missing or wrong, a weight is not finite in float16, or the files cannot be written.
    """
    where, stem = f"card '{name}'", str(name).replace("+", "_")
    given = ("title", "data", "training", "scores", "default", "limitations", "learnt_from")
    check({"name": name, **facts}, {key: CARD[key] for key in ("name", *given)}, where)
    arrays = to_float16(model, where)
    buffer = io.BytesIO()
    # Stored, not compressed: noise hardly shrinks, and other versions of zlib would make other bytes of it.
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    weights = {
        "file": f"{stem}.npz", "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content),
        "parameters": sum(array.size for array in arrays.values()), "dtype": "float16",
    }  # fmt: skip
    card = Card(
        name=name, recipe={"class": type(recipe).__name__, "settings": _as_lists(asdict(recipe))},
        decision={} if rule is None else _as_lists(asdict(rule)), weights=weights, weights_hash=_content_hash(arrays),
        intended_use=INTENDED_USE, **facts,
    ).validate()  # fmt: skip
    folder = home_path(folder)
    # The card last: a kill in between leaves a file that no card vouches for.
    write_whole(folder / weights["file"], content)
    write_whole(folder / f"{stem}.json", card.to_json())
    return folder / f"{stem}.json"


def available():
    """Names of the networks that ship with the package, the default first.

    Returns
    -------
    list of str
    """
    cards = [_read_card(path) for path in sorted(FOLDER.glob("*.json"))]
    return [card.name for card in sorted(cards, key=lambda card: not card.default)]


def read_card(name=None):
    """Read the card of a network without its weights, which takes no Keras.

    Parameters
    ----------
    name : str or Path, optional
        One of `available`, or the path of a card; the default network where omitted.

    Returns
    -------
    Card

    Raises
    ------
    BratsError
        If there is no network of that name, or its card is not valid.
    """
    return _read_card(_find(name))


def read_arrays(name=None):
    """Read and check the weights of a network without building it, which takes no Keras.

    Parameters
    ----------
    name : str or Path, optional
        As in `load`.

    Returns
    -------
    arrays : dict of str to array of float16
        By the names that Keras gives the variables.
    recipe : Recipe or NativeRecipe
    card : Card

    Raises
    ------
    BratsError
        If there is no such network, or its files are damaged or do not belong together.
    """
    path = _find(name)
    card = Card.read(path)
    recipe = card.to_recipe(path)
    return _read_arrays(path.with_name(card.weights["file"]), card), recipe, card


def load(name=None, precision="auto"):
    """Build a network with weights that were kept by `save_weights`.

    Nothing in the files is executed: they hold numbers, and the network is built from the recipe. The file is
    compared with the card's SHA-256 before anything in it is read.

    Parameters
    ----------
    name : str or Path, optional
        One of `available`, or the path of a card of your own; the default network where omitted.
    precision : {"auto", "float32", "mixed_bfloat16", "mixed_float16"}
        What it computes in. "auto" is what it was trained in where this machine is fast with that, else float32.

    Returns
    -------
    model : keras.Model
        Not compiled; see `inference` for applying it.
    recipe : Recipe or NativeRecipe
        How its input is made.
    card : Card
        What it was trained on and how it scored.

    Raises
    ------
    BratsError
        If there is no such network, or its files are damaged or do not belong together.
    """
    # Cards are read by programs that need no network, and Keras takes seconds to load.
    from brats_lib import models

    arrays, recipe, card = read_arrays(name)
    file = _find(name).with_name(card.weights["file"])
    trained_in = card.training["precision"]
    if precision == "auto":
        precision = trained_in if trained_in == devices.choose_precision() else "float32"
    model = models.build(recipe, devices.choose_precision(precision))
    check_fit(arrays, model, file)
    model.set_weights([array.astype(np.float32) for array in arrays.values()])
    return model, recipe, card


def _read_card(path):
    """A card, checked once until its file changes: the application asks for cards at every move of a slider."""
    try:
        status = path.stat()
    except OSError:
        return Card.read(path)  # which says what is wrong
    return _checked_card(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _checked_card(path, size, modified):
    return Card.read(path)


def _find(name):
    """Path of the card that a name stands for."""
    if isinstance(name, Path) or (name is not None and (name.endswith(".json") or os.sep in name)):
        return home_path(name)
    cards = {path: _read_card(path) for path in sorted(FOLDER.glob("*.json"))}
    for path, card in cards.items():
        if card.default if name is None else card.name == name:
            return path
    known = ", ".join(card.name for card in cards.values())
    raise BratsError(
        "weights" if name is None else f"weights '{name}'",
        "no default is packaged" if name is None else "no network of that name is packaged",
        f"one of {known}" if known else "a network in the package, which has none",
        "Choose one of those, or give the path of a card",
    )


def to_float16(model, where):
    """The weights of a network by name, in float16; refuses what is too large for that.

    Parameters
    ----------
    model : keras.Model
    where : str or Path
        What a message names.

    Returns
    -------
    dict of str to array of float16

    Raises
    ------
    BratsError
        If a weight is not finite in float16.
    """
    arrays = {}
    for variable, value in zip(model.weights, model.get_weights(), strict=True):
        # What is too large for float16 becomes infinite, and is refused below.
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(value, "<f2")
        if not np.isfinite(array).all():
            found = f"weights of '{variable.path}' are not finite numbers in float16"
            raise BratsError(where, found, "values within ±65504", "Train again; these weights have diverged")
        if variable.path in arrays:
            raise ValueError(f"two variables of {model.name} are called {variable.path}")
        arrays[variable.path] = array
    return arrays


def _as_lists(value):
    """Tuples as the lists that JSON makes of them."""
    if isinstance(value, dict):
        return {key: _as_lists(entry) for key, entry in value.items()}
    return [_as_lists(entry) for entry in value] if isinstance(value, tuple) else value


def _content_hash(arrays):
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(array.tobytes())
    return digest.hexdigest()


def _read_arrays(file, card):
    """The arrays of a file by name, in order, once the file is known to be the card's."""
    try:
        content = file.read_bytes()
    except OSError as error:
        found = f"it cannot be read ({error.strerror})"
        raise BratsError(file, found, f"the weights of card '{card.name}'", _DAMAGED) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.weights["sha256"]:
        found = f"its SHA-256 is {digest[:12]}…, so it is damaged or belongs to another card"
        raise BratsError(file, found, f"{card.weights['sha256'][:12]}… of card '{card.name}'", _DAMAGED)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, TypeError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BratsError(file, f"it cannot be read ({error})", "arrays of numbers as .npz", _DAMAGED) from error
    for name, array in arrays.items():
        if array.dtype != np.dtype("<f2") or not np.isfinite(array).all():
            found = f"array '{name}' of type {array.dtype} has other values"
            raise BratsError(file, found, "finite numbers in float16", _DAMAGED)
    size = sum(array.size for array in arrays.values())
    if size != card.weights["parameters"] or _content_hash(arrays) != card.weights_hash:
        found = f"its {size:,} numbers are not those of the card"
        expected = f"{card.weights['parameters']:,} with hash {card.weights_hash[:12]}…"
        raise BratsError(file, found, expected, _DAMAGED)
    return arrays


def check_fit(arrays, model, file):
    found = [(name, array.shape) for name, array in arrays.items()]
    wanted = [(variable.path, tuple(variable.shape)) for variable in model.weights]
    if found != wanted:
        # The first place where they part; beyond the shorter one's end there is nothing.
        i = next((i for i, (one, other) in enumerate(zip(found, wanted, strict=False)) if one != other), None)
        i = min(len(found), len(wanted)) if i is None else i
        here, there = (f"'{e[i][0]}' of shape {e[i][1]}" if i < len(e) else "nothing" for e in (found, wanted))
        advice = "Use the version of brats_lib that the weights were saved with"
        raise BratsError(file, f"array {i + 1} is {here}", f"{there}, as the card's recipe has it", advice)
