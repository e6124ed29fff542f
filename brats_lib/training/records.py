"""What `training.json` says of a training: its settings, and how far it got."""

import json
import os
from dataclasses import fields

from brats_lib.errors import BratsError
from brats_lib.files import read_json, write_whole
from brats_lib.recipes import GenerativeRecipe, NativeRecipe, Recipe, as_tuples, misfit
from brats_lib.training import devices as machine

__all__ = ["BEST_WEIGHTS", "SETTINGS", "read_recipe", "read_record", "save_record", "versions"]

SETTINGS, BEST_WEIGHTS = "training.json", "best.weights.h5"
_KEYS = {"settings": dict, "epochs": int, "finished": bool, "made_with": str, "computes_in": str}


def read_record(folder):
    """Read the record of the training in a folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict or None
        `settings` (what identifies the training), `epochs` (how many are wanted), `finished`, `made_with` (Keras
        and its backend) and `computes_in` (the precision). None where there is no training.

    Raises
    ------
    BratsError
        If the file is damaged or holds something else.
    """
    path = folder / SETTINGS
    if not os.path.lexists(path):
        return None
    expected, advice = "the settings of a training", "Move the folder away and train again"
    record = read_json(path, expected, advice, sorted(_KEYS))
    for key, kind in _KEYS.items():
        if not isinstance(record[key], kind):
            raise BratsError(path, f"its '{key}' is {str(record[key])[:60]}", expected, advice)
    settings = record["settings"]
    if not isinstance(settings.get("recipe"), dict):
        raise BratsError(path, "its settings have no recipe", expected, advice)
    for part in ("train", "val"):
        facts = settings.get(part) or {}
        lists = [facts.get(fact, []) if isinstance(facts, dict) else None for fact in ("names", "flair_hashes")]
        if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
            raise BratsError(path, f"its settings do not name the cases of '{part}'", expected, advice)
    return record


def save_record(folder, record):
    """Write the record of a training, atomically."""
    write_whole(folder / SETTINGS, json.dumps(record, indent=1))


def read_recipe(record):
    """Rebuild the recipe of a training.

    Parameters
    ----------
    record : dict
        Of `read_record`.

    Returns
    -------
    Recipe, NativeRecipe or GenerativeRecipe
        Whichever has the fields that were written down.

    Raises
    ------
    BratsError
        If none has.
    """
    values = {key: as_tuples(value) for key, value in record["settings"]["recipe"].items()}
    for kind in (Recipe, NativeRecipe, GenerativeRecipe):
        if values.keys() <= {field.name for field in fields(kind)}:
            if key := misfit(kind, values):
                found = f"its recipe has the {key} {values[key]!r}"
                raise BratsError(SETTINGS, found, "settings of a recipe", "Train again")
            return kind(**values)
    found = f"its recipe has the fields {', '.join(values)}"
    raise BratsError(SETTINGS, found, "those of a recipe of this version", "Train again")


def versions():
    """Keras and its backend in a few words: with others, results may differ in the last bits."""
    import keras

    return f"Keras {keras.__version__} on {machine.describe()['backend']}"
