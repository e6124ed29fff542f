"""The network of Pereira et al. 2016: small kernels one after another, and one voxel classified from its patch."""

import keras
from keras import layers

from brats_lib.models.layers import Layers

# Voxels that are read and not answered, on each side of the one in the middle of a patch of 33.
MARGIN = 16
# Voxels from one answer of the dense network to the next: what the first pooling leaves.
DENSE_STRIDE = 2


def build_pereira(
    channels: int, classes: int, dense: bool = False, precision: str = "float32", seed: int | None = None
) -> keras.Model:
    """Build the network for high-grade gliomas of Pereira et al. 2016 (IEEE TMI 35(5), 1240-1251), table I.

    Three 3x3 convolutions with 64 filters, a 3x3 max pooling with stride 2, three 3x3 convolutions with 128 filters,
    the same pooling, two fully connected layers of 256 units and one of `classes` units with softmax. All but the
    last are followed by a leaky ReLU of slope 0.333, and the first two fully connected ones by dropout of 0.1 as well.
    Two 3x3 kernels on end see as much as one of 5x5, with fewer weights and a nonlinearity in between. Four channels
    and four classes give exactly 2,117,956 parameters. Weights begin as Glorot's, which the paper calls Xavier's, and
    biases at 0.1.

    A fully connected layer is written as a convolution as large as its input, with the same weights. Thereby the
    network takes inputs larger than a patch of 33x33, and answers for every fourth voxel along both axes at once. With
    stride s there are ``(h - 33) // s + 1`` rows, and the output at (i, j) belongs to voxel (s i + 16, s j + 16).

    The paper has nothing like a `dense` network, which takes the weights of a trained one and answers for every second
    voxel: its second pooling moves by one, and layer 9 is dilated by two, so that it takes the values that it was given
    before.

    Convolutions keep the size of the maps, as in the paper, by zeros around them. A patch thus ends in zeros, at every
    layer, where a larger input goes on with the neighbours: up to 9 voxels before the patch and 7 behind it reach its
    answer, which is near that for a single patch, but not equal. In a patch's 16 rows after the first pooling, the
    second one finds 7 windows of 3; the row left over is cut off, so that in a larger input, too, the last answer is
    one of a whole patch.
    """
    make = Layers(precision, seed, keras.initializers.GlorotUniform)
    policy, bias = make.policy, keras.initializers.Constant(0.1)

    def convolve(x, filters, name, kernel=3, **options):
        x = make.conv(x, filters, kernel, name, bias_initializer=bias, **options)
        return layers.LeakyReLU(0.333, dtype=policy, name=f"{name}_relu")(x)

    def connect(x, name, **options):
        return make.dropout(convolve(x, 256, name, padding="valid", **options), 0.1, f"{name}_dropout")

    patches = x = keras.Input((None, None, channels), name="patches")
    for number in (1, 2, 3):
        x = convolve(x, 64, f"conv_{number}")
    x = layers.MaxPooling2D(3, strides=2, dtype=policy, name="pool_1")(x)
    for number in (4, 5, 6):
        x = convolve(x, 128, f"conv_{number}")
    x = layers.Cropping2D(((0, 1), (0, 1)), dtype=policy, name="crop")(x)
    x = layers.MaxPooling2D(3, strides=1 if dense else 2, dtype=policy, name="pool_2")(x)
    x = connect(x, "fc_1", kernel=7, dilation_rate=2 if dense else 1)
    x = connect(x, "fc_2", kernel=1)
    probabilities = make.conv(
        x, classes, 1, "probabilities", bias_initializer=bias, activation="softmax", dtype="float32"
    )
    return keras.Model(patches, probabilities, name="pereira_dense" if dense else "pereira")
