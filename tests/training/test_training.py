"""A training can be killed, repeated and extended without a trace in its result."""

import errno
import os
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from keras.callbacks import LambdaCallback

from brats_lib import models
from brats_lib.errors import BratsError
from brats_lib.labels import one_hot
from brats_lib.recipes import Recipe
from brats_lib.training import checkpoints, devices
from brats_lib.training.fitting import load_trained, train
from brats_lib.training.monitors import RegionDice

# So small a learning rate that the validation loss stands still as ReduceLROnPlateau sees it: its memory shows.
RECIPE = Recipe(size=16, width=2, learning_rate=1e-6, min_learning_rate=1e-9, plateau_patience=2, epochs=4)
EPOCHS, BATCHES = 4, 3


class Blobs(keras.utils.PyDataset):
    """Three batches of four random slices per epoch, which depend on seed, epoch and batch number alone."""

    def __init__(self, seed=0, fixed=False, kill_in=None, nan_in=None):
        super().__init__()
        self.seed, self.fixed, self.kill_in, self.nan_in = seed, fixed, kill_in, nan_in
        self.epoch, self.read = 0, 0

    def __len__(self):
        return BATCHES

    def __getitem__(self, batch):
        self.read += 1
        if self.kill_in == (self.epoch, batch):
            os.kill(os.getpid(), signal.SIGKILL)
        rng = np.random.default_rng([self.seed, 0 if self.fixed else self.epoch, batch])
        classes = rng.integers(0, 4, (4, 2, 2)).repeat(8, 1).repeat(8, 2)
        images = classes[..., None] / 3 + rng.normal(0, 0.1, (4, 16, 16, 2))
        targets = one_hot(classes)
        if self.nan_in == (self.epoch, batch):
            targets[:] = np.nan
        return images.astype(np.float32), targets


VALIDATION = Blobs(seed=1, fixed=True)


def run(folder, recipe=RECIPE, batches=None, val=VALIDATION, **options):
    """Train on the CPU in float32, silently, unless told otherwise."""
    options = {"precision": "float32", "verbose": 0, "data_fingerprint": "blobs"} | options
    return train(recipe, batches or Blobs(), val, folder, **options)


def read_state(folder):
    with np.load(folder / "state.npz") as file:
        return {name: file[name] for name in file.files if name != "memory"}


def read_log(folder):
    return pd.read_csv(folder / "log.csv", dtype=str).drop(columns="seconds")


def assert_equal_arrays(first, second):
    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def assert_same_training(first, second):
    """Weights, optimizer, random state and best weights bit for bit, and the log to the last digit."""
    expected, found = read_state(first), read_state(second)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    pd.testing.assert_frame_equal(read_log(first), read_log(second))
    assert_equal_arrays(*(load_trained(each).get_weights() for each in (first, second)))


def build_small(recipe, precision="float32", seed=None):
    """Two convolutions with dropout between them: everything that a training has to remember, in a second."""
    published = isinstance(recipe, Recipe)
    side, width, dropout = (recipe.size, recipe.width, recipe.dropout) if published else (recipe.patch, 8, 0.2)
    outputs, activation = (4, "softmax") if published else (3, "sigmoid")
    initial = {"kernel_initializer": keras.initializers.HeNormal(seed)}
    first = keras.layers.Conv2D(width, 3, padding="same", activation="relu", name="first", **initial)
    last = keras.layers.Conv2D(outputs, 1, activation=activation, name="last", **initial)
    slices = keras.Input((side, side, len(recipe.modalities)))
    return keras.Model(slices, last(keras.layers.Dropout(dropout, seed=seed)(first(slices))))


@pytest.fixture(autouse=True, scope="module")
def small_network():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "build", build_small)
        yield


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """An uninterrupted training; not to be changed."""
    folder = tmp_path_factory.mktemp("straight") / "training"
    return folder, run(folder)


def test_killed_training_resumes_to_the_same_bits(straight, tmp_path):
    killed = tmp_path / "killed"
    code = f"""from training.test_training import *
models.build = build_small
run({str(killed)!r}, batches=Blobs(kill_in=(2, 2)))"""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert len(read_log(killed)) == 2
    with pytest.raises(BratsError, match="its training was interrupted"):
        load_trained(killed)
    assert run(killed).resumed_from == 2
    assert_same_training(straight[0], killed)


def test_batches_of_smaller_types_that_hold_the_same_numbers_train_to_the_same_bits(tmp_path):
    class Small(Blobs):
        types = np.float16, np.uint8

        def __getitem__(self, batch):
            images, targets = super().__getitem__(batch)
            return images.astype(np.float16).astype(self.types[0]), targets.astype(self.types[1])

    class Large(Small):
        types = np.float32, np.float32

    for batches in (Small, Large):
        run(tmp_path / batches.__name__, batches=batches(), val=batches(seed=1, fixed=True))
    assert_same_training(tmp_path / "Small", tmp_path / "Large")


def test_batches_are_made_ahead_for_a_gpu_also_where_a_training_resumes_and_change_no_bit(
    straight, tmp_path, monkeypatch
):
    monkeypatch.setattr(devices, "has_accelerator", lambda: True)
    run(tmp_path, epochs=2)
    assert run(tmp_path).resumed_from == 2
    assert_same_training(straight[0], tmp_path)


