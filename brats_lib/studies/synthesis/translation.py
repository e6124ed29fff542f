"""From picture to picture: a U-Net, with a critic of patches where the recipe wants one (Isola et al. 2017)."""

import keras
from keras import layers, ops

from brats_lib.recipes import GenerativeRecipe
from brats_lib.studies.synthesis.parts import (
    Blocks,
    GenerativeModel,
    adversarial_terms,
    centre,
    part_seeds,
    picture_critic,
)

__all__ = ["Translation"]


class Translation(GenerativeModel):
    """Translator and, where the recipe has one, a critic as one network to be fitted.

    Attributes
    ----------
    translator : keras.Model
        Sources (n, h, w, channels) to targets (n, h, w, channels), both sides multiples of
        ``2 ** (len(widths) - 1)``. Not bounded; pictures are 0-1.
    critic : keras.Model or None
    """

    def __init__(self, recipe: GenerativeRecipe, precision: str = "float32", seed: int | None = None):
        super().__init__(name="translation")
        self.recipe, self.channels, seeds = recipe, len(recipe.sources), part_seeds(seed, 2)
        self.translator = _build_translator(recipe, Blocks(precision, seeds[0]))
        self.critic, terms = picture_critic(self.channels + len(recipe.targets), recipe, precision, seeds[1])
        self.terms = ("reconstruction_loss", *terms)

    def call(self, batch, training=None):
        """Losses of sources and targets (n, h, w, sources + targets)."""
        recipe, source, target = self.recipe, batch[..., : self.channels], batch[..., self.channels :]
        made = self.translator(source, training=training)
        terms = [recipe.reconstruction * ops.mean(ops.abs(made - target), (1, 2, 3))]
        if self.critic is not None:
            shown = ops.concatenate([source, made], -1)
            terms += adversarial_terms(self.critic, centre(batch), centre(shown), recipe.adversarial, training)
        return ops.stack(terms, -1)


def _build_translator(recipe, blocks):
    """A U-Net without normalisation, which would lose how bright a picture is.

    Two 3x3 convolutions at each level, down by a stride of 2, up by a 2x2 transposed convolution joined with the skip
    connection. A residual one adds its result to its source; it starts as the identity.
    """
    source = x = keras.Input((None, None, len(recipe.sources)), name="source")
    skips = []
    for level, width in enumerate(recipe.widths, start=1):
        x = blocks.conv_relu(x, width, 3, f"encoder_{level}_1", 1 if level == 1 else 2)
        x = blocks.conv_relu(x, width, 3, f"encoder_{level}_2")
        skips.append(x)
    for level in range(len(recipe.widths) - 1, 0, -1):
        width, name = recipe.widths[level - 1], f"decoder_{level}"
        x = blocks.conv(x, width, 2, f"{name}_up", 2, layers.Conv2DTranspose)
        x = layers.Concatenate(dtype=blocks.policy, name=f"{name}_skip")([x, skips[level - 1]])
        x = blocks.conv_relu(x, width, 3, name)
    initial = keras.initializers.Zeros() if recipe.residual else None
    x = blocks.conv(x, len(recipe.targets), 3, "found", dtype="float32", initial=initial)
    if recipe.residual:
        x = layers.Add(dtype="float32", name="target")([x, source])
    return keras.Model(source, x, name="translator")
