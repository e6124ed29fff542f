"""Training a recipe's network, the paper's (section 3.5) or ours: repeatable and safe to interrupt."""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from brats_lib import models
from brats_lib.errors import BratsError
from brats_lib.files import home_path, make_folder, set_aside
from brats_lib.recipes import GenerativeRecipe, NativeRecipe, Recipe
from brats_lib.slices.batches import Ahead, ProcessShare
from brats_lib.training import devices as machine
from brats_lib.training.callbacks import KeepProgress, save_best
from brats_lib.training.checkpoints import (
    BEST_WEIGHTS,
    LOG,
    SETTINGS,
    STATE,
    Progress,
    read_recipe,
    read_record,
    save_record,
)
from brats_lib.training.objectives import compile_model, plateau_rule

# What identifies a set of batches, where it has it: other batches make another training.
_BATCH_FACTS = ("names", "flair_hashes", "batch_slices", "slices_per_epoch", "shuffle", "seed")


@dataclass(frozen=True)
class TrainingResult:
    """A finished training."""

    model: keras.Model  # with the weights that are kept
    history: pd.DataFrame  # one row per epoch, columns as in `log.csv`
    best_epoch: int  # whose weights are kept, from 1: of the lowest validation loss, or but for a `Recipe` the last
    resumed_from: int  # epochs that were finished before this call
    seconds: float  # of all epochs, validation included, whichever call they ran in


