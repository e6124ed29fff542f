"""Training of the related systems: all alike, so that they differ in what they are."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from brats_lib import labels
from brats_lib.errors import BratsError
from brats_lib.scores.challenge import score_mask
from brats_lib.slices.stacks import Stack
from brats_lib.studies.related.blocks import Samples, predict_classes, to_mask
from brats_lib.studies.related.histograms import learn_landmarks, match_stacks
from brats_lib.studies.related.systems import SYSTEMS, System
from brats_lib.training.devices import choose_precision, make_reproducible


@dataclass(frozen=True)
class Fitted:
    """A finished training, with the loss of each batch before its step.

    Minutes are of computing, summed over the cores: what the process waited for is left out.
    """

    model: keras.Model
    losses: np.ndarray
    minutes: float


def labelled_cross_entropy(y_true, y_pred):
    """Categorical cross-entropy of one-hot classes and probabilities, averaged over the labelled voxels of a batch.

    A voxel without a label has zeros for a target and adds nothing: annotation may be sparse (Çiçek et al. 2016,
    section 3). 0 where nothing is labelled.
    """
    truth = keras.ops.cast(y_true, "float32")
    # Keras's own, since it takes the logits behind a softmax where it can: a network that is sure of a mistake goes on
    # learning, where probabilities that are kept off 0 would leave it without a gradient.
    surprise = keras.ops.categorical_crossentropy(truth, keras.ops.cast(y_pred, "float32"))
    return keras.ops.sum(surprise) / keras.ops.maximum(keras.ops.sum(truth), 1.0)


def fit(model: keras.Model, batches: keras.utils.PyDataset, learning_rate: float, seed: int = 0) -> Fitted:
    """Train a network once over its batches: Adam, with a learning rate that falls along a cosine to 1 %.

    The seed is of dropout. A loss that is no number any more ends the training with a `BratsError`.
    """
    make_reproducible(seed)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, len(batches), alpha=0.01)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), labelled_cross_entropy)
    start, losses = time.process_time(), []
    for number in range(len(batches)):
        losses.append(float(model.train_on_batch(*batches[number])))
        if not np.isfinite(losses[-1]):
            found, advice = f"the loss of batch {number + 1} is {losses[-1]}", "Lower the learning rate"
            raise BratsError(f"training of {model.name}", found, "a finite number", advice)
    return Fitted(model, np.array(losses), (time.process_time() - start) / 60)


def fit_system(
    system: System, stacks: Sequence[Stack], steps: int | None = None, seed: int = 0, first: keras.Model | None = None
) -> Fitted:
    """Train one of `systems.SYSTEMS` on cases with labels and all four modalities, matched where it wants that.

    `steps` are the batches, those of the recorded study where omitted; the seed is of weights, blocks and dropout;
    `first` is the trained network of the system that this one is built on.
    """
    steps = system.steps if steps is None else steps
    make_reproducible(seed)
    model = system.network(choose_precision(), seed, first)
    late = round(system.natural_end * steps)
    fitted = fit(model, Samples(stacks, system, steps - late, seed), system.learning_rate, seed)
    if not late:
        return fitted
    frozen = [layer for layer in _single_layers(model) if layer.trainable and layer.name != "probabilities"]
    for layer in frozen:
        layer.trainable = False
    natural = replace(system, shares=natural_shares(stacks))
    ended = fit(model, Samples(stacks, natural, late, seed + 1), system.learning_rate, seed)
    for layer in frozen:
        layer.trainable = True
    return Fitted(model, np.concatenate([fitted.losses, ended.losses]), fitted.minutes + ended.minutes)


def _single_layers(model) -> Iterator[keras.Layer]:
    """Layers of a network, those of networks within it in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _single_layers(layer)
        else:
            yield layer


def natural_shares(stacks: Sequence[Stack]) -> tuple[float, ...]:
    """Share of background, NCR, ED and ET among the voxels of the brains."""
    counts = np.zeros(len(labels.LABELS))
    for stack in stacks:
        brain = np.asarray(stack.images[..., 0]) != 0
        counts += np.bincount(labels.to_classes(np.asarray(stack.labels)[brain]), minlength=len(counts))
    return tuple(counts / counts.sum())


def train_briefly(
    names: Sequence[str], stacks: Sequence[Stack], tested: Stack, steps: int, seed: int = 0
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Train some of `SYSTEMS`, each after the one that it is built on, for a few steps and segment a case with them.

    The cases have labels and all four modalities. The table has a row per system: its title, parameters, loss of the
    first and of the last batches, seconds of training and of prediction, Dice of WT, TC and ET. Beside it stand the
    labels of the tested case by title.
    """
    models: dict[str, keras.Model] = {}
    landmarks, rows, masks = learn_landmarks(stacks), [], {}
    for name in tqdm(names, desc="Training systems", unit="system"):
        system = SYSTEMS.get(name)
        if system is None or (system.built_on and system.built_on not in models):
            found = "there is none of that name" if system is None else f"{system.built_on} does not come before it"
            advice = f"Choose of {', '.join(SYSTEMS)}"
            raise BratsError(f"system '{name}'", found, "a system, after the one that it is built on", advice)
        *learning, case = match_stacks([*stacks, tested], landmarks) if system.matched else [*stacks, tested]
        fitted = fit_system(system, learning, steps, seed, models.get(system.built_on))
        model = models[name] = fitted.model
        start = time.perf_counter()
        mask = masks[system.title] = to_mask(predict_classes(system.dense(model), case.images, system))
        seconds = time.perf_counter() - start
        dice = {row["region"]: row["dice"] for row in score_mask(mask, np.asarray(tested.labels), (1.0, 1.0, 1.0))}
        losses = {"first loss": fitted.losses[0], "last losses": fitted.losses[-5:].mean()}
        times = {"training (s)": 60 * fitted.minutes, "prediction (s)": seconds}
        scores = {f"Dice {region}": dice[region] for region in labels.REGIONS}
        rows.append({"system": system.title, "parameters": model.count_params()} | losses | times | scores)
    return pd.DataFrame(rows), masks
