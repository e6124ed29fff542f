"""Networks that trainings left on disk, to predict with: found and described, without loading Keras.

A run of the book leaves two: `runs/<profile>/training`, the paper's network of chapter 3, and `runs/<profile>/native`,
the lesson of chapter 6. Any other folder that `training.train` wrote can be named too.
"""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import h5py

from brats_lib.errors import BratsError
from brats_lib.files import home_path
from brats_lib.prediction.weights import INTENDED_USE, identify
from brats_lib.recipes import DecisionRule, NativeRecipe, Recipe
from brats_lib.training.records import BEST_WEIGHTS, SETTINGS, read_recipe, read_record

__all__ = ["FOLDERS", "Trained", "find_trained", "read_trained"]

# Where notebooks 03 and 06 train, within the folder of a run.
FOLDERS = ("training", "native")


@dataclass(frozen=True)
class Trained:
    """What is known of a trained network before it is loaded, as `weights.Card` tells it of one that ships.

    Attributes
    ----------
    folder : Path
        Of the training.
    name : str
        Such as "published (this book's run, workshop)".
    title : str
        One line that says what the network is.
    recipe : Recipe or NativeRecipe
    precision : str
        What it was trained in, one of `devices.PRECISIONS`.
    learnt_from : tuple of str
        Names of the cases that it was trained and validated on.
    flair_hashes : tuple of str
        `voxel_hash` of their FLAIR images, in that order.
    sha256 : str
        Of the file of weights.
    """

    folder: Path
    name: str
    title: str
    recipe: Recipe | NativeRecipe
    precision: str
    learnt_from: tuple[str, ...]
    flair_hashes: tuple[str, ...]
    sha256: str
    intended_use: str = INTENDED_USE

    @property
    def identity(self):
        """What tells this network's predictions from any other's, as `weights.identify` gives it."""
        return identify(self.name, self.sha256, self.recipe, self.to_rule())

    def to_rule(self):
        """The default rule, for a training keeps none; None where the recipe is a `Recipe`."""
        return DecisionRule() if isinstance(self.recipe, NativeRecipe) else None


def read_trained(folder):
    """Describe the network of a training.

    Parameters
    ----------
    folder : str or Path
        What `training.train` wrote to.

    Returns
    -------
    Trained

    Raises
    ------
    BratsError
        If there is no training, it is not finished, or a file of it is damaged.
    """
    folder = home_path(folder)
    record, weights = read_record(folder), folder / BEST_WEIGHTS
    if record is None:
        found, advice = f"there is no {SETTINGS}", "Name the folder of a training, such as runs/workshop/training"
        raise BratsError(folder, found, "a training", advice)
    if not record["finished"]:
        advice = "Let it finish: make book goes on where it stopped"
        raise BratsError(folder, "its training is not finished", f"{record['epochs']} finished epochs", advice)
    recipe, settings = read_recipe(record), record["settings"]
    names, hashes = (
        tuple(each for part in ("train", "val") for each in (settings.get(part) or {}).get(fact, ()))
        for fact in ("names", "flair_hashes")
    )
    try:
        status = weights.stat()
    except OSError as error:
        found, advice = f"it cannot be read ({error.strerror})", "Restore the file, or train again"
        raise BratsError(weights, found, "the weights of the training", advice) from None
    run = folder.resolve().parent.name
    origin = f"this book's run, {run}" if folder.name in FOLDERS else folder.name
    title = f"The recipe '{recipe.name}', trained for {record['epochs']} epoch{'s' * (record['epochs'] != 1)}"
    if names:
        title += f" on {len(names)} cases, validation included, such as {names[0]}"
    return Trained(
        folder, f"{recipe.name} ({origin})", title, recipe, record["computes_in"], names, hashes,
        _checked_sha256(weights, status.st_size, status.st_mtime_ns),
    )  # fmt: skip


def find_trained(runs):
    """The networks that the runs of a checkout left behind.

    Parameters
    ----------
    runs : Path
        Folder of runs; it need not be there.

    Returns
    -------
    found : list of Trained
        In the order of the runs' names, the published recipe first.
    problems : list of str
        Why a training was left out, a message for each.
    """
    found, problems = [], []
    for path in sorted(runs.glob(f"*/*/{SETTINGS}"), key=lambda path: (path.parts[-3], path.parts[-2] != FOLDERS[0])):
        if path.parent.name in FOLDERS:
            try:
                found.append(read_trained(path.parent))
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
        raise BratsError(path, found, "the weights of a training", "Restore the file, or train again") from None
