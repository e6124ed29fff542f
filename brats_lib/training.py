"""Training a recipe's network: section 3.5 of the paper, made repeatable and safe to interrupt."""

import json
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import pandas as pd

from brats_lib import devices as machine
from brats_lib import models
from brats_lib.checkpoints import (
    BEST_WEIGHTS,
    LOG,
    STATE,
    KeepProgress,
    Progress,
    save_best,
    save_log,
    write_atomically,
)  # fmt: skip
from brats_lib.errors import BratsError
from brats_lib.labels import LABELS
from brats_lib.monitors import ClassIoU, soft_dice
from brats_lib.recipes import Recipe

__all__ = ["TrainingResult", "load_trained", "train"]

SETTINGS = "training.json"
# What identifies a set of batches, where it has it: other batches make another training.
_BATCH_FACTS = ("names", "batch_slices", "slices_per_epoch", "shuffle", "seed")
_RECORD_KEYS = {"settings", "epochs", "finished", "made_with", "computes_in"}


@dataclass(frozen=True)
class TrainingResult:
    """A finished training.

    Attributes
    ----------
    model : keras.Model
        The network with the weights of the best epoch.
    history : pandas.DataFrame
        One row per epoch, columns as in `log.csv`.
    best_epoch : int
        The epoch with the lowest validation loss, counted from 1.
    resumed_from : int
        Epochs that were finished before this call; 0 for a fresh start.
    seconds : float
        Time of all epochs, validation included, whichever call they ran in.
    """

    model: keras.Model
    history: pd.DataFrame
    best_epoch: int
    resumed_from: int
    seconds: float


def train(
    recipe, train, val, folder, *, epochs=None, seed=0, precision="auto", devices=1, data_fingerprint="",
    deterministic=True, verbose=None,
):  # fmt: skip
    """Train a recipe's network, or go on where an earlier call was interrupted.

    The state is saved after each epoch. Called again with the same settings, a killed training resumes with the
    epoch it was in and ends with the weights, bit for bit on a CPU, that it would have had; a finished one is
    returned at once; one that is finished goes on if more `epochs` are asked for. Called with other settings or
    data, it starts afresh and keeps the old folder beside the new one.

    Parameters
    ----------
    recipe : Recipe
        Network, optimizer and learning-rate schedule.
    train, val : keras.utils.PyDataset
        Batches of (n, size, size, channels) float32 in 0-1 and (n, size, size, 4) float32 one-hot, such as
        `batches.SliceBatches`. If `train` has an attribute `epoch`, it is set to where the training starts.
        For several devices batches are as many times larger, see `devices.count_devices`.
    folder : str or Path
        Gets `training.json`, `state.npz`, `best.weights.h5` and `log.csv`.
    epochs : int, optional
        Passes over `train`; the recipe's own number where omitted.
    seed : int
        Seed of initial weights and dropout.
    precision : {"auto", "float32", "mixed_bfloat16", "mixed_float16"}
        See `devices.choose_precision`. An interrupted training keeps the one it was started with.
    devices : int, "all" or None
        See `devices.data_parallel`.
    data_fingerprint : str
        Identifies the data; another fingerprint makes another training.
    deterministic : bool
        See `devices.make_reproducible`.
    verbose : {None, 0, 1, 2}, optional
        As in `keras.Model.fit`. None is a progress bar on a terminal and one line per epoch elsewhere.

    Returns
    -------
    TrainingResult

    Raises
    ------
    BratsError
        If the loss becomes NaN or infinite, the disk is full or saved files are damaged. Epochs that were finished
        before are kept in each case.

    Notes
    -----
    Categorical cross-entropy; Adam; the learning rate is multiplied by `plateau_factor` when the validation loss
    has not fallen by 1e-4 for `plateau_patience` epochs; the weights with the lowest validation loss are kept.
    """
    folder, epochs = Path(folder), recipe.epochs if epochs is None else epochs
    if epochs < 1 or not len(train) or not len(val):
        found = f"there are {epochs} epochs of {len(train)} training and {len(val)} validation batches"
        raise BratsError("training", found, "at least one of each", "Check epochs and the split")
    settings = {
        "recipe": asdict(recipe), "seed": seed, "precision": precision, "devices": devices,
        "deterministic": deterministic, "data_fingerprint": data_fingerprint, "backend": keras.backend.backend(),
        "train": _batch_facts(train), "val": _batch_facts(val),
    }  # fmt: skip
    settings = json.loads(json.dumps(settings))
    record, progress = _find_earlier(folder, settings, epochs)
    if record["finished"] and record["epochs"] == epochs:
        print(f"Training in {folder} is finished: {epochs} epochs, loaded.")
        return _result(load_trained(folder), pd.read_csv(folder / LOG), epochs)
    record |= {"epochs": epochs, "finished": False, "settings": settings}
    record.setdefault("computes_in", machine.choose_precision(precision))
    _save_record(folder, record)

    resumed_from = progress.epochs
    machine.make_reproducible(seed, deterministic)
    with machine.data_parallel(devices):
        model = models.build(recipe, record["computes_in"], seed)
        _compile(model, recipe, record["computes_in"])
        if resumed_from:
            progress.restore(model, folder / STATE)
            print(f"Training in {folder} resumes after epoch {resumed_from} of {epochs}.")
        if resumed_from < epochs:
            _fit(model, recipe, train, val, progress, epochs, folder, verbose)
        model.set_weights(progress.best)
    # Again, since a kill between two files may have left these an epoch behind the state.
    save_best(model, folder)
    save_log(progress, folder)
    _save_record(folder, record | {"finished": True})
    return _result(model, progress.log, resumed_from)


