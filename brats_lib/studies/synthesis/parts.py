"""What the generative networks share: layers, the critic, and how critic and generator are trained together.

Both are trained with one optimizer in one step: the critic sees generated pictures as constants, and the generator
sees the critic's weights as constants. So each gets the gradient of its own loss alone, `fit` does the rest, and no
backend's tape is needed.

`precision` and `seed` are those of `models.build` in all modules.
"""

from typing import Any

import keras
from keras import layers, ops

from brats_lib.models.layers import Layers
from brats_lib.recipes import GenerativeRecipe

Tensor = Any  # of whichever backend
CRITIC_TERMS = ("critic_loss", "generator_loss")


def part_seeds(seed: int | None, count: int) -> list[int | None]:
    """Seeds of the parts of a network, no two networks sharing one."""
    return [None if seed is None else count * seed + part for part in range(count)]


class Blocks(Layers):
    """Layers with leaky ReLUs behind them."""

    def conv_relu(self, x, width, kernel, name, strides=1, kind=layers.Conv2D):
        """A convolution and a leaky ReLU."""
        return self.relu(self.conv(x, width, kernel, f"{name}_conv", strides, kind), f"{name}_relu")

    def dense(self, x, width, name, dtype=None, initial=None, bias="zeros"):
        """A dense layer."""
        initial, dtype = initial or self.initial(), dtype or self.policy
        return layers.Dense(width, kernel_initializer=initial, bias_initializer=bias, dtype=dtype, name=name)(x)

    def relu(self, x, name):
        """A leaky ReLU."""
        return layers.LeakyReLU(0.2, dtype=self.policy, name=name)(x)

    def double(self, x, name):
        """Twice the side by repetition: transposed convolutions leave a pattern (Odena et al. 2016)."""
        return layers.UpSampling2D(2, dtype=self.policy, name=f"{name}_up")(x)


class SpectralConv2D(layers.Conv2D):
    """A convolution whose kernel is divided by its largest singular value (Miyato et al. 2018).

    One step of power iteration per training batch. Keras's own `SpectralNormalization` overwrites the kernel while it
    is called, which the JAX backend does not keep; here only the direction is remembered, as a variable that is not
    trained.
    """

    def build(self, input_shape):
        """Make the kernel, and the direction in which it is largest."""
        super().build(input_shape)
        initial = keras.initializers.RandomNormal(seed=0)
        self.direction = self.add_weight(
            (1, self.filters), initial, trainable=False, name="direction", dtype="float32", autocast=False
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

    # Keras's convolutions write and read kernel and bias alone.
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


def build_critic(
    channels: int, recipe: GenerativeRecipe, patches: bool, precision: str = "float32", seed: int | None = None
) -> keras.Model:
    """Build a critic: 4x4 convolutions with stride 2 and spectral norm, leaky ReLUs, one number or a map of them.

    It judges (n, size, size, channels): float32, higher for what looks real. With `patches` it judges overlapping
    patches (Isola et al. 2017) rather than the whole.
    """
    blocks = Blocks(precision, seed, keras.initializers.GlorotUniform)
    pictures = x = keras.Input((recipe.size, recipe.size, channels), name="pictures")
    for level, width in enumerate(recipe.critic_widths, start=1):
        x = blocks.conv_relu(x, width, 4, f"critic_{level}", 2, SpectralConv2D)
    if patches:
        x = blocks.conv(x, 1, 3, "judgements", kind=SpectralConv2D, dtype="float32")
    else:
        x = Spread(dtype=blocks.policy, name="critic_spread")(x)
        x = blocks.conv_relu(x, recipe.critic_widths[-1], 3, "critic_last", kind=SpectralConv2D)
        x = layers.Flatten(dtype=blocks.policy, name="critic_flat")(x)
        x = blocks.dense(x, 1, "judgement", "float32")
    return keras.Model(pictures, x, name="critic")


def adversarial_terms(critic: keras.Model, real: Tensor, made: Tensor, weight: float, training: bool) -> list[Tensor]:
    """Loss of the critic, and weighted loss of what made the pictures: each one number per sample."""
    judged, unmasked = critic(real, training=training), critic(ops.stop_gradient(made), training=training)
    # Once more with the critic's weights as constants: gradients reach the pictures alone.
    weights = [ops.stop_gradient(variable.value) for variable in critic.trainable_variables]
    others = [variable.value for variable in critic.non_trainable_variables]
    believed, _ = critic.stateless_call(weights, others, made, training=False)
    return [hinge_critic(judged, unmasked), weight * hinge_generator(believed)]


def hinge_critic(real: Tensor, generated: Tensor) -> Tensor:
    """Hinge loss of a critic (Lim and Ye 2017), one number per sample."""
    return _per_sample(ops.relu(1 - real)) + _per_sample(ops.relu(1 + generated))


def hinge_generator(generated: Tensor) -> Tensor:
    """What the generator is trained towards: a high judgement; one number per sample."""
    return -_per_sample(generated)


def _per_sample(values):
    return ops.mean(ops.reshape(values, (ops.shape(values)[0], -1)), -1)


def draw_codes(mean: Tensor, log_variance: Tensor, noise: keras.random.SeedGenerator) -> tuple[Tensor, Tensor]:
    """Codes drawn from N(mean, variance), and the `kl_divergence` of that."""
    # Bounded, so that a bad start cannot overflow.
    log_variance = ops.clip(log_variance, -10.0, 10.0)
    codes = mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=noise)
    return codes, kl_divergence(mean, log_variance)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """From N(mean, variance) to N(0, 1), summed over the last axis, in nats (Kingma and Welling 2014, appendix B)."""
    return 0.5 * ops.sum(ops.exp(log_variance) + ops.square(mean) - 1 - log_variance, -1)


class GenerativeModel(keras.Model):
    """A network that gives its own weighted losses, (n, terms), of what it is fitted to; `terms` has their names."""

    critic: keras.Model | None = None
    terms: tuple[str, ...] = ()

    def build(self, input_shape=None):
        """Nothing to make: the parts are built when they are made."""
        self.built = True

    def add_critic(self, channels: int, precision: str, seed: int | None) -> None:
        """Add a critic of patches where the recipe has one."""
        if self.recipe.critic_widths:
            self.critic = build_critic(channels, self.recipe, True, precision, seed)
            self.terms += CRITIC_TERMS

    def losses_with_critic(self, terms: list[Tensor], real: Tensor, made: Tensor, training: bool) -> Tensor:
        """All losses: those given, and those of the critic, where there is one, on pictures in 0-1."""
        if self.critic is not None:
            weight = self.recipe.adversarial
            terms = [*terms, *adversarial_terms(self.critic, real * 2 - 1, made * 2 - 1, weight, training)]
        return ops.stack(terms, -1)
