"""Networks that trainings left on disk, to predict with: found and described, without loading Keras.

A run of the book leaves two: `runs/<profile>/training`, the paper's network of chapter 3, and `runs/<profile>/native`,
the lesson of chapter 6. Any other folder that `training.fitting.train` wrote can be named too.
"""

import functools
import hashlib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from brats_lib.cases.case import Case
from brats_lib.errors import BratsError
from brats_lib.files import home_path
from brats_lib.prediction.cards import DEFAULT_RULES, Card
from brats_lib.recipes import GenerativeRecipe
from brats_lib.training.checkpoints import BEST_WEIGHTS, SETTINGS, read_recipe, read_record

if TYPE_CHECKING:
    import keras

# Where notebooks 03 and 06 train, within the folder of a run.
FOLDERS = ("training", "native")


@dataclass(frozen=True)
class TrainedCard(Card):
    """The card of a training's network, which has the default rule: named "published (this book's run, workshop)"."""

    folder: Path
    cases: tuple[str, ...]  # that it was trained and validated on
    flair_hashes: tuple[str, ...]  # `voxel_hash` of their FLAIR images

    @classmethod
    def read(cls, folder: str | Path) -> "TrainedCard":
        """Describe the network that a finished training left in its folder."""
        folder = home_path(folder)
        record = read_record(folder)
        if record is None:
            found, advice = f"there is no {SETTINGS}", "Name the folder of a training, such as runs/workshop/training"
            raise BratsError(folder, found, "a training", advice)
        if not record["finished"]:
            advice = "Let it finish: make book goes on where it stopped"
            raise BratsError(folder, "its training is not finished", f"{record['epochs']} finished epochs", advice)
        recipe = read_recipe(record)
        if isinstance(recipe, GenerativeRecipe):
            found, advice = f"its recipe '{recipe.name}' makes images", "Name the folder of another training"
            raise BratsError(folder, found, "a network that segments", advice)
        subsets = [record["settings"].get(part) or {} for part in ("train", "val")]
        cases, hashes = (
            tuple(each for subset in subsets for each in subset.get(fact, ())) for fact in ("names", "flair_hashes")
        )
        origin = f"this book's run, {folder.resolve().parent.name}" if folder.name in FOLDERS else folder.name
        title = f"The recipe '{recipe.name}', trained for {record['epochs']} epoch{'s' * (record['epochs'] != 1)}"
        if cases:
            title += f" on {len(cases)} cases, validation included, such as {cases[0]}"
        return cls(
            name=f"{recipe.name} ({origin})", title=title, recipe=recipe, rule=DEFAULT_RULES[type(recipe)],
            precision=record["computes_in"], sha256=_sha256(folder / BEST_WEIGHTS), folder=folder, cases=cases,
            flair_hashes=hashes,
        )  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """Read the weights in float32."""
        model = self.build("float32")
        return {variable.path: array for variable, array in zip(model.weights, model.get_weights(), strict=True)}

    def build(self, precision: str | None = None) -> "keras.Model":
        """Build the network with the best weights of its training."""
        # Keras takes seconds to load, and networks that ship need none.
        from brats_lib.training.fitting import load_trained

        return load_trained(self.folder, precision=precision)

    def met(self, case: Case, flair_hash: str) -> str | None:
        """Whether it was trained on the case; a training without hashes knows its cases by name alone."""
        known = flair_hash in self.flair_hashes if any(self.flair_hashes) else case.name in self.cases
        return f"was trained or validated on {case.name}" if known else None

    def summary(self) -> str:
        """A line that says how to use it."""
        return f"{self.name}: {self.title}. Use it with --network {shlex.quote(os.path.relpath(self.folder))}"


def _sha256(path):
    """The hash of a file that HDF5 can open."""
    try:
        status = path.stat()
        return _sha256_of_version(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        found = f"it is damaged or cannot be read ({str(error).splitlines()[0]})"
        advice = "Restore the file, or train again"
        raise BratsError(path, found, "the weights of a training", advice) from None


@functools.lru_cache(maxsize=64)
def _sha256_of_version(path, size, modified):
    # HDF5 compares the length of the file with the one that was written.
    with h5py.File(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()
