"""The paper's 2D U-Net."""

import itertools
from collections.abc import Iterator

import keras
from keras import layers

from brats_lib.errors import BratsError

__all__ = ["build_unet", "layer_seeds"]

LEVELS = 4


def layer_seeds(seed: int | None) -> Iterator[int | None]:
    """A seed for each layer of a network, endless; without one, Keras's global random state is left to decide."""
    # Layers that shared one integer seed would start with the same weights wherever their shapes agree.
    return itertools.repeat(None) if seed is None else itertools.count(seed * 1000)


def build_unet(
    size: int = 128, channels: int = 2, classes: int = 4, width: int = 32, dropout: float = 0.2,
    precision: str = "float32", seed: int | None = None,
) -> keras.Model:  # fmt: skip
    """Build the U-Net of section 3.4 and figure 5, (n, size, size, channels) to (n, size, size, classes).

    Four encoder levels of two 3x3 convolutions and 2x2 max pooling, a bottleneck of two 3x3 convolutions with
    dropout, four decoder levels of a 2x2 transposed convolution, the concatenated skip connection and two 3x3
    convolutions, and a 1x1 convolution with softmax. Filters double with each level down. The defaults give
    exactly 7,759,908 parameters.

    Parameters
    ----------
    size
        Side of the square slices in pixels, a multiple of 16.
    width, dropout
        Filters of the first level; rate at the bottleneck, in [0, 1).

    Notes
    -----
    The paper does not say whether the transposed convolution is followed by a ReLU. Ronneberger et al. (2015)
    have none there; the notebooks that the paper follows have one after each convolution but the last,
    the one that doubles the resolution included, so this network does too.
    """
    if size < 2**LEVELS or size % 2**LEVELS:
        advice = f"Set the recipe's size to {max(1, round(size / 2**LEVELS)) * 2**LEVELS}"
        expected = f"a multiple of {2**LEVELS} pixels"
        raise BratsError(f"slice size {size}", "it cannot be halved four times", expected, advice)
    seeds = layer_seeds(seed)
    policy = keras.DTypePolicy(precision)

    def convolve(x, filters, name, layer=layers.Conv2D, kernel=3, **options):
        initial = keras.initializers.HeNormal(seed=next(seeds))
        options = {"padding": "same", "activation": "relu", "dtype": policy} | options
        return layer(filters, kernel, kernel_initializer=initial, name=name, **options)(x)

    def convolve_twice(x, filters, level):
        return convolve(convolve(x, filters, f"{level}_conv_1"), filters, f"{level}_conv_2")

    slices = x = keras.Input((size, size, channels), name="slices")
    skips = []
    for level in range(1, LEVELS + 1):
        x = convolve_twice(x, width * 2 ** (level - 1), f"encoder_{level}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"encoder_{level}_pool", dtype=policy)(x)
    x = convolve_twice(x, width * 2**LEVELS, "bottleneck")
    x = layers.Dropout(dropout, seed=next(seeds), name="bottleneck_dropout", dtype=policy)(x)
    for level in range(LEVELS, 0, -1):
        filters = width * 2 ** (level - 1)
        x = convolve(x, filters, f"decoder_{level}_up", layers.Conv2DTranspose, kernel=2, strides=2)
        x = layers.Concatenate(name=f"decoder_{level}_skip", dtype=policy)([skips[level - 1], x])
        x = convolve_twice(x, filters, f"decoder_{level}")
    probabilities = convolve(
        x, classes, "probabilities", kernel=1, activation="softmax", dtype=keras.DTypePolicy("float32")
    )
    return keras.Model(slices, probabilities, name="unet")
