"""A variational autoencoder of slices (Kingma and Welling 2014), which may be told the labels."""

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

__all__ = ["VAE", "build_decoder", "build_encoder", "kl_divergence", "posterior"]


def build_encoder(recipe, channels, precision="float32", seed=None):
    """Build the encoder: 4x4 convolutions with stride 2 down to the decoder's coarsest picture.

    Parameters
    ----------
    recipe : GenerativeRecipe
        Size, widths and latent vector.
    channels : int
        Modalities, and classes where labels are given.
    precision, seed
        As in `models.build`.

    Returns
    -------
    keras.Model
        (n, size, size, channels) to mean and logarithm of the variance (n, 2, latent), float32.
    """
    seeds, policy = layer_seeds(seed), keras.DTypePolicy(precision)
    pictures = x = keras.Input((recipe.size, recipe.size, channels), name="pictures")
    for level, width in enumerate(reversed(recipe.widths), start=1):
        initial = keras.initializers.HeNormal(seed=next(seeds))
        x = layers.Conv2D(
            width, 4, strides=2, padding="same", kernel_initializer=initial, dtype=policy, name=f"encoder_{level}"
        )(x)  # fmt: skip
        x = slope(policy, f"encoder_{level}_relu")(x)
    x = layers.Flatten(dtype=policy, name="flat")(x)
    initial = keras.initializers.GlorotNormal(seed=next(seeds))
    x = layers.Dense(2 * recipe.latent, kernel_initializer=initial, dtype="float32", name="posterior")(x)
    x = layers.Reshape((2, recipe.latent), dtype="float32", name="mean_and_log_variance")(x)
    return keras.Model(pictures, x, name="encoder")


def build_decoder(recipe, channels, classes, precision="float32", seed=None):
    """Build the decoder: at each level doubled by repetition and convolved, beside the labels, shrunk to its size.

    Parameters
    ----------
    recipe : GenerativeRecipe
        Size, widths and latent vector.
    channels : int
        Modalities.
    classes : int
        Channels of the labels; 0 for a decoder without.
    precision, seed
        As in `models.build`.

    Returns
    -------
    keras.Model
        Latent vectors (n, latent), with labels also [latent vectors, labels (n, size, size, classes)], to pictures
        (n, size, size, channels) float32 in 0-1.
    """
    seeds, policy = layer_seeds(seed), keras.DTypePolicy(precision)
    coarsest = recipe.size // 2 ** len(recipe.widths)
    latent = keras.Input((recipe.latent,), name="latent")
    labels = keras.Input((recipe.size, recipe.size, classes), name="labels") if classes else None

    def initial():
        return keras.initializers.HeNormal(seed=next(seeds))

    def double(x, width, name):
        x = layers.UpSampling2D(2, dtype=policy, name=f"{name}_up")(x)
        return layers.Conv2D(width, 3, padding="same", kernel_initializer=initial(), dtype=policy, name=name)(x)

    x = layers.Dense(coarsest**2 * recipe.widths[0], kernel_initializer=initial(), dtype=policy, name="coarse")(latent)
    x = slope(policy, "decoder_1_relu")(layers.Reshape((coarsest, coarsest, recipe.widths[0]), dtype=policy)(x))
    for level, width in enumerate(recipe.widths[1:], start=2):
        if classes:
            factor = recipe.size // x.shape[1]
            shrunk = layers.AveragePooling2D(factor, dtype=policy, name=f"decoder_{level}_labels")(labels)
            x = layers.Concatenate(dtype=policy, name=f"decoder_{level}_told")([x, shrunk])
        x = slope(policy, f"decoder_{level}_relu")(double(x, width, f"decoder_{level}"))
    if classes:
        shrunk = layers.AveragePooling2D(2, dtype=policy, name="last_labels")(labels)
        x = layers.Concatenate(dtype=policy, name="last_told")([x, shrunk])
    x = double(x, channels, "last")
    x = layers.Activation("sigmoid", dtype="float32", name="images")(x)
    return keras.Model([latent, labels] if classes else latent, x, name="decoder")


def posterior(encoder, pictures, training=None):
    """Mean and logarithm of the variance of the latent vectors that may be behind pictures, each (n, latent)."""
    mean, log_variance = ops.unstack(encoder(pictures, training=training), 2, axis=1)
    # Bounded, so that a bad start cannot overflow.
    return mean, ops.clip(log_variance, -10.0, 10.0)


def kl_divergence(mean, log_variance):
    """Kullback-Leibler divergence from N(mean, variance) to N(0, 1), summed over the latent vector.

    Kingma and Welling 2014, appendix B.

    Parameters
    ----------
    mean, log_variance : tensors, shape (n, latent)

    Returns
    -------
    tensor, shape (n,)
        In nats.
    """
    return 0.5 * ops.sum(ops.exp(log_variance) + ops.square(mean) - 1 - log_variance, -1)


class VAE(keras.Model):
    """Encoder, decoder and, where the recipe has one, a critic as one network to be fitted.

    Parameters
    ----------
    recipe : GenerativeRecipe
        Targets, whether labels are given, weights of the terms, widths.
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
        super().__init__(name="vae")
        self.recipe, self.channels = recipe, len(recipe.targets)
        told = classes if recipe.labelled else 0
        seeds = [None] * 3 if seed is None else [3 * seed, 3 * seed + 1, 3 * seed + 2]
        self.encoder = build_encoder(recipe, self.channels + told, precision, seeds[0])
        self.decoder = build_decoder(recipe, self.channels, told, precision, seeds[1])
        self.critic, self.terms = None, ("reconstruction_loss", "kl_loss")
        if recipe.critic_widths:
            self.critic = build_critic(
                self.channels + told, recipe.critic_widths, recipe.size, True, precision, seeds[2]
            )  # fmt: skip
            self.terms += ("critic_loss", "generator_loss")
        self.noise = keras.random.SeedGenerator(seed)

    def build(self, input_shape=None):
        """Nothing to make: the parts are built when they are made."""
        self.built = True

    def call(self, batch, training=None):
        """Losses (n, terms) of pictures with labels (n, size, size, channels + classes)."""
        recipe, pictures, labels = self.recipe, batch[..., : self.channels], batch[..., self.channels :]
        known = batch if recipe.labelled else pictures
        mean, log_variance = posterior(self.encoder, known, training)
        noise = keras.random.normal(ops.shape(mean), seed=self.noise)
        latent = mean + ops.exp(0.5 * log_variance) * noise
        found = self.decoder([latent, labels] if recipe.labelled else latent, training=training)
        terms = [
            # The likelihood of Kingma and Welling 2014, appendix C.1. An absolute error is content with black pictures:
            # most pixels are background, and a sigmoid that is sure of it passes no gradient on.
            recipe.reconstruction * ops.mean(ops.binary_crossentropy(pictures, found), (1, 2, 3)),
            recipe.kl * kl_divergence(mean, log_variance),
        ]
        if self.critic is not None:
            shown = ops.concatenate([found, labels], -1) if recipe.labelled else found
            judged = self.critic(centre(known), training=training)
            unmasked = self.critic(centre(ops.stop_gradient(shown)), training=training)
            terms.append(hinge_critic(judged, unmasked))
            terms.append(recipe.adversarial * hinge_generator(judge_frozen(self.critic, centre(shown))))
        return ops.stack(terms, -1)
