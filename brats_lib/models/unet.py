"""The paper's 2D U-Net."""

import keras
from keras import layers

from brats_lib.errors import BratsError
from brats_lib.models.layers import Layers

LEVELS = 4


def build_unet(
    size: int = 128, channels: int = 2, classes: int = 4, width: int = 32, dropout: float = 0.2,
    precision: str = "float32", seed: int | None = None,
) -> keras.Model:  # fmt: skip
    """Build the U-Net of section 3.4 and figure 5, (n, size, size, channels) to (n, size, size, classes).

    Four encoder levels of two 3x3 convolutions and 2x2 max pooling, a bottleneck of two 3x3 convolutions with
    dropout, four decoder levels of a 2x2 transposed convolution, the concatenated skip connection and two 3x3
    convolutions, and a 1x1 convolution with softmax. Filters double with each level down, from `width` at the first.
    The size is a multiple of 16. The defaults give exactly 7,759,908 parameters.

    The paper does not say whether the transposed convolution is followed by a ReLU. Ronneberger et al. (2015) have none
    there; the notebooks that the paper follows have one after each convolution but the last, the one that doubles the
    resolution included, so this network does too.
    """
    if size < 2**LEVELS or size % 2**LEVELS:
        advice = f"Set the recipe's size to {max(1, round(size / 2**LEVELS)) * 2**LEVELS}"
        expected = f"a multiple of {2**LEVELS} pixels"
        raise BratsError(f"slice size {size}", "it cannot be halved four times", expected, advice)
    make = Layers(precision, seed)

    def convolve_twice(x, filters, level):
        for number in (1, 2):
            x = make.conv(x, filters, 3, f"{level}_conv_{number}", activation="relu")
        return x

    slices = x = keras.Input((size, size, channels), name="slices")
    skips = []
    for level in range(1, LEVELS + 1):
        x = convolve_twice(x, width * 2 ** (level - 1), f"encoder_{level}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"encoder_{level}_pool", dtype=make.policy)(x)
    x = convolve_twice(x, width * 2**LEVELS, "bottleneck")
    x = make.dropout(x, dropout, "bottleneck_dropout")
    for level in range(LEVELS, 0, -1):
        filters = width * 2 ** (level - 1)
        x = make.conv(x, filters, 2, f"decoder_{level}_up", 2, layers.Conv2DTranspose, activation="relu")
        x = layers.Concatenate(name=f"decoder_{level}_skip", dtype=make.policy)([skips[level - 1], x])
        x = convolve_twice(x, filters, f"decoder_{level}")
    probabilities = make.conv(x, classes, 1, "probabilities", activation="softmax", dtype="float32")
    return keras.Model(slices, probabilities, name="unet")
