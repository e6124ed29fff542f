"""An autoencoder of labelled slices: a map of a few numbers for each block of pixels, and a critic of patches."""

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
from brats_lib.studies.synthesis.vae import kl_divergence

__all__ = ["Autoencoder", "build_code_decoder", "build_code_encoder", "labelled_error"]


def build_code_encoder(recipe, channels, precision="float32", seed=None):
    """Build the encoder: a 4x4 convolution with stride 2 for each level but the last, which keeps its size.

    Parameters
    ----------
    recipe : GenerativeRecipe
        Size, widths and the length of a code.
    channels : int
        Modalities and classes.
    precision, seed
        As in `models.build`.

    Returns
    -------
    keras.Model
        (n, size, size, channels) to mean and logarithm of the variance of the codes (n, side, side, 2 * latent),
        float32, where side is ``size // 2 ** (len(widths) - 1)``.
    """
    seeds, policy = layer_seeds(seed), keras.DTypePolicy(precision)

    def convolve(x, width, kernel, strides, name):
        initial = keras.initializers.HeNormal(seed=next(seeds))
        x = layers.Conv2D(
            width, kernel, strides, padding="same", kernel_initializer=initial, dtype=policy, name=f"{name}_conv"
        )(x)  # fmt: skip
        return slope(policy, f"{name}_relu")(x)

    pictures = x = keras.Input((recipe.size, recipe.size, channels), name="pictures")
    for level, width in enumerate(recipe.widths[-2::-1], start=1):
        x = convolve(x, width, 4, 2, f"encoder_{level}")
    x = convolve(x, recipe.widths[0], 3, 1, "encoder_last")
    initial = keras.initializers.GlorotNormal(seed=next(seeds))
    x = layers.Conv2D(2 * recipe.latent, 1, kernel_initializer=initial, dtype="float32", name="posterior")(x)
    return keras.Model(pictures, x, name="code_encoder")


def build_code_decoder(recipe, channels, classes, precision="float32", seed=None):
    """Build the decoder: at each level the picture is doubled by repetition, then a 3x3 convolution.

    Transposed convolutions reach some pixels more often than others and leave a pattern of them (Odena et al. 2016).

    Parameters
    ----------
    recipe : GenerativeRecipe
        Size, widths and the length of a code.
    channels, classes : int
        Modalities, and classes of the mask.
    precision, seed
        As in `models.build`.

    Returns
    -------
    keras.Model
        Codes (n, side, side, latent) to (n, size, size, channels + classes) float32 in 0-1: intensities, then class
        probabilities.
    """
    seeds, policy = layer_seeds(seed), keras.DTypePolicy(precision)
    side = recipe.size // 2 ** (len(recipe.widths) - 1)
    codes = x = keras.Input((side, side, recipe.latent), name="codes")
    for level, width in enumerate(recipe.widths, start=1):
        if level > 1:
            x = layers.UpSampling2D(2, dtype=policy, name=f"decoder_{level}_up")(x)
        initial = keras.initializers.HeNormal(seed=next(seeds))
        x = layers.Conv2D(
            width, 3, padding="same", kernel_initializer=initial, dtype=policy, name=f"decoder_{level}_conv"
        )(x)  # fmt: skip
        x = slope(policy, f"decoder_{level}_relu")(x)
    single, initial = keras.DTypePolicy("float32"), keras.initializers.GlorotNormal(seed=next(seeds))
    x = layers.Conv2D(
        channels + classes, 3, padding="same", kernel_initializer=initial, dtype=policy, name="last_conv"
    )(x)  # fmt: skip
    images = layers.Activation("sigmoid", dtype=single, name="images")(x[..., :channels])
    labels = layers.Activation("softmax", dtype=single, name="labels")(x[..., channels:])
    both = layers.Concatenate(dtype=single, name="labelled")([images, labels])
    return keras.Model(codes, both, name="code_decoder")


def labelled_error(made, real, channels):
    """Mean absolute error of the intensities and cross-entropy of the labels, added up.

    Not the absolute error of the labels as well: of what is rare, such as a tumour, its median says that there is none.

    Parameters
    ----------
    made, real : tensors, shape (n, h, w, channels + classes)
        Intensities, then class probabilities and one-hot classes.
    channels : int
        Modalities.

    Returns
    -------
    tensor, shape (n,)
    """
    error = ops.mean(ops.abs(made[..., :channels] - real[..., :channels]), (1, 2, 3))
    surprise = -ops.sum(real[..., channels:] * ops.log(ops.clip(made[..., channels:], 1e-6, 1.0)), -1)
    return error + ops.mean(surprise, (1, 2))


class Autoencoder(keras.Model):
    """Encoder, decoder and, where the recipe has one, a critic of patches as one network to be fitted.

    The first stage of Rombach et al. 2022: what a slice looks like from near is learnt here, so that another network
    need only learn which codes go together.

    Parameters
    ----------
    recipe : GenerativeRecipe
        Targets, length of a code, size, widths and weights of the terms.
    classes : int
        Classes of the labels.
    precision, seed
        As in `models.build`.

    Attributes
    ----------
    encoder, decoder : keras.Model
    critic : keras.Model or None
    terms : tuple of str
        What its outputs are: weighted losses.
    """

    def __init__(self, recipe, classes, precision="float32", seed=None):
        super().__init__(name="autoencoder")
        self.recipe, self.channels = recipe, len(recipe.targets)
        seeds = [None] * 3 if seed is None else [3 * seed, 3 * seed + 1, 3 * seed + 2]
        channels = self.channels + classes
        self.encoder = build_code_encoder(recipe, channels, precision, seeds[0])
        self.decoder = build_code_decoder(recipe, self.channels, classes, precision, seeds[1])
        self.critic, self.terms = None, ("reconstruction_loss", "kl_loss")
        if recipe.critic_widths:
            self.critic = build_critic(channels, recipe.critic_widths, recipe.size, True, precision, seeds[2])
            self.terms += ("critic_loss", "generator_loss")
        self.noise = keras.random.SeedGenerator(seed)

    def build(self, input_shape=None):
        """Nothing to make: the parts are built when they are made."""
        self.built = True

    def call(self, real, training=None):
        """Losses (n, terms) of pictures with labels (n, size, size, channels + classes)."""
        recipe = self.recipe
        mean, log_variance = ops.split(self.encoder(real, training=training), 2, axis=-1)
        log_variance = ops.clip(log_variance, -10.0, 10.0)
        # Noise in the codes, so that those beside a real one can be drawn too.
        codes = mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.noise)
        made = self.decoder(codes, training=training)
        divergence = ops.sum(kl_divergence(mean, log_variance), (1, 2))
        terms = [recipe.reconstruction * labelled_error(made, real, self.channels), recipe.kl * divergence]
        if self.critic is not None:
            judged = self.critic(centre(real), training=training)
            unmasked = self.critic(centre(ops.stop_gradient(made)), training=training)
            terms.append(hinge_critic(judged, unmasked))
            terms.append(recipe.adversarial * hinge_generator(judge_frozen(self.critic, centre(made))))
        return ops.stack(terms, -1)
