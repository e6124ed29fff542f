"""How fast this machine learns patches that are there already: the limit of a training if making them took no time."""

import dataclasses
import time

import numpy as np
import pandas as pd

from brats_lib import models
from brats_lib.recipes import NATIVE
from brats_lib.training.devices import choose_precision, make_reproducible
from brats_lib.training.objectives import compile_model

__all__ = ["measure_speed", "time_step"]

# The recipe, larger batches, and a network twice as wide.
SIZES = (
    NATIVE,
    dataclasses.replace(NATIVE, batch_slices=128),
    dataclasses.replace(NATIVE, widths=tuple(2 * width for width in NATIVE.widths)),
)


def measure_speed(deterministic=True, steps=100):
    """Time training steps on one batch of noise.

    Parameters
    ----------
    deterministic : bool
        See `brats_lib.training.devices.make_reproducible`.
    steps : int
        How many are timed.

    Returns
    -------
    pandas.DataFrame
        Columns widths, batch, ms_per_step and patches_per_second.
    """
    rows = []
    for recipe in SIZES:
        rng = np.random.default_rng(0)
        shape = recipe.batch_slices, recipe.patch, recipe.patch
        images = rng.standard_normal((*shape, recipe.channels), np.float32)
        targets = (rng.random((*shape, 3)) < 0.1).astype(np.float32)
        seconds = time_step(recipe, images, targets, steps, deterministic)
        rows.append((recipe.widths, recipe.batch_slices, 1000 * seconds, recipe.batch_slices / seconds))
    return pd.DataFrame(rows, columns=["widths", "batch", "ms_per_step", "patches_per_second"])


def time_step(recipe, images, targets, steps, deterministic=True):
    """Seconds of a training step on a batch that is ready, the first step, which compiles, left out.

    Parameters
    ----------
    recipe : brats_lib.recipes.Recipe or brats_lib.recipes.NativeRecipe
        Whose network is trained, from new weights.
    images, targets : array
        The batch.
    steps : int
        How many are timed.
    deterministic : bool
        See `brats_lib.training.devices.make_reproducible`.

    Returns
    -------
    float
    """
    make_reproducible(0, deterministic)
    precision = choose_precision()
    model = models.build(recipe, precision, 0)
    compile_model(model, recipe, precision, steps + 1)
    model.train_on_batch(images, targets)
    began = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(images, targets)
    return (time.perf_counter() - began) / steps
