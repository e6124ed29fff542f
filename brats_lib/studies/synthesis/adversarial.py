"""Parts of generative adversarial networks that both backends train alike.

A generator and its critic are trained with one optimizer in one step: the critic sees generated pictures as constants,
and the generator sees the critic's weights as constants. So each gets the gradient of its own loss alone, `fit` does
the rest, and no backend's tape is needed.
"""

import keras
from keras import layers, ops

from brats_lib.models.unet import layer_seeds

__all__ = ["SpectralConv2D", "build_critic", "centre", "hinge_critic", "hinge_generator", "judge_frozen", "slope"]

# Of the leaky ReLU, below zero.
_SLOPE = 0.2


def slope(policy, name):
    """A leaky ReLU."""
    return layers.LeakyReLU(_SLOPE, dtype=policy, name=name)


class SpectralConv2D(layers.Conv2D):
    """A convolution whose kernel is divided by its largest singular value (Miyato et al. 2018).

    One step of power iteration per training batch. Keras's own `SpectralNormalization` overwrites the kernel while it
    is called, which the JAX backend does not keep; here only the direction is remembered, as a variable that is not
    trained.
    """

    def build(self, input_shape):
        """Make the kernel, and the direction in which it is largest."""
        super().build(input_shape)
        self.direction = self.add_weight(
            (1, self.filters),
            keras.initializers.RandomNormal(seed=0),
            trainable=False,
            name="direction",
            dtype="float32",
            autocast=False,
        )

    def call(self, inputs, training=None):
        """Convolve with the normalised kernel."""
        kernel = ops.cast(self._kernel, "float32")
        matrix = ops.reshape(kernel, (-1, self.filters))
        fixed = ops.stop_gradient(matrix)
        across = _unit(ops.matmul(self.direction, ops.transpose(fixed)))
        along = _unit(ops.matmul(across, fixed))
        if training:
            self.direction.assign(along)
        largest = ops.sum(ops.matmul(across, matrix) * along)
        outputs = self.convolution_op(inputs, ops.cast(kernel / largest, inputs.dtype))
        return outputs + ops.cast(self.bias, outputs.dtype)

    # Keras's convolutions write kernel and bias alone.
    def save_own_variables(self, store):
        """Write every variable."""
        layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        """Read every variable."""
        layers.Layer.load_own_variables(self, store)


def _unit(vector):
    return vector / (ops.sqrt(ops.sum(ops.square(vector))) + 1e-12)


class Spread(layers.Layer):
    """Adds a channel with the standard deviation over the batch, by which a critic sees that samples are all alike.

    Karras et al. 2018, section 3, with the whole batch as one group.
    """

    def call(self, inputs):
        """Add the channel."""
        values = ops.cast(inputs, "float32")
        deviation = ops.mean(ops.sqrt(ops.mean(ops.square(values - ops.mean(values, 0, keepdims=True)), 0) + 1e-8))
        channel = ops.zeros_like(inputs[..., :1]) + ops.cast(deviation, inputs.dtype)
        return ops.concatenate([inputs, channel], -1)

    def compute_output_shape(self, input_shape):
        """One channel more."""
        return (*input_shape[:-1], input_shape[-1] + 1)


def build_critic(channels, widths, size, patches=False, precision="float32", seed=None):
    """Build a critic: 4x4 convolutions with stride 2 and spectral norm, leaky ReLUs, one number or a map of them.

    Parameters
    ----------
    channels : int
        Channels of what it judges.
    widths : sequence of int
        Filters of each convolution.
    size : int
        Side of the pictures in pixels.
    patches : bool
        Judge overlapping patches (Isola et al. 2017) rather than the whole picture.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy.
    seed : int, optional
        Seed of the initial weights.

    Returns
    -------
    keras.Model
        (n, size, size, channels) to judgements (n, ...), float32, higher for what looks real.
    """
    seeds, policy = layer_seeds(seed), keras.DTypePolicy(precision)

    def convolve(x, width, name, kernel=4, strides=2, **options):
        initial = keras.initializers.GlorotUniform(seed=next(seeds))
        options = {"dtype": policy} | options
        return SpectralConv2D(
            width, kernel, strides, padding="same", kernel_initializer=initial, name=name, **options
        )(x)  # fmt: skip

    pictures = x = keras.Input((size, size, channels), name="pictures")
    for level, width in enumerate(widths, start=1):
        x = slope(policy, f"critic_{level}_relu")(convolve(x, width, f"critic_{level}_conv"))
    if not patches:
        x = Spread(dtype=policy, name="critic_spread")(x)
        x = slope(policy, "critic_last_relu")(convolve(x, widths[-1], "critic_last_conv", 3, 1))
        x = layers.Flatten(dtype=policy, name="critic_flat")(x)
        x = layers.Dense(
            1, kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)), dtype="float32", name="judgement"
        )(x)  # fmt: skip
    else:
        x = convolve(x, 1, "judgements", 3, 1, dtype=keras.DTypePolicy("float32"))
    return keras.Model(pictures, x, name="critic")


def judge_frozen(critic, pictures):
    """Let a critic judge with its weights as constants: gradients reach the pictures alone.

    Returns
    -------
    tensor, as the critic's output
    """
    weights = [ops.stop_gradient(variable.value) for variable in critic.trainable_variables]
    others = [variable.value for variable in critic.non_trainable_variables]
    judged, _ = critic.stateless_call(weights, others, pictures, training=False)
    return judged


def centre(pictures):
    """From 0-1 to -1 to 1."""
    return pictures * 2 - 1


def hinge_critic(real, generated):
    """Hinge loss of a critic (Lim and Ye 2017), one number per sample."""
    return _per_sample(ops.relu(1 - real)) + _per_sample(ops.relu(1 + generated))


def hinge_generator(generated):
    """What the generator is trained towards: a high judgement; one number per sample."""
    return -_per_sample(generated)


def _per_sample(values):
    return ops.mean(ops.reshape(values, (ops.shape(values)[0], -1)), -1)
