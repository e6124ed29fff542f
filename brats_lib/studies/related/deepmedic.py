"""DeepMedic (Kamnitsas et al. 2017): two paths of 3D convolutions, one of which sees three times as far."""

import keras
from keras import layers

from brats_lib.models.layers import Layers

# Voxels that are read and not answered, on each side.
MARGIN = 24
# How much coarser the second path's voxels are.
FACTOR = 3
# Filters of the eight convolutions of each path, and of the two layers that read both paths.
_WIDTHS, _JOINT_WIDTHS = (30, 30, 40, 40, 40, 40, 50, 50), (150, 150)
# Statistics that are 30 batches old in the mean, like an average over the last 60, which the paper's authors take.
_MOMENTUM = 1 - 1 / 30


def build_deepmedic(channels: int, classes: int, precision: str = "float32", seed: int | None = None) -> keras.Model:
    """Build the network of 11 layers and two paths of Kamnitsas et al. 2017, sections 2.2 and 2.3.

    Each path has eight 3x3x3 convolutions without padding, so that a voxel of its output sees 17 voxels along each
    axis of its input. The normal path reads the image, the other one its means over blocks of 3x3x3 voxels, thus 51
    voxels along each axis; its features are repeated 3 times along each axis and joined with those of the former. Two
    layers of 150 filters, whose kernels are 1x1x1, and a softmax follow. With 4 channels and 4 classes there are
    664,884 parameters, of which 663,004 are trained. Sides of the input are multiples of 3, at least 51, and of the
    output 48 less: a training segment of 57 is answered by 9, and output i belongs to input voxel i + 24.

    Where the paper leaves it open, as in its authors' program: the order convolution, normalisation, PReLU, whose
    slopes start at 0.01; dropout of half before the last two layers alone; initial weights of He et al. 2015; features
    repeated where they are made finer. Departures: a coarse voxel is the mean of 27, where that program takes one of
    them, and lies in the middle of the outputs that share it; the statistics for prediction are averaged with weights
    that fall exponentially, not over the last 60 batches. There are no residual connections (Kamnitsas et al. 2016).
    """
    make = Layers(precision, seed)
    policy = make.policy

    def convolve(x, filters, kernel, name):
        x = make.conv(x, filters, kernel, f"{name}_conv", kind=layers.Conv3D, padding="valid", use_bias=False)
        x = layers.BatchNormalization(momentum=_MOMENTUM, dtype=policy, name=f"{name}_norm")(x)
        slopes = keras.initializers.Constant(0.01)
        return layers.PReLU(slopes, shared_axes=(1, 2, 3), dtype=policy, name=f"{name}_prelu")(x)

    def path(x, name):
        for number, filters in enumerate(_WIDTHS, 1):
            x = convolve(x, filters, 3, f"{name}_{number}")
        return x

    image = keras.Input((None, None, None, channels), name="image")
    # The coarse path loses 8 coarse voxels on each side, 24 fine ones, of which the normal path loses 8 itself.
    centre = layers.Cropping3D(MARGIN - len(_WIDTHS), dtype=policy, name="centre")(image)
    coarse = layers.AveragePooling3D(FACTOR, dtype=policy, name="coarse")(image)
    repeated = layers.UpSampling3D(FACTOR, dtype=policy, name="repeat")(path(coarse, "coarse"))
    x = layers.Concatenate(dtype=policy, name="join")([path(centre, "normal"), repeated])
    for number, filters in enumerate(_JOINT_WIDTHS, 1):
        x = convolve(x, filters, 1, f"joint_{number}")
        x = make.dropout(x, 0.5, f"joint_{number}_dropout")
    probabilities = make.conv(x, classes, 1, "probabilities", kind=layers.Conv3D, activation="softmax", dtype="float32")
    return keras.Model(image, probabilities, name="deepmedic")
