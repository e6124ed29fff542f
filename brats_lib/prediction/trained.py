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

import h5py
import numpy as np

from brats_lib.cases.case import Case
from brats_lib.errors import BratsError
from brats_lib.files import home_path
from brats_lib.prediction.cards import DEFAULT_RULES, Card
from brats_lib.training.checkpoints import BEST_WEIGHTS, SETTINGS, read_recipe, read_record

__all__ = ["FOLDERS", "TrainedCard", "find_trained"]

# Where notebooks 03 and 06 train, within the folder of a run.
FOLDERS = ("training", "native")
_ADVICE = "Restore the file, or train again"


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
        record, weights = read_record(folder), folder / BEST_WEIGHTS
        if record is None:
            found, advice = f"there is no {SETTINGS}", "Name the folder of a training, such as runs/workshop/training"
            raise BratsError(folder, found, "a training", advice)
        if not record["finished"]:
            advice = "Let it finish: make book goes on where it stopped"
            raise BratsError(folder, "its training is not finished", f"{record['epochs']} finished epochs", advice)
        recipe, settings = read_recipe(record), record["settings"]
        cases, hashes = (
            tuple(each for part in ("train", "val") for each in (settings.get(part) or {}).get(fact, ()))
            for fact in ("names", "flair_hashes")
        )
        try:
            status = weights.stat()
        except OSError as error:
            found = f"it cannot be read ({error.strerror})"
            raise BratsError(weights, found, "the weights of the training", _ADVICE) from None
        run = folder.resolve().parent.name
        origin = f"this book's run, {run}" if folder.name in FOLDERS else folder.name
        title = f"The recipe '{recipe.name}', trained for {record['epochs']} epoch{'s' * (record['epochs'] != 1)}"
        if cases:
            title += f" on {len(cases)} cases, validation included, such as {cases[0]}"
        return cls(
            f"{recipe.name} ({origin})", title, recipe, DEFAULT_RULES.get(type(recipe)), record["computes_in"],
            _checked_sha256(weights, status.st_size, status.st_mtime_ns), folder, cases, hashes,
        )  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """Read the weights in float32."""
        model = self.build("float32")
        return {variable.path: array for variable, array in zip(model.weights, model.get_weights(), strict=True)}

    def build(self, precision=None):
        """Build the network with the weights that were kept."""
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


def find_trained(runs: Path) -> tuple[list[TrainedCard], list[str]]:
    """The networks that the runs in a folder left, by the runs' names, the published recipe first; and why some not."""
    found, problems = [], []
    for path in sorted(runs.glob(f"*/*/{SETTINGS}"), key=lambda path: (path.parts[-3], path.parts[-2] != FOLDERS[0])):
        if path.parent.name in FOLDERS:
            try:
                found.append(TrainedCard.read(path.parent))
            except BratsError as error:
                problems.append(str(error))
    return found, problems


@functools.lru_cache(maxsize=64)
def _checked_sha256(path, size, modified):
    """The hash of a file that HDF5 can open; remembered until the file changes."""
    try:
        # HDF5 compares the length of the file with the one that was written.
        with h5py.File(path):
            pass
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        found = f"it is damaged ({str(error).splitlines()[0]})"
        raise BratsError(path, found, "the weights of a training", _ADVICE) from None
