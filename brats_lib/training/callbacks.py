"""Saving a training after each epoch, complete enough that a killed one goes on as if nothing had happened.

Keras's own `BackupAndRestore`, `ModelCheckpoint`, `ReduceLROnPlateau` and `CSVLogger` do not remember across a restart
what they had seen, so that a resumed training can overwrite its best network with a worse one. `KeepProgress` replaces
them but for ReduceLROnPlateau, whose memory it saves.

Which weights are kept, the recipe says: those of the epoch with the lowest validation loss, where there is a plateau
rule, else the moving average over the batches up to the last one, with which validation is done too.
"""

import math
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from brats_lib.errors import BratsError
from brats_lib.files import replacing
from brats_lib.training.checkpoints import BEST_WEIGHTS, Progress

_PLATEAU = ("best", "wait", "cooldown_counter")


class Diverged(BratsError):
    """The loss or the weights of a training became NaN or infinite."""


def save_best(model: keras.Model, folder: Path, writes: bool = True) -> None:
    """Write the model's present weights to `best.weights.h5`.

    Of several processes that train one model all have to call this, since Keras reads the weights by a step that they
    take together; `writes` is set in one of them.
    """
    if writes:
        with replacing(folder / BEST_WEIGHTS) as part:
            model.save_weights(part)
        return
    with tempfile.TemporaryDirectory() as elsewhere:
        model.save_weights(Path(elsewhere) / BEST_WEIGHTS)


def _values(variables) -> list[np.ndarray]:
    # Copies, because a backend may hand out its own memory and go on to train in it.
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class KeepProgress(keras.callbacks.Callback):
    """Save the training's state after each epoch and stop it where the loss is no number.

    Comes after `plateau`, if there is one, in the list of callbacks, so that it sees what that has decided. `batches`
    are those that are trained on. Of several processes that train one model, one `writes`.
    """

    def __init__(
        self, progress: Progress, plateau: keras.callbacks.ReduceLROnPlateau | None, batches: keras.utils.PyDataset,
        folder: Path, writes: bool = True,
    ):  # fmt: skip
        super().__init__()
        self.progress, self.plateau, self.batches, self.folder = progress, plateau, batches, folder
        self.writes = writes

    def on_train_begin(self, logs=None):
        """Put back what a training that resumes had come to; the plateau has just reset itself."""
        if self.progress.epochs:
            _assign(self.model.variables, self.progress.variables)
            _assign(self.model.optimizer.variables, self.progress.optimizer)
        for name, value in self.progress.plateau.items():
            setattr(self.plateau, name, value)

    def on_epoch_begin(self, epoch, logs=None):
        """Tell the batches which epoch it is; note when it began and the learning rate it is trained with."""
        if hasattr(self.batches, "epoch"):
            self.batches.epoch = epoch
        self._began = time.perf_counter()
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        # The shortest decimal that names this float32: 0.001 rather than 0.0010000000474974513.
        self._learning_rate = float(str(np.float32(rate)))

    def on_train_batch_end(self, batch, logs=None):
        """Stop at the first batch whose loss is no number."""
        if not math.isfinite(logs["loss"]):
            self._diverged(f"the loss became {logs['loss']} in batch {batch + 1} of")

    def on_test_begin(self, logs=None):
        """Validate what would be kept."""
        self._average()

    def on_test_end(self, logs=None):
        """Go on with what is trained."""
        self._go_on()

    def on_epoch_end(self, epoch, logs=None):
        """Save the state, then the files that are copied from it."""
        val_loss = logs.get("val_loss")
        if val_loss is not None and not math.isfinite(val_loss):
            self._diverged(f"the validation loss became {val_loss} in")
        # TensorFlow's ReLU turns NaN into 0 on CPUs, so that a network with dead weights has an inconspicuous loss.
        for variable, value in zip(self.model.weights, _values(self.model.weights), strict=True):
            if not np.isfinite(value).all():
                self._diverged(f"weights of {variable.path} became NaN or infinite in")
        measured = {name: float(value) for name, value in logs.items() if name != "learning_rate"}
        improved = self.plateau is None or measured["val_loss"] < self.progress.best_loss
        seconds = round(time.perf_counter() - self._began, 2)
        row = {"epoch": epoch + 1, **measured, "learning_rate": self._learning_rate, "seconds": seconds}
        self.progress.rows.append(row)
        self.progress.variables = _values(self.model.variables)
        self.progress.optimizer = _values(self.model.optimizer.variables)
        if self.plateau is not None:
            self.progress.plateau = {name: getattr(self.plateau, name) for name in _PLATEAU}
        self._average()
        if improved:
            self.progress.best = _values(self.model.weights)
        if self.writes:
            self.progress.save(self.folder)
        if improved:
            save_best(self.model, self.folder, self.writes)
        self._go_on()
        if self.writes:
            self.progress.save_log(self.folder)

    def _average(self):
        if self.plateau is not None:
            return
        self._raw = _values(self.model.trainable_variables)
        # Keras's own way to put the moving averages into the model; without them it changes nothing.
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        # As copies: JAX has now one memory for weight and average, and gives it up when it validates the weights.
        _assign(self.model.trainable_variables, _values(self.model.trainable_variables))

    def _go_on(self):
        if self.plateau is None:
            _assign(self.model.trainable_variables, self._raw)

    def _diverged(self, what):
        done = self.progress.epochs
        advice = "Train with a lower learning_rate or with precision='float32', and run `brats audit` on the cases"
        raise Diverged(
            f"training in {self.folder}", f"{what} epoch {done + 1}", "finite numbers",
            f"{advice}; finished epochs are kept ({done})",
        )  # fmt: skip
