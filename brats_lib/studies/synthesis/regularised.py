"""A U-Net whose bottleneck also has to draw its input again: the regulariser of Myronenko (2018)."""

import keras
from keras import layers, ops

from brats_lib.models.unet import layer_seeds
from brats_lib.studies.synthesis.adversarial import slope
from brats_lib.studies.synthesis.vae import kl_divergence

__all__ = ["VAERegularised"]

# Weights of reconstruction and divergence, Myronenko 2018, equation 2.
_WEIGHT = 0.1


class VAERegularised(keras.Model):
    """A segmentation network and, while it trains, the branch of a variational autoencoder at its bottleneck.

    The branch samples from the bottleneck's features and draws the input. Its losses, the mean squared error and the
    divergence, are added with weight 0.1 each; the divergence is a mean over pixels in the paper's implementation and
    here. At prediction the branch is not used, so the network costs nothing more.

    Parameters
    ----------
    network : keras.Model
        Such as `models.native_unet.build_native_unet` makes, with a bottleneck.
    size : int
        Side of the pictures in pixels.
    latent : int
        Length of the latent vector.
    widths : sequence of int
        Filters of the branch from the coarsest level on; one for each halving of the network, at least.
    precision, seed
        As in `models.build`.

    Attributes
    ----------
    network : keras.Model
        What predicts.
    """

    def __init__(self, network, size, latent=32, widths=(64, 32, 16, 8), precision="float32", seed=None):
        super().__init__(name="vae_regularised")
        seeds, policy = layer_seeds(seed), keras.DTypePolicy(precision)

        def initial():
            return keras.initializers.HeNormal(seed=next(seeds))

        self.network = network
        bottleneck = [layer for layer in network.layers if layer.name.startswith("bottleneck")][-1]
        self.both = keras.Model(network.input, [network.output, bottleneck.output], name="with_bottleneck")
        features = x = keras.Input(bottleneck.output.shape[1:], name="bottleneck")
        x = layers.GlobalAveragePooling2D(dtype=policy, name="pooled")(x)
        posterior = layers.Dense(2 * latent, kernel_initializer=initial(), dtype="float32", name="posterior")(x)
        self.encoder = keras.Model(
            features, layers.Reshape((2, latent), dtype="float32", name="mean_and_log_variance")(posterior)
        )  # fmt: skip
        coarsest = size // 2 ** len(widths)
        vector = keras.Input((latent,), name="latent")
        x = layers.Dense(coarsest**2 * widths[0], kernel_initializer=initial(), dtype=policy, name="coarse")(vector)
        x = slope(policy, "coarse_relu")(layers.Reshape((coarsest, coarsest, widths[0]), dtype=policy)(x))
        for level, width in enumerate(widths, start=1):
            x = layers.Conv2DTranspose(
                width, 4, strides=2, padding="same", kernel_initializer=initial(), dtype=policy, name=f"branch_{level}"
            )(x)  # fmt: skip
            x = slope(policy, f"branch_{level}_relu")(x)
        drawn = layers.Conv2D(
            network.input.shape[-1], 3, padding="same", kernel_initializer=initial(), dtype="float32", name="drawn"
        )(x)  # fmt: skip
        self.decoder = keras.Model(vector, drawn, name="branch")
        self.noise = keras.random.SeedGenerator(seed)

    def build(self, input_shape=None):
        """Nothing to make: the parts are built when they are made."""
        self.built = True

    def call(self, pictures, training=None):
        """What the network gives; in training the branch's losses are added."""
        found, features = self.both(pictures, training=training)
        if training:
            mean, log_variance = ops.unstack(self.encoder(features, training=True), 2, axis=1)
            log_variance = ops.clip(log_variance, -10.0, 10.0)
            latent = mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.noise)
            drawn = self.decoder(latent, training=True)
            pixels = pictures.shape[1] * pictures.shape[2]
            self.add_loss(_WEIGHT * ops.mean(ops.square(drawn - pictures)))
            self.add_loss(_WEIGHT * ops.mean(kl_divergence(mean, log_variance)) / pixels)
        return found
