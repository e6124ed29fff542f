"""The networks of Havaei et al. 2017: two paths of unlike reach, and a cascade of two such networks."""

import keras
from keras import layers

from brats_lib.models.unet import layer_seeds

__all__ = ["CASCADE_MARGIN", "CASCADE_PATCH", "MARGIN", "PATCH", "build_cascade", "build_two_path"]

# Side of the patch that one voxel is classified from, and how far the voxel lies inside it, in voxels.
PATCH = 33
MARGIN = 16
# The same for the cascade, whose second network reads answers of the first around the voxel.
CASCADE_PATCH = 65
CASCADE_MARGIN = 32

_DROPOUT = 0.5
_SPREAD = 0.005


def build_two_path(channels, classes, precision="float32", seed=None, name="two_path"):
    """Build the TwoPathCNN of Havaei et al. 2017 (Medical Image Analysis 35, 18-31), section 3.1.1 and figure 2.

    The local path looks at details: a 7x7 convolution, 4x4 max pooling, a 3x3 convolution and 2x2 max pooling, with 64
    maps each. The global path looks at where a voxel lies: one 13x13 convolution with 160 maps. The maps of both are
    joined, and a last convolution of 21x21, the fully connected layer of the paper, ends in a softmax. Each hidden map
    is a maxout (Goodfellow et al. 2013), the larger of two convolutions at each voxel, as in figure 1. Poolings move by
    one voxel, so nothing is skipped, and a slice of any size is answered voxel by voxel in one pass. Four channels and
    four classes give 710,852 parameters.

    ===========  =====================================  =======  ==========
    path         layer                                  output   parameters
    ===========  =====================================  =======  ==========
    local        convolution 7x7, maxout of 2 x 64      27x27    25,216
    local        max pooling 4x4                        24x24
    local        convolution 3x3, maxout of 2 x 64      22x22    73,856
    local        max pooling 2x2                        21x21
    global       convolution 13x13, maxout of 2 x 160   21x21    216,640
    both         convolution 21x21, softmax             1x1      395,140
    ===========  =====================================  =======  ==========

    Parameters
    ----------
    channels : int
        Modalities in.
    classes : int
        Classes out.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of all layers but the last, which stays float32.
    seed : int, optional
        Seed of the initial weights and of dropout; taken from Keras's global random state where omitted.
    name : str
        Name of the network, which has to be its own where it is a part of another.

    Returns
    -------
    keras.Model
        Not compiled. Input (n, h, w, channels), both sides at least 33. Output (n, h - 32, w - 32, classes) float32,
        which sums to 1 over the last axis; its value at (i, j) belongs to the input's voxel (i + 16, j + 16).

    Notes
    -----
    Figure 2 prints 651,488 parameters. That is what these layers have with the paper's five classes, one kernel for
    each map and no biases; the second kernel of each maxout and the biases make it 809,637.

    Section 3.2 masks "each hidden or input unit" with a probability, "e.g. 0.5", and names no layers. Here it is half
    of the joined maps' values, ahead of the last convolution, which has more than half of all weights. The bound on
    the weights and their L1 and L2 penalties belong to training and are no part of the network.

    Weights begin uniform within 0.005 around 0 and biases at 0 (section 4). The paper's last biases begin at the
    logarithms of the label frequencies; where all classes are drawn equally often, as in its first phase of training,
    these are one constant, which a softmax does not see.
    """
    seeds = layer_seeds(seed)
    policy = keras.DTypePolicy(precision)

    def convolve(x, filters, kernel, name, **options):
        options = {"dtype": policy} | options
        initial = keras.initializers.RandomUniform(-_SPREAD, _SPREAD, seed=next(seeds))
        return layers.Conv2D(filters, kernel, kernel_initializer=initial, name=name, **options)(x)

    def maxout(x, maps, kernel, name):
        # One convolution computes both halves, which is faster than two of them.
        pair = convolve(x, 2 * maps, kernel, f"{name}_conv")
        return layers.Maximum(dtype=policy, name=f"{name}_maxout")([pair[..., :maps], pair[..., maps:]])

    def pool(x, side, name):
        return layers.MaxPooling2D(side, strides=1, dtype=policy, name=f"{name}_pool")(x)

    images = keras.Input((None, None, channels), name="images")
    local = pool(maxout(images, 64, 7, "local_1"), 4, "local_1")
    local = pool(maxout(local, 64, 3, "local_2"), 2, "local_2")
    wide = maxout(images, 160, 13, "global")
    joined = layers.Concatenate(dtype=policy, name="paths")([local, wide])
    joined = layers.Dropout(_DROPOUT, seed=next(seeds), dtype=policy, name="paths_dropout")(joined)
    probabilities = convolve(
        joined, classes, 21, "probabilities", activation="softmax", dtype=keras.DTypePolicy("float32")
    )
    return keras.Model(images, probabilities, name=name)


def build_cascade(first, channels, classes, precision="float32", seed=None):
    """Build the InputCascadeCNN of Havaei et al. 2017, section 3.1.2 and figure 3(a).

    A network that answers for each voxel by itself does not know what it answers next door. So a second network of two
    paths reads, beside the image, the probabilities that a trained first one finds at each voxel of the patch, as
    further channels. Only the second one learns (section 3.2).

    Parameters
    ----------
    first : keras.Model
        A trained `build_two_path` of the same `channels` and `classes`. Its layers become a part of the cascade, not a
        copy, and are frozen: ``first.trainable`` is False afterwards. Its dropout is left out.
    channels : int
        Modalities in.
    classes : int
        Classes out.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of the second network's layers but the last, which stays float32.
    seed : int, optional
        Seed of the second network's initial weights and of its dropout; from Keras's global random state where
        omitted. One that differs from the first network's keeps them from starting alike.

    Returns
    -------
    keras.Model
        Not compiled. Input (n, h, w, channels), both sides at least 65. Output (n, h - 64, w - 64, classes) float32,
        which sums to 1 over the last axis; its value at (i, j) belongs to the input's voxel (i + 32, j + 32). Four
        channels and four classes give 952,260 parameters beside those of the first network. The two networks
        are the layers "first" and "second".

    Raises
    ------
    ValueError
        By Keras, if `first` has other channels or classes.
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
