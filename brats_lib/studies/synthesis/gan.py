"""A generative adversarial network of codes: hinge loss, spectral norm, averaged weights."""

import keras
from keras import layers, ops

from brats_lib.recipes import GenerativeRecipe
from brats_lib.studies.synthesis import parts


class GAN(parts.GenerativeModel):
    """Generator and critic as one network to be fitted to codes of an `autoencoders.Autoencoder`.

    The `generator` makes codes (n, size, size, codes) of latent vectors (n, latent), standard normal.
    """

    terms = parts.CRITIC_TERMS

    def __init__(self, recipe: GenerativeRecipe, precision: str = "float32", seed: int | None = None):
        super().__init__(name="gan")
        self.recipe, seeds = recipe, parts.part_seeds(seed, 2)
        self.generator = _build_generator(recipe, parts.Blocks(precision, seeds[0], keras.initializers.GlorotNormal))
        self.critic = parts.build_critic(recipe.codes, recipe, False, precision, seeds[1])
        self.noise = keras.random.SeedGenerator(seed)

    def call(self, real, training=None):
        """Losses of real codes (n, size, size, codes)."""
        latent = keras.random.normal((ops.shape(real)[0], self.recipe.latent), seed=self.noise)
        made = self.generator(latent, training=training)
        return ops.stack(parts.adversarial_terms(self.critic, real, made, self.recipe.adversarial, training), -1)


def _build_generator(recipe, blocks):
    """A dense layer makes the coarsest map; each level below doubles it and convolves it twice.

    The features are normalised in groups of channels, and the latent vector sets their scale and shift, so that it has
    a say in more than the coarsest map.
    """
    policy, first = blocks.policy, recipe.widths[0]
    coarsest = recipe.size // 2 ** (len(recipe.widths) - 1)

    def modulate(x, width, name):
        x = layers.GroupNormalization(8, center=False, scale=False, dtype=policy, name=f"{name}_norm")(x)
        scale = blocks.dense(style, width, f"{name}_scale", bias="ones")
        shift = blocks.dense(style, width, f"{name}_shift")
        scale, shift = (layers.Reshape((1, 1, width), dtype=policy)(each) for each in (scale, shift))
        x = layers.Add(dtype=policy)([layers.Multiply(dtype=policy)([x, scale]), shift])
        return blocks.relu(x, f"{name}_relu")

    vector = style = keras.Input((recipe.latent,), name="latent")
    for number in (1, 2):
        style = blocks.relu(blocks.dense(style, recipe.latent, f"style_{number}"), f"style_{number}_relu")
    x = blocks.dense(vector, coarsest**2 * first, "coarse")
    x = layers.Reshape((coarsest, coarsest, first), dtype=policy, name="level_1")(x)
    x = modulate(x, first, "level_1")
    for level, width in enumerate(recipe.widths[1:], start=2):
        x = blocks.double(x, f"level_{level}")
        for name in (f"level_{level}_1", f"level_{level}_2"):
            x = modulate(blocks.conv(x, width, 3, f"{name}_conv"), width, name)
    return keras.Model(vector, blocks.conv(x, recipe.codes, 3, "codes", dtype="float32"), name="code_generator")


def join(generator: keras.Model, decoder: keras.Model) -> keras.Model:
    """Generator of codes and the decoder of the autoencoder whose codes it has learnt, as one network.

    From latent vectors (n, latent) to (n, size, size, channels + classes) in 0-1. It shares the weights of both, the
    generator's first.
    """
    vector = keras.Input(generator.input_shape[1:], name="latent")
    return keras.Model(vector, decoder(generator(vector)), name="generator")
