"""From picture to picture: a U-Net, with a critic of patches where the recipe wants one (Isola et al. 2017)."""

import keras
from keras import layers, ops

from brats_lib.recipes import GenerativeRecipe
from brats_lib.studies.synthesis import parts


class Translation(parts.GenerativeModel):
    """Translator and perhaps a critic as one network to be fitted.

    The `translator` makes targets (n, h, w, channels), not bounded, of sources in 0-1, both sides multiples of
    ``2 ** (len(widths) - 1)``.
    """

    terms = ("reconstruction_loss",)

    def __init__(self, recipe: GenerativeRecipe, precision: str = "float32", seed: int | None = None):
        super().__init__(name="translation")
        self.recipe, self.channels, seeds = recipe, len(recipe.sources), parts.part_seeds(seed, 2)
        self.translator = _build_translator(recipe, parts.Blocks(precision, seeds[0]))
        self.add_critic(self.channels + len(recipe.targets), precision, seeds[1])

    def call(self, batch, training=None):
        """Losses of sources and targets (n, h, w, sources + targets)."""
        recipe, source, target = self.recipe, batch[..., : self.channels], batch[..., self.channels :]
        made = self.translator(source, training=training)
        terms = [recipe.reconstruction * ops.mean(ops.abs(made - target), (1, 2, 3))]
        return self.losses_with_critic(terms, batch, ops.concatenate([source, made], -1), training)


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
    x = blocks.conv(x, len(recipe.targets), 3, "found", dtype="float32", kernel_initializer=initial)
    if recipe.residual:
        x = layers.Add(dtype="float32", name="target")([x, source])
    return keras.Model(source, x, name="translator")
