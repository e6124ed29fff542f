"""A variational autoencoder of slices (Kingma and Welling 2014), which may be given the labels."""

import keras
from keras import layers, ops

from brats_lib.labels import LABELS
from brats_lib.recipes import GenerativeRecipe
from brats_lib.studies.synthesis import parts

__all__ = ["VAE"]


class VAE(parts.GenerativeModel):
    """Encoder, decoder and perhaps a critic as one network to be fitted.

    Attributes
    ----------
    encoder : keras.Model
        Pictures (n, size, size, channels), with labels channels + classes, to mean and logarithm of the variance
        (n, 2, latent).
    decoder : keras.Model
        Latent vectors (n, latent), with labels also (n, size, size, classes), to pictures in 0-1.
    """

    terms = ("reconstruction_loss", "kl_loss")

    def __init__(self, recipe: GenerativeRecipe, precision: str = "float32", seed: int | None = None):
        super().__init__(name="vae")
        self.recipe, self.channels = recipe, len(recipe.targets)
        classes, seeds = len(LABELS) if recipe.labelled else 0, parts.part_seeds(seed, 3)
        self.encoder = _build_encoder(recipe, self.channels + classes, parts.Blocks(precision, seeds[0]))
        self.decoder = _build_decoder(recipe, self.channels, classes, parts.Blocks(precision, seeds[1]))
        self.add_critic(self.channels + classes, precision, seeds[2])
        self.noise = keras.random.SeedGenerator(seed)

    def call(self, batch, training=None):
        """Losses of pictures with labels (n, size, size, channels + classes)."""
        recipe, pictures, labels = self.recipe, batch[..., : self.channels], batch[..., self.channels :]
        known = batch if recipe.labelled else pictures
        mean, log_variance = ops.unstack(self.encoder(known, training=training), 2, axis=1)
        latent, divergence = parts.draw_codes(mean, log_variance, self.noise)
        made = self.decoder([latent, labels] if recipe.labelled else latent, training=training)
        terms = [
            # The likelihood of Kingma and Welling 2014, appendix C.1. An absolute error is content with black pictures:
            # most pixels are background, and a sigmoid that is sure of it passes no gradient on.
            recipe.reconstruction * ops.mean(ops.binary_crossentropy(pictures, made), (1, 2, 3)),
            recipe.kl * divergence,
        ]
        shown = ops.concatenate([made, labels], -1) if recipe.labelled else made
        return self.losses_with_critic(terms, known, shown, training)


def _build_encoder(recipe, channels, blocks):
    """4x4 convolutions with stride 2 down to the decoder's coarsest picture."""
    pictures = x = keras.Input((recipe.size, recipe.size, channels), name="pictures")
    for level, width in enumerate(reversed(recipe.widths), start=1):
        x = blocks.conv_relu(x, width, 4, f"encoder_{level}", 2)
    x = layers.Flatten(dtype=blocks.policy, name="flat")(x)
    initial = blocks.initial(keras.initializers.GlorotNormal)
    x = blocks.dense(x, 2 * recipe.latent, "posterior", "float32", initial)
    x = layers.Reshape((2, recipe.latent), dtype="float32", name="mean_and_log_variance")(x)
    return keras.Model(pictures, x, name="encoder")


def _build_decoder(recipe, channels, classes, blocks):
    """At each level the side is doubled, then a 3x3 convolution, beside the labels, shrunk to its size."""
    policy, coarsest = blocks.policy, recipe.size // 2 ** len(recipe.widths)
    latent = keras.Input((recipe.latent,), name="latent")
    labels = keras.Input((recipe.size, recipe.size, classes), name="labels") if classes else None

    def add_labels(x, name):
        if labels is None:
            return x
        shrunk = layers.AveragePooling2D(recipe.size // x.shape[1], dtype=policy, name=f"{name}_labels")(labels)
        return layers.Concatenate(dtype=policy, name=f"{name}_with_labels")([x, shrunk])

    x = blocks.dense(latent, coarsest**2 * recipe.widths[0], "coarse")
    x = blocks.relu(layers.Reshape((coarsest, coarsest, recipe.widths[0]), dtype=policy)(x), "decoder_1_relu")
    for level, width in enumerate(recipe.widths[1:], start=2):
        name = f"decoder_{level}"
        x = blocks.conv_relu(blocks.double(add_labels(x, name), name), width, 3, name)
    x = blocks.conv(blocks.double(add_labels(x, "last"), "last"), channels, 3, "last")
    x = layers.Activation("sigmoid", dtype="float32", name="images")(x)
    return keras.Model([latent, labels] if classes else latent, x, name="decoder")
