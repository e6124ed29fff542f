"""The networks of Havaei et al. 2017: two paths of unlike reach, and a cascade of two such networks."""

from functools import partial

import keras
from keras import layers

from brats_lib.models.layers import Layers

# Voxels that are read and not answered, on each side; the cascade's second network reads answers of the first.
MARGIN = 16
CASCADE_MARGIN = 32


def build_two_path(
    channels: int, classes: int, precision: str = "float32", seed: int | None = None, name: str = "two_path"
) -> keras.Model:
    """Build the TwoPathCNN of Havaei et al. 2017 (Medical Image Analysis 35, 18-31), section 3.1.1 and figure 2.

    The local path looks at details: a 7x7 convolution, 4x4 max pooling, a 3x3 convolution and 2x2 max pooling, with 64
    maps each. The global path looks at where a voxel lies: one 13x13 convolution with 160 maps. The maps of both are
    joined, and a last convolution of 21x21, the fully connected layer of the paper, ends in a softmax. Each hidden map
    is a maxout (Goodfellow et al. 2013), the larger of two convolutions at each voxel, as in figure 1. Poolings move by
    one voxel, so a slice of any size is answered voxel by voxel in one pass: sides are at least 33, those of the output
    32 less, and its value at (i, j) belongs to the input's voxel (i + 16, j + 16).

    Four channels and four classes give 710,852 parameters. Figure 2 prints 651,488, which is what these layers have
    with the paper's five classes, one kernel for each map and no biases; with both it is 809,637.

    Section 3.2 masks "each hidden or input unit" with a probability, "e.g. 0.5", and names no layers. Here it is half
    of the joined maps' values, ahead of the last convolution, which has more than half of all weights. Weights begin
    uniform within 0.005 around 0 and biases at 0 (section 4): the paper's last biases, the logarithms of the label
    frequencies, are one constant where all classes are drawn equally often, which a softmax does not see.
    """
    make = Layers(precision, seed, partial(keras.initializers.RandomUniform, -0.005, 0.005))
    policy = make.policy

    def maxout(x, maps, kernel, name):
        # One convolution computes both halves, which is faster than two of them.
        pair = make.conv(x, 2 * maps, kernel, f"{name}_conv", padding="valid")
        return layers.Maximum(dtype=policy, name=f"{name}_maxout")([pair[..., :maps], pair[..., maps:]])

    def pool(x, side, name):
        return layers.MaxPooling2D(side, strides=1, dtype=policy, name=f"{name}_pool")(x)

    images = keras.Input((None, None, channels), name="images")
    local = pool(maxout(images, 64, 7, "local_1"), 4, "local_1")
    local = pool(maxout(local, 64, 3, "local_2"), 2, "local_2")
    wide = maxout(images, 160, 13, "global")
    joined = layers.Concatenate(dtype=policy, name="paths")([local, wide])
    joined = make.dropout(joined, 0.5, "paths_dropout")
    probabilities = make.conv(
        joined, classes, 21, "probabilities", padding="valid", activation="softmax", dtype="float32"
    )
    return keras.Model(images, probabilities, name=name)


def build_cascade(
    first: keras.Model, channels: int, classes: int, precision: str = "float32", seed: int | None = None
) -> keras.Model:
    """Build the InputCascadeCNN of Havaei et al. 2017, section 3.1.2 and figure 3(a).

    A network that answers for each voxel by itself does not know what it answers next door. So a second network of two
    paths reads, beside the image, the probabilities that a trained `first` one, a `build_two_path` of the same channels
    and classes, finds around each voxel. Only the second one learns (section 3.2): the layers of the first become a
    part of the cascade, not a copy, without dropout, and ``first.trainable`` is False afterwards. With the same seed,
    the two would start alike.

    Sides are at least 65, those of the output 64 less, and its value at (i, j) belongs to the input's voxel
    (i + 32, j + 32). Four channels and four classes give 952,260 parameters beside those of the first network.
    """
    first.trainable = False
    policy = keras.DTypePolicy(precision)
    images = keras.Input((None, None, channels), name="images")
    # Past its dropout, which being frozen does not stop: the second network is to learn from what it will get.
    answer = keras.Model(first.input, first.get_layer("probabilities")(first.get_layer("paths").output), name="first")
    centre = layers.Cropping2D(MARGIN, dtype=policy, name="centre")(images)
    joined = layers.Concatenate(dtype=policy, name="images_and_answers")([centre, answer(images)])
    second = build_two_path(channels + classes, classes, precision, seed, name="second")
    return keras.Model(images, second(joined), name="input_cascade")
