"""A generative adversarial network of labelled slices: hinge loss, spectral norm, averaged weights."""

import keras
from keras import layers, ops

from brats_lib.models.adversarial import build_critic, centre, hinge_critic, hinge_generator, judge_frozen, slope
from brats_lib.models.unet import layer_seeds
from brats_lib.models.vae import build_encoder, kl_divergence, posterior

__all__ = ["GAN", "build_generator"]

GROUPS = 8
# Up to so many pixels a side features are normalised and styled; beyond, that would be most of the work.
_STYLED = 32


def build_generator(latent, channels, classes, widths, size, precision="float32", seed=None):
    """Build a generator of pictures with their labels.

    A dense layer makes the coarsest picture; each 4x4 transposed convolution doubles it. Up to 32 pixels a side the
    features are then normalised in groups, and the latent vector sets their scale and shift, so that it has a say in
    more than the coarsest picture.

    Parameters
    ----------
    latent : int
        Length of the latent vector.
    channels : int
        Modalities.
    classes : int
        Classes of the mask.
    widths : sequence of int
        Filters from the coarsest level to the finest, each a multiple of 8.
    size : int
        Side of the pictures in pixels: a multiple of ``2 ** len(widths)``.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of all layers but the last.
    seed : int, optional
        Seed of the initial weights.

    Returns
    -------
    keras.Model
        Latent vectors (n, latent), standard normal, to (n, size, size, channels + classes) float32 in 0-1:
        intensities, then class probabilities.
    """
    seeds, policy = layer_seeds(seed), keras.DTypePolicy(precision)
    coarsest = size // 2 ** len(widths)

    def initial():
        return keras.initializers.GlorotNormal(seed=next(seeds))

    def modulate(x, style, width, name):
        x = layers.GroupNormalization(GROUPS, center=False, scale=False, dtype=policy, name=f"{name}_norm")(x)
        scale = layers.Dense(width, kernel_initializer=initial(), dtype=policy, name=f"{name}_scale")(style)
        shift = layers.Dense(width, kernel_initializer=initial(), dtype=policy, name=f"{name}_shift")(style)
        scale, shift = (layers.Reshape((1, 1, width), dtype=policy)(each) for each in (scale, shift))
        x = layers.Add(dtype=policy)([x, layers.Multiply(dtype=policy)([x, scale]), shift])
        return slope(policy, f"{name}_relu")(x)

    vector = keras.Input((latent,), name="latent")
    style = slope(policy, "style_relu")(
        layers.Dense(latent, kernel_initializer=initial(), dtype=policy, name="style")(vector)
    )
    x = layers.Dense(coarsest**2 * widths[0], kernel_initializer=initial(), dtype=policy, name="coarse")(vector)
    x = layers.Reshape((coarsest, coarsest, widths[0]), dtype=policy, name="level_1")(x)
    x = modulate(x, style, widths[0], "level_1")
    for level, width in enumerate(widths[1:], start=2):
        x = layers.Conv2DTranspose(
            width, 4, strides=2, padding="same", kernel_initializer=initial(), dtype=policy, name=f"level_{level}_up"
        )(x)  # fmt: skip
        styled = coarsest * 2 ** (level - 1) <= _STYLED
        x = modulate(x, style, width, f"level_{level}") if styled else slope(policy, f"level_{level}_relu")(x)
    single = keras.DTypePolicy("float32")
    # No features at full resolution, which would be most of the work: the last doubling gives pictures and labels.
    x = layers.Conv2DTranspose(
        channels + classes, 4, strides=2, padding="same", kernel_initializer=initial(), dtype=policy, name="last_up"
    )(x)  # fmt: skip
    images = layers.Activation("sigmoid", dtype=single, name="images")(x[..., :channels])
    labels = layers.Activation("softmax", dtype=single, name="labels")(x[..., channels:])
    both = layers.Concatenate(dtype=single, name="labelled")([images, labels])
    return keras.Model(vector, both, name="generator")


class GAN(keras.Model):
    """Generator, critic and, where the recipe weighs reconstruction, an encoder as one network to be fitted.

    What the generator makes of latent vectors out of nothing has to convince the critic. What it makes of the latent
    vector that the encoder finds for a real slice has to be that slice (Larsen et al. 2016): so no kind of slice is
    forgotten, and a brain is found long before the critic could have taught it.

    Parameters
    ----------
    recipe : GenerativeRecipe
        Targets, latent vector, size, widths and weights of the terms.
    classes : int
        Classes of the labels.
    precision, seed
        As in `build_generator`.

    Attributes
    ----------
    generator, critic : keras.Model
    encoder : keras.Model or None
    terms : tuple of str
        What its outputs are: weighted losses.
    """

    def __init__(self, recipe, classes, precision="float32", seed=None):
        super().__init__(name="gan")
        self.recipe, self.channels = recipe, len(recipe.targets)
        seeds = [None] * 3 if seed is None else [3 * seed, 3 * seed + 1, 3 * seed + 2]
        self.generator = build_generator(
            recipe.latent, self.channels, classes, recipe.widths, recipe.size, precision, seeds[0]
        )  # fmt: skip
        channels = self.channels + classes
        self.critic = build_critic(channels, recipe.critic_widths, recipe.size, False, precision, seeds[1])
        self.encoder, self.terms = None, ("critic_loss", "generator_loss")
        if recipe.reconstruction:
            self.encoder = build_encoder(recipe, channels, precision, seeds[2])
            self.terms += ("reconstruction_loss", "kl_loss")
        self.noise = keras.random.SeedGenerator(seed)

    def build(self, input_shape=None):
        """Nothing to make: the parts are built when they are made."""
        self.built = True

    def call(self, real, training=None):
        """Losses (n, terms) of real pictures with labels (n, size, size, channels + classes)."""
        recipe, count = self.recipe, ops.shape(real)[0]
        latent = keras.random.normal((count, recipe.latent), seed=self.noise)
        if self.encoder is not None:
            mean, log_variance = posterior(self.encoder, real, training)
            noise = keras.random.normal(ops.shape(mean), seed=self.noise)
            # One call for both kinds of latent vectors takes less time than two.
            latent = ops.concatenate([latent, mean + ops.exp(0.5 * log_variance) * noise], 0)
        made = self.generator(latent, training=training)
        generated = made[:count]
        judged = self.critic(centre(real), training=training)
        unmasked = self.critic(centre(ops.stop_gradient(generated)), training=training)
        believed = judge_frozen(self.critic, centre(generated))
        terms = [hinge_critic(judged, unmasked), recipe.adversarial * hinge_generator(believed)]
        if self.encoder is not None:
            again, channels = made[count:], self.channels
            error = ops.mean(ops.abs(again[..., :channels] - real[..., :channels]), (1, 2, 3))
            # Not the absolute error: of what is rare, such as a tumour, its median says that there is none.
            surprise = -ops.sum(real[..., channels:] * ops.log(ops.clip(again[..., channels:], 1e-6, 1.0)), -1)
            terms.append(recipe.reconstruction * (error + ops.mean(surprise, (1, 2))))
            terms.append(recipe.kl * kl_divergence(mean, log_variance))
        return ops.stack(terms, -1)
