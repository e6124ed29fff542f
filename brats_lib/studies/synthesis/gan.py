"""A generative adversarial network of codes: hinge loss, spectral norm, averaged weights."""

import keras
from keras import layers, ops

from brats_lib.models.unet import layer_seeds
from brats_lib.studies.synthesis.adversarial import build_critic, hinge_critic, hinge_generator, judge_frozen, slope

__all__ = ["GAN", "build_generator", "join"]

GROUPS = 8


def build_generator(latent, channels, widths, size, precision="float32", seed=None):
    """Build a generator of maps of codes.

    A dense layer makes the coarsest map; each level below doubles it by repetition and convolves it twice. The
    features are normalised in groups, and the latent vector sets their scale and shift, so that it has a say in more
    than the coarsest map.

    Parameters
    ----------
    latent : int
        Length of the latent vector.
    channels : int
        Length of a code.
    widths : sequence of int
        Filters from the coarsest level to the finest, each a multiple of 8.
    size : int
        Side of the maps: a multiple of ``2 ** (len(widths) - 1)``.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of all layers but the last.
    seed : int, optional
        Seed of the initial weights.

    Returns
    -------
    keras.Model
        Latent vectors (n, latent), standard normal, to codes (n, size, size, channels) float32.
    """
    seeds, policy = layer_seeds(seed), keras.DTypePolicy(precision)
    coarsest = size // 2 ** (len(widths) - 1)

    def dense(x, width, name, bias="zeros"):
        initial = keras.initializers.GlorotNormal(seed=next(seeds))
        return layers.Dense(width, kernel_initializer=initial, bias_initializer=bias, dtype=policy, name=name)(x)

    def modulate(x, style, width, name):
        x = layers.GroupNormalization(GROUPS, center=False, scale=False, dtype=policy, name=f"{name}_norm")(x)
        scale, shift = dense(style, width, f"{name}_scale", "ones"), dense(style, width, f"{name}_shift")
        scale, shift = (layers.Reshape((1, 1, width), dtype=policy)(each) for each in (scale, shift))
        x = layers.Add(dtype=policy)([layers.Multiply(dtype=policy)([x, scale]), shift])
        return slope(policy, f"{name}_relu")(x)

    def convolve(x, style, width, name):
        initial = keras.initializers.GlorotNormal(seed=next(seeds))
        x = layers.Conv2D(
            width, 3, padding="same", kernel_initializer=initial, dtype=policy, name=f"{name}_conv"
        )(x)  # fmt: skip
        return modulate(x, style, width, name)

    vector = style = keras.Input((latent,), name="latent")
    for number in (1, 2):
        style = slope(policy, f"style_{number}_relu")(dense(style, latent, f"style_{number}"))
    x = dense(vector, coarsest**2 * widths[0], "coarse")
    x = layers.Reshape((coarsest, coarsest, widths[0]), dtype=policy, name="level_1")(x)
    x = modulate(x, style, widths[0], "level_1")
    for level, width in enumerate(widths[1:], start=2):
        x = layers.UpSampling2D(2, dtype=policy, name=f"level_{level}_up")(x)
        x = convolve(x, style, width, f"level_{level}_1")
        x = convolve(x, style, width, f"level_{level}_2")
    initial = keras.initializers.GlorotNormal(seed=next(seeds))
    x = layers.Conv2D(channels, 3, padding="same", kernel_initializer=initial, dtype="float32", name="codes")(x)
    return keras.Model(vector, x, name="code_generator")


def join(generator, decoder):
    """Generator of codes and decoder as one network.

    Parameters
    ----------
    generator : keras.Model
        Of a `GAN`.
    decoder : keras.Model
        Of the `autoencoder.Autoencoder` whose codes the GAN has learnt.

    Returns
    -------
    keras.Model
        Latent vectors (n, latent) to (n, size, size, channels + classes) float32 in 0-1. It has the weights of both,
        the generator's first, and shares them.
    """
    vector = keras.Input(generator.input_shape[1:], name="latent")
    return keras.Model(vector, decoder(generator(vector)), name="generator")


class GAN(keras.Model):
    """Generator and critic as one network to be fitted to codes.

    Parameters
    ----------
    recipe : GenerativeRecipe
        Length of a code and of the latent vector, size, widths.
    classes : int
        Not used: a code knows the labels.
    precision, seed
        As in `models.build`.

    Attributes
    ----------
    generator, critic : keras.Model
    terms : tuple of str
        What its outputs are: weighted losses.
    """

    terms = ("critic_loss", "generator_loss")

    def __init__(self, recipe, classes=0, precision="float32", seed=None):
        super().__init__(name="gan")
        self.recipe = recipe
        seeds = [None] * 2 if seed is None else [2 * seed, 2 * seed + 1]
        self.generator = build_generator(
            recipe.latent, recipe.codes, recipe.widths, recipe.size, precision, seeds[0]
        )  # fmt: skip
        self.critic = build_critic(recipe.codes, recipe.critic_widths, recipe.size, False, precision, seeds[1])
        self.noise = keras.random.SeedGenerator(seed)

    def build(self, input_shape=None):
        """Nothing to make: the parts are built when they are made."""
        self.built = True

    def call(self, real, training=None):
        """Losses (n, terms) of real codes (n, size, size, codes)."""
        latent = keras.random.normal((ops.shape(real)[0], self.recipe.latent), seed=self.noise)
        made = self.generator(latent, training=training)
        judged = self.critic(real, training=training)
        unmasked = self.critic(ops.stop_gradient(made), training=training)
        believed = judge_frozen(self.critic, made)
        return ops.stack([hinge_critic(judged, unmasked), self.recipe.adversarial * hinge_generator(believed)], -1)