def train(
    recipe: Recipe | NativeRecipe | GenerativeRecipe, train: keras.utils.PyDataset, val: keras.utils.PyDataset | None,
    folder: str | Path, *, epochs: int | None = None, seed: int = 0, precision: str = "auto",
    devices: int | str = 1, data_fingerprint: str = "", deterministic: bool = True, verbose: int | None = None,
    initial_weights: Sequence[np.ndarray] | None = None, monitors: Sequence[keras.metrics.Metric] = (),
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> TrainingResult:  # fmt: skip
    """Train a recipe's network, or go on where an earlier call was interrupted.

    The state is saved after each epoch. Called again with the same settings, a killed training resumes with the
    epoch it was in and ends with the weights, bit for bit on a CPU, that it would have had; a finished one is
    returned at once, or goes on if more `epochs` are asked for. Called with other settings or data, it starts afresh
    and keeps the old folder beside the new one. The number of epochs is such a setting of a `NativeRecipe` or
    `GenerativeRecipe`, whose learning rate falls towards the last of them.

    Several processes that share the file system train one model together, see `devices.process`: each calls this with
    the same arguments and the whole batches, of which it takes its share, and the first one writes.

    Parameters
    ----------
    train, val
        Batches of images and targets, such as `batches.SliceBatches` of a `Recipe` and `patches.PatchBatches` of a
        `NativeRecipe`; a `GenerativeRecipe` looks at the images alone. Each is a pure function of its number and of the
        attribute `epoch` of `train`, which is set before each epoch. For several devices batches are as many times
        larger, see `devices.count_devices`. `val` may be None but with a `Recipe`.
    folder
        Gets `training.json`, `state.npz`, `best.weights.h5` and `log.csv`.
    seed, initial_weights
        The seed of initial weights and dropout; weights to start from instead, as ``get_weights()`` gives them.
    precision, devices, deterministic
        See `choose_precision`, `data_parallel` and `make_reproducible` of `devices`. An interrupted training keeps the
        precision that it was started with.
    data_fingerprint
        Identifies the data; another fingerprint makes another training, as do other `initial_weights`.
    verbose
        As in `keras.Model.fit`. None is a progress bar on a terminal and one line per epoch elsewhere.
    monitors, callbacks
        Metrics beside those of the recipe, two columns of `log.csv` each; what is called after each epoch's state has
        been saved. A callback that raises an exception ends the call and loses nothing.

    Raises
    ------
    BratsError
        If there is nothing to train with. If the loss becomes NaN or infinite, the disk is full or saved files are
        damaged; finished epochs are kept.
    """
    folder, epochs = home_path(folder), recipe.epochs if epochs is None else epochs
    plateau = plateau_rule(recipe)
    to_validate = 0 if val is None else len(val)
    if epochs < 1 or not len(train) or not (to_validate or (plateau is None and val is None)):
        found = f"there are {epochs} epochs of {len(train)} training and {to_validate} validation batches"
        raise BratsError("training", found, "at least one of each", "Check epochs and the split")
    settings = {
        "recipe": asdict(recipe), "seed": seed, "precision": precision, "devices": devices,
        "deterministic": deterministic, "data_fingerprint": data_fingerprint, "backend": keras.backend.backend(),
        "train": _batch_facts(train), "val": None if val is None else _batch_facts(val),
    }  # fmt: skip
    if plateau is None:
        settings["epochs"] = epochs
    if initial_weights is not None:
        settings["initial_weights"] = _hash(initial_weights)
    with machine.first_process_first("folder") as writes:
        record, progress = _open(folder, json.loads(json.dumps(settings)), epochs, precision, writes)
    if progress is None:
        print(f"Training in {folder} is finished: {epochs} epochs, loaded.")
        return _result(load_trained(folder), pd.read_csv(folder / LOG), epochs, plateau)

    resumed_from = progress.epochs
    machine.make_reproducible(seed, deterministic)
    with machine.data_parallel(devices):
        model = models.build(recipe, record["computes_in"], seed)
        if initial_weights is not None:
            model.set_weights(initial_weights)
        compile_model(model, recipe, record["computes_in"], epochs * len(train), monitors)
        if resumed_from:
            print(f"Training in {folder} resumes after epoch {resumed_from} of {epochs}.")
        if resumed_from < epochs:
            if verbose is None:
                verbose = 1 if sys.stdout.isatty() else 2
            keep = KeepProgress(progress, plateau, train, folder, writes)
            # Keras's own shuffling draws from Python's global random state, which no resumed training could repeat.
            model.fit(
                _feed(train, devices), validation_data=_feed(val, devices), epochs=epochs, shuffle=False,
                initial_epoch=resumed_from, callbacks=[*([plateau] if plateau else []), keep, *callbacks],
                verbose=verbose,
            )  # fmt: skip
        model.set_weights(progress.best)
    # Again, since a kill between two files may have left these an epoch behind the state.
    save_best(model, folder, writes)
    if writes:
        progress.save_log(folder)
        save_record(folder, record | {"finished": True})
    machine.wait_for_all("end")
    return _result(model, progress.log, resumed_from, plateau)


def _open(folder, settings, epochs, precision, writes):
    """The record of the training in a folder and how far it got, None where it is finished; another one makes room."""
    record, progress = read_record(folder), Progress()
    made_with = f"Keras {keras.__version__} on {machine.describe()['backend']}"
    goes_on = record is not None and record["settings"] == settings
    if goes_on:
        complete = all((folder / name).is_file() for name in (LOG, BEST_WEIGHTS))
        if complete and record["finished"] and record["epochs"] == epochs:
            return record, None
        progress = Progress.load(folder)
        goes_on = progress.epochs <= epochs
    if goes_on:
        if record["made_with"] != made_with:
            print(f"Training in {folder} was started with {record['made_with']}; results may differ in the last bits.")
        record |= {"finished": False, "epochs": epochs}
    else:
        if record is not None or (folder / STATE).exists():
            aside = set_aside(folder)
            print(f"{folder} holds a training with other settings or data; it is kept as {aside.name}.")
        make_folder(folder)
        record = {"finished": False, "made_with": made_with, "epochs": epochs, "settings": settings}
        record["computes_in"] = machine.choose_precision(precision)
        progress = Progress()
    if writes:
        save_record(folder, record)
    return record, progress


def _feed(batches, devices):
    """The batches that this process is to see, of several that train one model, made ahead for a GPU."""
    number, together = machine.process()
    if batches is not None and together > 1:
        batches = ProcessShare(batches, number, together, machine.count_devices(devices))
    return batches if batches is None or not machine.has_accelerator() else Ahead(batches)


def load_trained(
    folder: str | Path, *, precision: str | None = None, data_fingerprint: str | None = None
) -> keras.Model:
    """Rebuild the network of a training with the weights that were kept, not compiled.

    Parameters
    ----------
    precision
        As in `train`. By default the one it was trained with if this machine is fast with it, else float32.
    data_fingerprint
        What `train` was given for the data that the network is wanted for. A network trained on other cases is then
        refused, since it may have learnt from those that it is to be tested on.
    """
    folder = home_path(folder)
    advice = "Run notebook 03_train_unet, or brats_lib.training.fitting.train with the same settings, which resumes"
    record = read_record(folder)
    if record is None or not (folder / BEST_WEIGHTS).is_file():
        raise BratsError(folder, f"{SETTINGS} or {BEST_WEIGHTS} is not there", "the folder of a training", advice)
    if not record["finished"]:
        raise BratsError(folder, "its training was interrupted", f"{record['epochs']} finished epochs", advice)
    trained_on = record["settings"]["data_fingerprint"]
    if data_fingerprint is not None and trained_on != data_fingerprint:
        found = f"it was trained on other cases or another split (fingerprint {trained_on})"
        raise BratsError(folder, found, f"a network of these cases and this split ({data_fingerprint})", advice)
    if precision is None:
        trained = record["computes_in"]
        precision = trained if trained == machine.choose_precision() else "float32"
    model = models.build(read_recipe(record), machine.choose_precision(precision))
    try:
        model.load_weights(folder / BEST_WEIGHTS)
    except (OSError, ValueError, KeyError) as error:
        reason, advice = str(error).strip().partition("\n")[0], "Restore the file, or delete the folder and train again"
        found = f"it does not fit the network ({reason})"
        raise BratsError(folder / BEST_WEIGHTS, found, f"the weights of {SETTINGS}'s recipe", advice) from error
    return model


def _batch_facts(batches):
    facts = {name: getattr(batches, name) for name in _BATCH_FACTS if hasattr(batches, name)}
    return facts | {"batches": len(batches)}


def _hash(arrays):
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(np.shape(array)).encode() + np.asarray(array, "<f4").tobytes())
    return digest.hexdigest()


def _result(model, history, resumed_from, plateau):
    best = history["epoch"].max() if plateau is None else history.loc[history["val_loss"].idxmin(), "epoch"]
    return TrainingResult(model, history, int(best), resumed_from, float(history["seconds"].sum()))