def test_log_has_the_agreed_columns_and_the_rate_that_falls_after_two_epochs_without_progress(straight):
    history = straight[1].history
    columns = "epoch,loss,accuracy,dice,iou,val_loss,val_accuracy,val_dice,val_iou,learning_rate,seconds"
    assert (straight[0] / "log.csv").read_text().splitlines()[0] == columns
    assert history["epoch"].tolist() == [1, 2, 3, 4] and not history.isna().any(axis=None)
    # Epoch 1 sets the mark, 2 and 3 do not pass it by 1e-4, so epoch 4 is trained with a fifth.
    assert history["learning_rate"].tolist() == [1e-6, 1e-6, 1e-6, 2e-7]


@pytest.fixture
def copy(straight, tmp_path):
    """A copy of the uninterrupted training, to be changed."""
    return shutil.copytree(straight[0], tmp_path / "training")


def test_finished_training_is_returned_without_reading_a_batch_its_files_brought_up_to_date(straight, copy):
    result, batches = straight[1], Blobs()
    again = run(copy, batches=batches)
    assert (batches.read, again.resumed_from, again.best_epoch) == (0, EPOCHS, result.best_epoch)
    pd.testing.assert_frame_equal(again.history, result.history)
    assert_equal_arrays(again.model.get_weights(), result.model.get_weights())
    (copy / "best.weights.h5").unlink()
    (copy / "log.csv").write_text("epoch,loss\n1,2\n")
    run(copy, batches=batches)
    assert batches.read == 0
    assert_same_training(straight[0], copy)


def test_interrupted_and_extended_training_is_the_longer_one(straight, tmp_path, monkeypatch):
    folder, batches = tmp_path / "training", Blobs()

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    # The disk fills up after epoch 1, in the middle of writing the state of epoch 2.
    calls = iter([np.savez, full])
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.np, "savez", lambda *given, **arrays: next(calls)(*given, **arrays))
        with pytest.raises(BratsError, match="No space left on device.*make room.*is kept"):
            run(folder, batches=batches, epochs=3)
    assert len(read_log(folder)) == 1
    assert not list(folder.glob(".part-*"))
    # Space is freed; the same batches, left in the middle of an epoch, are used again; then one epoch more.
    assert run(folder, batches=batches, epochs=3).resumed_from == 1
    assert run(folder, batches=batches, epochs=4).resumed_from == 3
    assert_same_training(straight[0], folder)


@pytest.mark.parametrize("change", [{"seed": 1}, {"data_fingerprint": "other"}, {"epochs": 1}])
def test_other_settings_start_afresh_and_keep_the_old_folder(straight, copy, capsys, change):
    assert run(copy, **({"epochs": 1} | change)).resumed_from == 0
    assert len(read_log(copy)) == 1
    assert_same_training(straight[0], copy.with_name("training.previous-1"))
    assert "kept as training.previous-1" in capsys.readouterr().out


def test_network_of_the_best_epoch_is_the_one_returned(tmp_path):
    # With a learning rate below zero each epoch makes the loss worse.
    recipe = Recipe(size=16, width=4, learning_rate=-1e-2, dropout=0.0)
    result = run(tmp_path / "training", recipe, epochs=3)
    losses = result.history["val_loss"].tolist()
    assert result.best_epoch == 1 + losses.index(min(losses)) < 3
    chosen = [
        -np.log((result.model.predict(x, verbose=0) * y).sum(-1)) for x, y in map(VALIDATION.__getitem__, (0, 1, 2))
    ]
    np.testing.assert_allclose(np.mean(chosen), min(losses), rtol=1e-4)


def test_loss_that_is_no_number_stops_with_advice_and_keeps_the_best_epoch(tmp_path):
    with pytest.raises(BratsError, match="the loss became nan in batch 2 of epoch 2.*finished epochs are kept .1"):
        run(tmp_path, batches=Blobs(nan_in=(1, 1)))
    assert len(read_log(tmp_path)) == 1
    assert (tmp_path / "best.weights.h5").is_file()


def test_damaged_trainings_are_neither_gone_on_from_nor_loaded(copy):
    (copy / "state.npz").write_bytes((copy / "state.npz").read_bytes()[:5000])
    with pytest.raises(BratsError, match="it is damaged"):
        run(copy, epochs=5)
    (copy / "best.weights.h5").write_bytes(b"no HDF5")
    with pytest.raises(BratsError, match="does not fit the network"):
        load_trained(copy)
    (copy / "best.weights.h5").unlink()
    with pytest.raises(BratsError, match="is not there"):
        load_trained(copy)


def test_training_without_epochs_and_network_of_other_cases_are_refused(straight, tmp_path):
    with pytest.raises(BratsError, match="at least one of each"):
        run(tmp_path, epochs=0)
    with pytest.raises(BratsError, match="trained on other cases or another split"):
        load_trained(straight[0], data_fingerprint="other")


def test_monitors_only_add_columns_and_callbacks_are_called_when_an_epoch_is_saved(straight, tmp_path):
    saved = []
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: saved.append(len(read_log(tmp_path))))
    watched = run(tmp_path, monitors=[RegionDice(4)], callbacks=[note])
    assert saved == [1, 2, 3, 4]
    added = ["region_dice", "val_region_dice"]
    assert [name for name in watched.history if name not in straight[1].history] == added
    assert watched.history[added].stack().between(0, 1).all()
    assert_equal_arrays(watched.model.get_weights(), straight[1].model.get_weights())
