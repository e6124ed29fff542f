"""What a training leaves in its folder: `training.json`, `state.npz`, `log.csv` and `best.weights.h5`; without Keras.

`training.json` is the record: the settings that identify the training, and how far it got. `state.npz` is all that
decides how it goes on, in one file: at any moment it is one epoch's state or the next one's. The files that people
read, `log.csv` and `best.weights.h5`, are copies of what it holds.
"""

import json
import math
import os
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import pandas as pd

from brats_lib.errors import BratsError
from brats_lib.files import read_json, replacing, write_whole
from brats_lib.recipes import GenerativeRecipe, NativeRecipe, Recipe, as_tuples, misfit

SETTINGS, STATE, LOG, BEST_WEIGHTS = "training.json", "state.npz", "log.csv", "best.weights.h5"
LOG_COLUMNS = (
    "epoch", "loss", "accuracy", "dice", "iou", "val_loss", "val_accuracy", "val_dice", "val_iou",
    "reconstruction_loss", "kl_loss", "critic_loss", "generator_loss", "val_reconstruction_loss", "learning_rate",
    "seconds",
)  # fmt: skip
_KEYS = {"settings": dict, "epochs": int, "finished": bool, "made_with": str, "computes_in": str}
_ARRAYS = ("variables", "optimizer", "best")


def read_record(folder: Path) -> dict | None:
    """Read the record of the training in a folder; None where there is none.

    It has `settings`, `epochs` (how many are wanted), `finished`, `made_with` (Keras and its backend) and
    `computes_in` (the precision).
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


def save_record(folder: Path, record: dict) -> None:
    """Write the record of a training."""
    write_whole(folder / SETTINGS, json.dumps(record, indent=1))


def read_recipe(record: dict) -> Recipe | NativeRecipe | GenerativeRecipe:
    """Rebuild the recipe of a record: of the kind that has the fields that were written down."""
    values = {key: as_tuples(value) for key, value in record["settings"]["recipe"].items()}
    for kind in (Recipe, NativeRecipe, GenerativeRecipe):
        if values.keys() <= {field.name for field in fields(kind)}:
            if key := misfit(kind, values):
                found = f"its recipe has the {key} {values[key]!r}"
                raise BratsError(SETTINGS, found, "settings of a recipe", "Train again")
            return kind(**values)
    found = f"its recipe has the fields {', '.join(values)}"
    raise BratsError(SETTINGS, found, "those of a recipe of this version", "Train again")


@dataclass
class Progress:
    """All that decides how a training goes on."""

    variables: list[np.ndarray] = field(default_factory=list)  # of the model: weights, and dropout's random numbers
    optimizer: list[np.ndarray] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)  # weights that are kept so far
    plateau: dict = field(default_factory=dict)  # what ReduceLROnPlateau remembers; empty without one
    rows: list[dict] = field(default_factory=list)  # what was measured, one per finished epoch

    @property
    def epochs(self) -> int:
        """Epochs finished."""
        return len(self.rows)

    @property
    def best_loss(self) -> float:
        """Lowest validation loss so far; infinite before the first epoch ends."""
        return min((row["val_loss"] for row in self.rows), default=math.inf)

    @property
    def log(self) -> pd.DataFrame:
        """The finished epochs as a table."""
        measured = self.rows[0] if self.rows else LOG_COLUMNS
        others = [name for name in measured if name not in LOG_COLUMNS]
        return pd.DataFrame(self.rows, columns=[*(name for name in LOG_COLUMNS if name in measured), *others])

    def save(self, folder: Path) -> None:
        """Write the state."""
        arrays = {f"{kind}_{number:04d}": array for kind in _ARRAYS for number, array in enumerate(getattr(self, kind))}
        arrays["memory"] = np.array(json.dumps({"plateau": self.plateau, "rows": self.rows}, default=float))
        with replacing(folder / STATE) as part, open(part, "wb") as file:
            np.savez(file, **arrays)

    def save_log(self, folder: Path) -> None:
        """Write the table of the finished epochs."""
        write_whole(folder / LOG, self.log.to_csv(index=False, lineterminator="\n"))

    @classmethod
    def load(cls, folder: Path) -> "Progress":
        """Read the state; none is that of a training that has not finished an epoch."""
        path = folder / STATE
        if not path.is_file():
            return cls()
        try:
            with np.load(path) as file:
                arrays = {name: file[name] for name in sorted(file.files)}
            memory = json.loads(str(arrays.pop("memory")))  # `plateau` and `rows`
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            found, advice = f"it is damaged ({error})", "Delete the file to train from the start"
            raise BratsError(path, found, "the state of a training", advice) from error
        for kind in _ARRAYS:
            memory[kind] = [array for name, array in arrays.items() if name.startswith(kind)]
        return cls(**memory)
