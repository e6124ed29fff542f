"""How fast this machine learns patches that are there already: the limit of a training if making them took no time."""

import dataclasses
import time

import numpy as np
import pandas as pd

from brats_lib import models
from brats_lib.recipes import NATIVE
from brats_lib.training.devices import choose_precision, make_reproducible
from brats_lib.training.objectives import compile_model

__all__ = ["measure_speed"]

# The recipe, larger batches, and a network twice as wide.
SIZES = (
    NATIVE,
    dataclasses.replace(NATIVE, batch_slices=128),
    dataclasses.replace(NATIVE, widths=tuple(2 * width for width in NATIVE.widths)),
)


def measure_speed(deterministic=True, steps=100):
    """Time training steps on one batch of noise, the first of them, which compiles, left out.

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
    make_reproducible(0, deterministic)
    precision, rows = choose_precision(), []
    for recipe in SIZES:
        model = models.build(recipe, precision, 0)
        compile_model(model, recipe, precision, steps + 1, ())
        rng = np.random.default_rng(0)
        shape = recipe.batch_slices, recipe.patch, recipe.patch
        images = rng.standard_normal((*shape, recipe.channels), np.float32)
        targets = (rng.random((*shape, 3)) < 0.1).astype(np.float32)
        model.train_on_batch(images, targets)
        began = time.perf_counter()
        for _ in range(steps):
            model.train_on_batch(images, targets)
        seconds = (time.perf_counter() - began) / steps
        rows.append((recipe.widths, recipe.batch_slices, 1000 * seconds, recipe.batch_slices / seconds))
    return pd.DataFrame(rows, columns=["widths", "batch", "ms_per_step", "patches_per_second"])