def load_trained(folder, *, precision=None, unfinished=False, data_fingerprint=None):
    """Rebuild a trained network with the weights of its best epoch.

    Parameters
    ----------
    folder : str or Path
        The folder of a training.
    precision : str, optional
        As in `train`. By default the one it was trained with if this machine is fast with it, else float32.
    unfinished : bool
        Accept the best epoch so far of a training that did not reach its last one.
    data_fingerprint : str, optional
        What `train` was given for the data that the network is wanted for. A network trained on other cases is then
        refused, since it may have learnt from those that it is to be tested on.

    Returns
    -------
    keras.Model
        Not compiled.

    Raises
    ------
    BratsError
        If there is no training, it is not finished, or its files do not belong together.
    """
    folder = Path(folder)
    advice = "Train again: 03_train_unet, or brats_lib.training.train with the same settings, which resumes"
    record = _read_record(folder)
    if record is None or not (folder / BEST_WEIGHTS).is_file():
        raise BratsError(folder, f"{SETTINGS} or {BEST_WEIGHTS} is not there", "the folder of a training", advice)
    if not (record["finished"] or unfinished):
        raise BratsError(folder, "its training was interrupted", f"{record['epochs']} finished epochs", advice)
    trained_on = record["settings"]["data_fingerprint"]
    if data_fingerprint is not None and trained_on != data_fingerprint:
        found = f"it was trained on other cases or another split (fingerprint {trained_on})"
        raise BratsError(folder, found, f"a network of these cases and this split ({data_fingerprint})", advice)
    if precision is None:
        trained = record["computes_in"]
        precision = trained if trained == machine.choose_precision() else "float32"
    model = models.build(_recipe(record), machine.choose_precision(precision))
    try:
        model.load_weights(folder / BEST_WEIGHTS)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().split("\n")[0]
        raise BratsError(
            folder / BEST_WEIGHTS, f"it does not fit the network ({reason})", f"the weights of {SETTINGS}'s recipe",
            "Restore the file, or delete the folder and train again",
        ) from error  # fmt: skip
    return model


def _compile(model, recipe, precision):
    optimizer = keras.optimizers.Adam(recipe.learning_rate)
    if precision == "mixed_float16":
        # Keras does this by itself only where float16 is its global policy.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    dice = keras.metrics.MeanMetricWrapper(soft_dice, name="dice")
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy", dice, ClassIoU(len(LABELS))])
    optimizer.build(model.trainable_variables)


def _fit(model, recipe, train, val, progress, epochs, folder, verbose):
    plateau = keras.callbacks.ReduceLROnPlateau(
        "val_loss", recipe.plateau_factor, recipe.plateau_patience, mode="min", min_lr=recipe.min_learning_rate
    )
    keep = KeepProgress(progress, plateau, train, folder)
    if verbose is None:
        verbose = 1 if sys.stdout.isatty() else 2
    # Keras's own shuffling would draw from Python's global random state, which no resumed training could repeat.
    model.fit(
        train, validation_data=val, epochs=epochs, initial_epoch=progress.epochs, callbacks=[plateau, keep],
        shuffle=False, verbose=verbose,
    )  # fmt: skip


def _batch_facts(batches):
    facts = {name: getattr(batches, name) for name in _BATCH_FACTS if hasattr(batches, name)}
    return facts | {"batches": len(batches)}


def _result(model, history, resumed_from):
    best = history.loc[history["val_loss"].idxmin(), "epoch"]
    return TrainingResult(model, history, int(best), resumed_from, float(history["seconds"].sum()))


def _find_earlier(folder, settings, epochs):
    """The record and progress of an earlier call that this one continues; empty ones otherwise."""
    record = _read_record(folder)
    if record is not None and record["settings"] == settings:
        complete = record["finished"] and record["epochs"] == epochs and (folder / LOG).is_file()
        if complete and (folder / BEST_WEIGHTS).is_file():
            return record, Progress()
        progress = Progress.load(folder / STATE) if (folder / STATE).is_file() else Progress()
        if progress.epochs <= epochs:
            if record["made_with"] != _versions():
                print(
                    f"Training in {folder} was started with {record['made_with']}; results may differ in the last bits."
                )
            return record | {"finished": False}, progress
    if record is not None or (folder / STATE).exists():
        _set_aside(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return {"finished": False, "made_with": _versions()}, Progress()


def _set_aside(folder):
    numbers = (n for n in range(1, sys.maxsize) if not folder.with_name(f"{folder.name}.previous-{n}").exists())
    aside = folder.with_name(f"{folder.name}.previous-{next(numbers)}")
    shutil.move(folder, aside)
    print(f"{folder} holds a training with other settings or data; it is kept as {aside.name}.")


def _versions():
    about = machine.describe()
    return f"Keras {keras.__version__} on {about['backend']}"


def _read_record(folder):
    path = folder / SETTINGS
    if not path.is_file():
        return None
    try:
        record, problem = json.loads(path.read_text()), "it does not hold what `train` writes"
    except ValueError as error:
        record, problem = None, f"it is damaged ({error})"
    if not isinstance(record, dict) or not record.keys() >= _RECORD_KEYS:
        raise BratsError(path, problem, "the settings of a training", "Move the folder away and train again")
    return record


def _save_record(folder, record):
    write_atomically(folder / SETTINGS, lambda path: path.write_text(json.dumps(record, indent=1)))


def _recipe(record):
    values = {
        key: tuple(value) if isinstance(value, list) else value for key, value in record["settings"]["recipe"].items()
    }
    try:
        return Recipe(**values)
    except TypeError as error:
        raise BratsError(
            SETTINGS, f"its recipe has other fields ({error})", "a training of this version", "Train again"
        ) from error
