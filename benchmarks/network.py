"""Training steps: the precision that the machine prefers against float32, and both against matrix products."""

import math

import numpy as np

from benchmarks.timing import Row, interleave
from brats_lib.labels import one_hot
from brats_lib.recipes import Recipe

__all__ = ["forward_flop", "products", "training"]

# Forward pass, gradient of the activations, gradient of the weights: three products of the same size.
PASSES = 3


def forward_flop(model):
    """Floating-point operations of one forward pass of one slice; multiplication and addition count one each.

    Only convolutions are counted: the rest is below one per cent.
    """
    total = 0
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            # A transposed convolution whose stride is its kernel uses each input pixel once per kernel element.
            grid = layer.input.shape if type(layer).__name__ == "Conv2DTranspose" else layer.output.shape
            total += 2 * int(np.prod(layer.kernel.shape)) * int(np.prod(grid[1:3]))
    return total


def _step(recipe, precision, images, targets):
    from brats_lib.models import build

    model = build(recipe, precision=precision, seed=0)
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    return model, lambda: model.train_on_batch(images, targets)


def products(side, precision, count):
    """A function that multiplies square matrices in a precision, which is what convolutions are made of.

    Parameters
    ----------
    side : int
        Rows and columns.
    precision : str
        A type, or a Keras dtype policy.
    count : int
        Products per call, ``2 * side**3`` operations each.

    Returns
    -------
    callable
    """
    from keras import ops

    dtype = precision.removeprefix("mixed_")
    a, b = (ops.cast(np.random.default_rng(i).normal(size=(side, side)), dtype) for i in (0, 1))

    def multiply():
        for _ in range(count):
            c = ops.matmul(a, b)
        # One number is fetched, so that the clock waits for devices that compute asynchronously.
        return float(c[0, 0])

    return multiply


def training(recipe: Recipe, repetitions, batch_slices=8, side=1024):
    """Time a training step.

    Parameters
    ----------
    recipe : Recipe
        The network and its input.
    repetitions : int
        Rounds.
    batch_slices : int
        Slices per step.
    side : int
        Side of the square matrices that give the limit: convolutions are matrix products.

    Returns
    -------
    list of Row
        Times per slice. A share of the limit above 1 means that convolutions run at a higher rate than products.
    """
    from brats_lib.training.devices import choose_precision

    preferred = choose_precision()
    reduced = "mixed_bfloat16" if preferred == "float32" else preferred
    rng = np.random.default_rng(0)
    images = rng.random((batch_slices, recipe.size, recipe.size, len(recipe.modalities)), np.float32)
    targets = one_hot(rng.integers(0, 4, (batch_slices, recipe.size, recipe.size)))

    model, full_step = _step(recipe, "float32", images, targets)
    flop = PASSES * forward_flop(model)
    # As much arithmetic as in a step, so that both feel the rest of the machine alike.
    count = math.ceil(batch_slices * flop / (2 * side**3))
    functions = {
        "float32": full_step,
        reduced: _step(recipe, reduced, images, targets)[1],
        "float32 product": products(side, "float32", count),
        f"{reduced} product": products(side, reduced, count),
    }
    medians = interleave(functions, repetitions)

    def row(precision, other):
        rate = count * 2 * side**3 / medians[f"{precision} product"]
        return Row(
            f"Training step, {precision}{' (chosen)' if precision == preferred else ''}", "slice",
            medians[precision] / batch_slices, other, medians[other] / batch_slices,
            f"{flop / 1e9:.3g} GFLOP of matrix product at {rate / 1e9:.3g} GFLOP/s", flop / rate,
        )  # fmt: skip

    return [row(reduced, "float32"), row("float32", reduced)]
