"""The 3D U-Net of Çiçek et al. 2016."""

import keras
from keras import layers

from brats_lib.models.layers import Layers

# Resolutions above the lowest; sides are halved as often.
LEVELS = 3
# Voxels on each side of a block whose answer is dropped at prediction, since too little around them was seen.
MARGIN = 8


def build_unet3d(
    channels: int, classes: int, width: int = 32, precision: str = "float32", seed: int | None = None
) -> keras.Model:
    """Build the 3D U-Net of Çiçek et al. 2016, section 2 and figure 2.

    Two 3x3x3 convolutions at each of four resolutions on the way down, with 2x2x2 max pooling between them, and at
    three on the way up, after a 2x2x2 up-convolution that keeps the number of features and has the skip connection
    joined to it. Features are doubled before each pooling, by the second convolution of a resolution, so that no
    layer is a bottleneck: `width`, 32 in the paper, and twice as many at the finest resolution, 8 and 16 times as many
    at the lowest. Each 3x3x3 convolution is followed by a normalisation and a ReLU; a 1x1x1 convolution with softmax
    ends it. Sides are multiples of 8, and the output has those of the input.

    The paper trains with batches of one block and normalises with the statistics of the batch at test time too,
    which it found best. That is each block normalised with its own mean and spread, for each filter; so it is here,
    whatever the size of the batch, and no running statistics are kept. Departures: convolutions are padded with zeros,
    so that a block is answered as a whole, and the width is a parameter. With 3 channels, 3 classes and the width of
    32, kernels, one shift per filter and the last bias are the paper's 19,069,955 parameters, from which follows that
    its up-convolutions have no bias; the 2,336 scales of the normalisations are not among them.
    """
    make = Layers(precision, seed)
    policy = make.policy

    def convolve(x, filters, name):
        x = make.conv(x, filters, 3, f"{name}_conv", kind=layers.Conv3D, use_bias=False)
        x = layers.GroupNormalization(groups=-1, dtype=policy, name=f"{name}_norm")(x)
        return layers.Activation("relu", dtype=policy, name=f"{name}_relu")(x)

    def convolve_twice(x, first, second, name):
        return convolve(convolve(x, first, f"{name}_1"), second, f"{name}_2")

    image = x = keras.Input((None, None, None, channels), name="image")
    skips = []
    for level in range(LEVELS):
        filters = width * 2**level
        x = convolve_twice(x, filters, 2 * filters, f"encoder_{level + 1}")
        skips.append(x)
        x = layers.MaxPooling3D(2, dtype=policy, name=f"encoder_{level + 1}_pool")(x)
    lowest = width * 2**LEVELS
    x = convolve_twice(x, lowest, 2 * lowest, "bottleneck")
    for level in reversed(range(LEVELS)):
        name, filters = f"decoder_{level + 1}", width * 2 ** (level + 1)
        x = make.conv(x, 2 * filters, 2, f"{name}_up", 2, layers.Conv3DTranspose, padding="valid", use_bias=False)
        x = layers.Concatenate(dtype=policy, name=f"{name}_skip")([skips[level], x])
        x = convolve_twice(x, filters, filters, name)
    probabilities = make.conv(x, classes, 1, "probabilities", kind=layers.Conv3D, activation="softmax", dtype="float32")
    return keras.Model(image, probabilities, name="unet3d")
