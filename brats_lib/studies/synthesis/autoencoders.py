"""Two autoencoders: of labelled slices, whose codes a GAN learns, and of slices where the labels say (a VAE)."""

import keras
from keras import layers, ops

from brats_lib.labels import LABELS
from brats_lib.recipes import GenerativeRecipe
from brats_lib.studies.synthesis import parts


class Autoencoder(parts.GenerativeModel):
    """An autoencoder of labelled slices: a map of codes, one for each block of pixels, and perhaps a critic of patches.

    The first stage of Rombach et al. 2022: what a slice looks like from near is learnt here, so that another network
    need only learn which codes go together.

    The `encoder` makes of labelled slices (n, size, size, channels + classes) means and logarithms of variances of
    their codes (n, side, side, 2 * latent), where side is ``size // 2 ** (len(widths) - 1)``. The `decoder` makes of
    codes (n, side, side, latent) slices in 0-1: intensities, then class probabilities.
    """

    terms = ("reconstruction_loss", "kl_loss")

    def __init__(self, recipe: GenerativeRecipe, precision: str = "float32", seed: int | None = None):
        super().__init__(name="autoencoder")
        self.recipe, self.channels = recipe, len(recipe.targets)
        seeds, both = parts.part_seeds(seed, 3), self.channels + len(LABELS)
        self.encoder = _build_code_encoder(recipe, both, parts.Blocks(precision, seeds[0]))
        self.decoder = _build_code_decoder(recipe, self.channels, parts.Blocks(precision, seeds[1]))
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


def _build_code_encoder(recipe, channels, blocks):
    """A 4x4 convolution with stride 2 for each level but the last, which keeps its size."""
    pictures = x = keras.Input((recipe.size, recipe.size, channels), name="pictures")
    for level, width in enumerate(recipe.widths[-2::-1], start=1):
        x = blocks.conv_relu(x, width, 4, f"encoder_{level}", 2)
    x = blocks.conv_relu(x, recipe.widths[0], 3, "encoder_last")
    initial = blocks.initial(keras.initializers.GlorotNormal)
    x = blocks.conv(x, 2 * recipe.latent, 1, "posterior", dtype="float32", kernel_initializer=initial)
    return keras.Model(pictures, x, name="code_encoder")


def _build_code_decoder(recipe, channels, blocks):
    """A 3x3 convolution at each level, the side doubled between them."""
    side = recipe.size // 2 ** (len(recipe.widths) - 1)
    codes = x = keras.Input((side, side, recipe.latent), name="codes")
    for level, width in enumerate(recipe.widths, start=1):
        if level > 1:
            x = blocks.double(x, f"decoder_{level}")
        x = blocks.conv_relu(x, width, 3, f"decoder_{level}")
    initial = blocks.initial(keras.initializers.GlorotNormal)
    x = blocks.conv(x, channels + len(LABELS), 3, "last_conv", kernel_initializer=initial)
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


class VAE(parts.GenerativeModel):
    """A variational autoencoder of slices (Kingma and Welling 2014), which may be given the labels.

    The `encoder` makes of pictures (n, size, size, channels), with labels channels + classes, mean and logarithm of the
    variance (n, 2, latent), and the `decoder` of latent vectors (n, latent), with labels (n, size, size, classes)
    beside them, pictures in 0-1.
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
