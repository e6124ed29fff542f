"""From picture to picture: a U-Net, with a critic of patches where the recipe wants one (Isola et al. 2017)."""

import keras
from keras import layers, ops

from brats_lib.models.unet import layer_seeds
from brats_lib.studies.synthesis.adversarial import (
    build_critic,
    centre,
    hinge_critic,
    hinge_generator,
    judge_frozen,
    slope,
)

__all__ = ["Translation", "build_translator"]


def build_translator(channels, outputs, widths, residual=False, precision="float32", seed=None):
    """Build a U-Net without normalisation, which would lose how bright a picture is.

    Two 3x3 convolutions at each level, down by a convolution with stride 2, up by a 2x2 transposed convolution joined
    with the skip connection.

    Parameters
    ----------
    channels, outputs : int
        Channels in and out.
    widths : sequence of int
        Filters of each level, the finest first.
    residual : bool
        Add what is found to the input, which has as many channels. Such a network starts as the identity.
    precision, seed
        As in `models.build`.

    Returns
    -------
    keras.Model
        (n, h, w, channels) to (n, h, w, outputs) float32; both sides multiples of ``2 ** (len(widths) - 1)``. Not
        bounded; pictures are 0-1.
    """
    seeds, policy = layer_seeds(seed), keras.DTypePolicy(precision)

    def initial():
        return keras.initializers.HeNormal(seed=next(seeds))

    def convolve(x, width, name, strides=1):
        x = layers.Conv2D(
            width, 3, strides, padding="same", kernel_initializer=initial(), dtype=policy, name=f"{name}_conv"
        )(x)  # fmt: skip
        return slope(policy, f"{name}_relu")(x)

    source = x = keras.Input((None, None, channels), name="source")
    skips = []
    for level, width in enumerate(widths, start=1):
        x = convolve(x, width, f"encoder_{level}_1", 1 if level == 1 else 2)
        x = convolve(x, width, f"encoder_{level}_2")
        skips.append(x)
    for level in range(len(widths) - 1, 0, -1):
        x = layers.Conv2DTranspose(
            widths[level - 1], 2, strides=2, kernel_initializer=initial(), dtype=policy, name=f"decoder_{level}_up"
        )(x)  # fmt: skip
        x = layers.Concatenate(dtype=policy, name=f"decoder_{level}_skip")([x, skips[level - 1]])
        x = convolve(x, widths[level - 1], f"decoder_{level}")
    single = keras.DTypePolicy("float32")
    last = keras.initializers.Zeros() if residual else initial()
    x = layers.Conv2D(outputs, 3, padding="same", kernel_initializer=last, dtype=single, name="found")(x)
    if residual:
        x = layers.Add(dtype=single, name="target")([x, source])
    return keras.Model(source, x, name="translator")


class Translation(keras.Model):
    """Translator and, where the recipe has one, a critic as one network to be fitted.

    Parameters
    ----------
    recipe : GenerativeRecipe
        Sources, targets, widths, weights of the terms.
    classes : int
        Not used: a translator knows no labels.
    precision, seed
        As in `models.build`.

    Attributes
    ----------
    translator : keras.Model
    critic : keras.Model or None
    terms : tuple of str
        What its outputs are: weighted losses.
    """

    def __init__(self, recipe, classes=0, precision="float32", seed=None):
        super().__init__(name="translation")
        self.recipe, self.channels, outputs = recipe, len(recipe.sources), len(recipe.targets)
        seeds = (None, None) if seed is None else (2 * seed, 2 * seed + 1)
        self.translator = build_translator(
            self.channels, outputs, recipe.widths, recipe.residual, precision, seeds[0]
        )  # fmt: skip
        self.critic, self.terms = None, ("reconstruction_loss",)
        if recipe.critic_widths:
            channels = self.channels + outputs
            self.critic = build_critic(channels, recipe.critic_widths, recipe.size, True, precision, seeds[1])
            self.terms += ("critic_loss", "generator_loss")

    def build(self, input_shape=None):
        """Nothing to make: the parts are built when they are made."""
        self.built = True

    def call(self, batch, training=None):
        """Losses (n, terms) of sources and targets (n, h, w, sources + targets)."""
        recipe, source, target = self.recipe, batch[..., : self.channels], batch[..., self.channels :]
        found = self.translator(source, training=training)
        terms = [recipe.reconstruction * ops.mean(ops.abs(found - target), (1, 2, 3))]
        if self.critic is not None:
            shown = centre(ops.concatenate([source, found], -1))
            judged = self.critic(centre(batch), training=training)
            unmasked = self.critic(ops.stop_gradient(shown), training=training)
            terms.append(hinge_critic(judged, unmasked))
            terms.append(recipe.adversarial * hinge_generator(judge_frozen(self.critic, shown)))
        return ops.stack(terms, -1)
