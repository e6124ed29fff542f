"""An autoencoder of labelled slices: a map of a few numbers for each block of pixels, and a critic of patches."""

import keras
from keras import layers, ops

from brats_lib.labels import LABELS
from brats_lib.recipes import GenerativeRecipe
from brats_lib.studies.synthesis import parts

__all__ = ["Autoencoder", "labelled_error"]


class Autoencoder(parts.GenerativeModel):
    """Encoder, decoder and perhaps a critic as one network to be fitted.

    The first stage of Rombach et al. 2022: what a slice looks like from near is learnt here, so that another network
    need only learn which codes go together.

    Attributes
    ----------
    encoder : keras.Model
        Labelled slices (n, size, size, channels + classes) to means and logarithms of variances of their codes
        (n, side, side, 2 * latent), where side is ``size // 2 ** (len(widths) - 1)``.
    decoder : keras.Model
        Codes (n, side, side, latent) to slices in 0-1: intensities, then class probabilities.
    """

    terms = ("reconstruction_loss", "kl_loss")

    def __init__(self, recipe: GenerativeRecipe, precision: str = "float32", seed: int | None = None):
        super().__init__(name="autoencoder")
        self.recipe, self.channels = recipe, len(recipe.targets)
        seeds, both = parts.part_seeds(seed, 3), self.channels + len(LABELS)
        self.encoder = _build_encoder(recipe, both, parts.Blocks(precision, seeds[0]))
        self.decoder = _build_decoder(recipe, self.channels, parts.Blocks(precision, seeds[1]))
        self.add_critic(both, precision, seeds[2])
        self.noise = keras.random.SeedGenerator(seed)

    def call(self, real, training=None):
        """Losses of labelled slices."""
        recipe = self.recipe
        mean, log_variance = ops.split(self.encoder(real, training=training), 2, axis=-1)
        # Drawn, so that codes beside a real one can be decoded too.
        codes, divergence = parts.draw_codes(mean, log_variance, self.noise)
        made = self.decoder(codes, training=training)
        terms = [
            recipe.reconstruction * labelled_error(made, real, self.channels),
            recipe.kl * ops.sum(divergence, (1, 2)),
        ]
        return self.losses_with_critic(terms, real, made, training)


def _build_encoder(recipe, channels, blocks):
    """A 4x4 convolution with stride 2 for each level but the last, which keeps its size."""
    pictures = x = keras.Input((recipe.size, recipe.size, channels), name="pictures")
    for level, width in enumerate(recipe.widths[-2::-1], start=1):
        x = blocks.conv_relu(x, width, 4, f"encoder_{level}", 2)
    x = blocks.conv_relu(x, recipe.widths[0], 3, "encoder_last")
    initial = blocks.initial(keras.initializers.GlorotNormal)
    x = blocks.conv(x, 2 * recipe.latent, 1, "posterior", dtype="float32", initial=initial)
    return keras.Model(pictures, x, name="code_encoder")


def _build_decoder(recipe, channels, blocks):
    """A 3x3 convolution at each level, the side doubled between them."""
    side = recipe.size // 2 ** (len(recipe.widths) - 1)
    codes = x = keras.Input((side, side, recipe.latent), name="codes")
    for level, width in enumerate(recipe.widths, start=1):
        if level > 1:
            x = blocks.double(x, f"decoder_{level}")
        x = blocks.conv_relu(x, width, 3, f"decoder_{level}")
    x = blocks.conv(x, channels + len(LABELS), 3, "last_conv", initial=blocks.initial(keras.initializers.GlorotNormal))
    images = layers.Activation("sigmoid", dtype="float32", name="images")(x[..., :channels])
    labels = layers.Activation("softmax", dtype="float32", name="labels")(x[..., channels:])
    both = layers.Concatenate(dtype="float32", name="labelled")([images, labels])
    return keras.Model(codes, both, name="code_decoder")


def labelled_error(made: parts.Tensor, real: parts.Tensor, channels: int) -> parts.Tensor:
    """Mean absolute error of the intensities and cross-entropy of the labels, added up: one number per sample.

    Both slices have `channels` intensities, then class probabilities. Not the absolute error of the labels as well: of
    what is rare, such as a tumour, its median says that there is none.
    """
    error = ops.mean(ops.abs(made[..., :channels] - real[..., :channels]), (1, 2, 3))
    surprise = -ops.sum(real[..., channels:] * ops.log(ops.clip(made[..., channels:], 1e-6, 1.0)), -1)
    return error + ops.mean(surprise, (1, 2))
