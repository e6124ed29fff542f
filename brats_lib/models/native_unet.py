"""The U-Net of the native recipe: normalised, fully convolutional, thin where the resolution is full."""

from collections.abc import Sequence

import keras
from keras import layers

from brats_lib.errors import BratsError
from brats_lib.models.layers import Layers

GROUPS = 8


def build_native_unet(
    channels: int, widths: Sequence[int], outputs: int, regions: bool = True,
    precision: str = "float32", seed: int | None = None,
) -> keras.Model:  # fmt: skip
    """Build a U-Net for slices of any size, (n, h, w, channels) to (n, h, w, outputs); see `models.build`.

    Each convolution is 3x3 without bias, followed by group normalisation (Wu and He 2018) and a ReLU. There is one of
    them at the finest level, in the encoder and in the decoder, and two at every other level, the lowest included:
    normalisation and activation at full resolution are bound by memory, and a second convolution there makes the whole
    network 1.6 times as slow. Down by 2x2 max pooling, up by a 2x2 transposed convolution whose output is joined with
    the skip connection. Widths, the filters of each level from the finest on, are multiples of 8; (16, 48, 96, 192,
    256), 6 channels in and 3 out give 3,289,779 parameters. With `regions` the outputs are probabilities one by one, by
    a sigmoid, for regions that overlap; otherwise, by a softmax, of classes that exclude each other.
    """
    if len(widths) < 2 or any(width < GROUPS or width % GROUPS for width in widths):
        expected = f"at least two, each a multiple of {GROUPS}, which is the number of groups that are normalised"
        raise BratsError("widths of the network", f"they are {tuple(widths)}", expected, "Change the recipe's widths")
    make = Layers(precision, seed)
    policy = make.policy

    def convolve(x, level, name):
        for number in range(1, 2 if level == 0 else 3):
            x = make.conv(x, widths[level], 3, f"{name}_conv_{number}", use_bias=False)
            x = layers.GroupNormalization(GROUPS, dtype=policy, name=f"{name}_norm_{number}")(x)
            x = layers.Activation("relu", dtype=policy, name=f"{name}_relu_{number}")(x)
        return x

    slices = x = keras.Input((None, None, channels), name="slices")
    skips = []
    for level in range(len(widths) - 1):
        x = convolve(x, level, f"encoder_{level + 1}")
        skips.append(x)
        x = layers.MaxPooling2D(2, dtype=policy, name=f"encoder_{level + 1}_pool")(x)
    x = convolve(x, len(widths) - 1, "bottleneck")
    for level in reversed(range(len(widths) - 1)):
        name = f"decoder_{level + 1}"
        x = make.conv(x, widths[level], 2, f"{name}_up", 2, layers.Conv2DTranspose, padding="valid")
        x = layers.Concatenate(dtype=policy, name=f"{name}_skip")([x, skips[level]])
        x = convolve(x, level, name)
    activation = "sigmoid" if regions else "softmax"
    probabilities = make.conv(x, outputs, 1, "probabilities", activation=activation, dtype="float32")
    return keras.Model(slices, probabilities, name="native_unet")
