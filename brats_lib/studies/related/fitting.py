"""Training of the related systems: all alike, so that they differ in what they are."""

import time
from dataclasses import dataclass, replace

import keras
import numpy as np

from brats_lib import labels
from brats_lib.errors import BratsError
from brats_lib.studies.related.objective import labelled_cross_entropy
from brats_lib.studies.related.samples import Samples
from brats_lib.training.devices import choose_precision, make_reproducible

__all__ = ["Fitted", "fit", "fit_system", "natural_shares"]

# The learning rate falls along a cosine to this share of its height.
_LOWEST = 0.01
# What every network calls its last layer.
_LAST = "probabilities"


@dataclass(frozen=True)
class Fitted:
    """A finished training.

    Attributes
    ----------
    model : keras.Model
    losses : array of float, shape (batches,)
        Of each batch, before its step.
    minutes : float
        Of computing, summed over the cores: what the process waited for is left out.
    """

    model: keras.Model
    losses: np.ndarray
    minutes: float


def fit(model, batches, learning_rate, seed=0):
    """Train a network once over its batches: Adam, with a learning rate that falls along a cosine.

    Parameters
    ----------
    model : keras.Model
        Compiled afterwards.
    batches : keras.utils.PyDataset
        Images and one-hot targets, which may be zero where there is no label.
    learning_rate : float
        The first one.
    seed : int
        Of dropout.

    Returns
    -------
    Fitted

    Raises
    ------
    BratsError
        If the loss is no number any more.
    """
    make_reproducible(seed)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, len(batches), alpha=_LOWEST)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), labelled_cross_entropy)
    start, losses = time.process_time(), []
    for number in range(len(batches)):
        losses.append(float(model.train_on_batch(*batches[number])))
        if not np.isfinite(losses[-1]):
            found, advice = f"the loss of batch {number + 1} is {losses[-1]}", "Lower the learning rate"
            raise BratsError(f"training of {model.name}", found, "a finite number", advice)
    return Fitted(model, np.array(losses), (time.process_time() - start) / 60)


def fit_system(system, stacks, steps=None, seed=0, first=None):
    """Train one of the related systems on cases.

    Parameters
    ----------
    system : brats_lib.studies.related.systems.System
    stacks : sequence of brats_lib.slices.stacks.Stack
        With labels and all four modalities, matched where the system wants that.
    steps : int, optional
        Batches; those of the recorded study where omitted.
    seed : int
        Of weights, blocks and dropout.
    first : keras.Model, optional
        The trained network of the system that this one is built on.

    Returns
    -------
    Fitted
    """
    steps, precision = system.steps if steps is None else steps, choose_precision()
    make_reproducible(seed)
    model = system.build(first, precision, seed) if system.built_on else system.build(precision, seed)
    late = round(system.natural_end * steps)
    fitted = fit(model, Samples(stacks, system, steps - late, seed), system.learning_rate, seed)
    if not late:
        return fitted
    frozen = [layer for layer in _single_layers(model) if layer.trainable and layer.name != _LAST]
    for layer in frozen:
        layer.trainable = False
    natural = replace(system, shares=natural_shares(stacks))
    ended = fit(model, Samples(stacks, natural, late, seed + 1), system.learning_rate, seed)
    for layer in frozen:
        layer.trainable = True
    return Fitted(model, np.concatenate([fitted.losses, ended.losses]), fitted.minutes + ended.minutes)


def _single_layers(model):
    """Layers of a network, those of networks within it in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _single_layers(layer)
        else:
            yield layer


def natural_shares(stacks):
    """Share of background, NCR, ED and ET among the voxels of the brains, as a tuple that sums to 1."""
    counts = np.zeros(len(labels.LABELS))
    for stack in stacks:
        brain, mask = np.asarray(stack.images[..., 0]) != 0, np.asarray(stack.labels)
        counts += [(brain & (mask == label)).sum() for label in labels.LABELS]
    return tuple(counts / counts.sum())
