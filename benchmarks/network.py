"""Training steps: the precision that the machine prefers against float32, and both against matrix products."""

import math
from collections.abc import Callable

import numpy as np

from benchmarks.timing import Row, interleave
from brats_lib.labels import one_hot
from brats_lib.recipes import Recipe

__all__ = ["LIMIT_SIDE", "products", "training"]

# Of the square matrices that give the limit: convolutions are matrix products.
LIMIT_SIDE = 1024
# Forward pass, gradient of the activations, gradient of the weights: three products of the same size.
PASSES = 3


def products(side: int, precision: str, count: int) -> Callable[[], float]:
    """A function that multiplies square matrices `count` times, ``2 * side**3`` operations each, in a precision."""
    from keras import ops

    dtype = precision.removeprefix("mixed_")
    a, b = (ops.cast(np.random.default_rng(i).normal(size=(side, side)), dtype) for i in (0, 1))

    def multiply():
        for _ in range(count):
            c = ops.matmul(a, b)
        # One number is fetched, so that the clock waits for devices that compute asynchronously.
        return float(c[0, 0])

    return multiply


def training(recipe: Recipe, repetitions: int, batch_slices: int = 8, side: int = LIMIT_SIDE) -> list[Row]:
    """Time a training step, per slice.

    A share of the limit above 1 means that convolutions run at a higher rate than products.
    """
    from brats_lib.models import build
    from brats_lib.training.devices import choose_precision
    from experiments.arithmetic import multiply_adds

    preferred = choose_precision()
    reduced = "mixed_bfloat16" if preferred == "float32" else preferred
    rng = np.random.default_rng(0)
    images = rng.random((batch_slices, recipe.size, recipe.size, len(recipe.modalities)), np.float32)
    targets = one_hot(rng.integers(0, 4, (batch_slices, recipe.size, recipe.size)))

    models = {precision: build(recipe, precision=precision, seed=0) for precision in ("float32", reduced)}
    flop = PASSES * 2 * multiply_adds(models["float32"], (recipe.size, recipe.size))
    # As much arithmetic as in a step, so that both feel the rest of the machine alike.
    count = math.ceil(batch_slices * flop / (2 * side**3))
    functions = {}
    for precision, model in models.items():
        model.compile(optimizer="adam", loss="categorical_crossentropy")
        functions[precision] = lambda model=model: model.train_on_batch(images, targets)
    functions |= {f"{precision} product": products(side, precision, count) for precision in models}
    medians = interleave(functions, repetitions)

    def row(precision, other):
        rate = count * 2 * side**3 / medians[f"{precision} product"]
        return Row(
            f"Training step, {precision}{' (chosen)' if precision == preferred else ''}", "slice",
            medians[precision] / batch_slices, other, medians[other] / batch_slices,
            f"{flop / 1e9:.3g} GFLOP of matrix product at {rate / 1e9:.3g} GFLOP/s", flop / rate,
        )  # fmt: skip

    return [row(reduced, "float32"), row("float32", reduced)]
