"""Generative networks: shapes, constants of layers, that each part learns from its own loss alone, and `forward`."""

import dataclasses

import keras
import numpy as np
import pytest

from brats_lib import models
from brats_lib.recipes import COMPRESSION, GENERATION, RESTORATION, T2_FROM_T1, VARIATION
from brats_lib.studies.synthesis.autoencoders import labelled_error
from brats_lib.studies.synthesis.networks import forward
from brats_lib.studies.synthesis.parts import SpectralConv2D, hinge_critic, hinge_generator, kl_divergence
from brats_lib.training.objectives import compile_model

AUTOENCODER = dataclasses.replace(COMPRESSION, size=16, widths=(8, 4), latent=3, critic_widths=(4, 8))
GAN = dataclasses.replace(
    GENERATION, size=8, widths=(16, 8), latent=5, codes=3, critic_widths=(8, 8), batch_slices=4, slices_per_epoch=8,
    epochs=2,
)  # fmt: skip
VAE = dataclasses.replace(VARIATION, size=16, widths=(16, 8), latent=5, batch_slices=4)
PAIR = dataclasses.replace(T2_FROM_T1, size=16, widths=(4, 8), critic_widths=(4, 8))


def batch(channels):
    return np.random.default_rng(0).random((4, 16, 16, channels), np.float32)


def values(model):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.trainable_variables]


def moved(model, before):
    return any((one != other).any() for one, other in zip(values(model), before, strict=True))


def test_the_kernel_is_divided_by_its_largest_singular_value():
    layer, picture = SpectralConv2D(3, 3, padding="same"), batch(3)
    layer.build(picture.shape)
    # A turn of the channels by 90 degrees, and the singular values 4, 2 and 1: divided by 4.
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[1, 1] = [[0, 2, 0], [-4, 0, 0], [0, 0, 1]]
    layer.kernel.assign(kernel)
    for _ in range(60):
        layer(picture, training=True)
    before = keras.ops.convert_to_numpy(layer.direction).copy()
    expected = np.stack([-picture[..., 1], picture[..., 0] / 2, picture[..., 2] / 4], -1)
    np.testing.assert_allclose(layer(picture, training=False), expected, atol=1e-4)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer.direction), before)


def test_losses_are_those_of_their_formulas():
    real, generated = np.array([[2.0], [0.5]]), np.array([[-3.0], [0.25]])
    np.testing.assert_allclose(hinge_critic(real, generated), [0, 0.5 + 1.25])
    np.testing.assert_allclose(hinge_generator(generated), [3, -0.25])
    # The divergence is 0 for a standard normal.
    mean, log_variance = np.array([[0.0, 0.0], [1.0, 2.0]]), np.log([[1.0, 1.0], [4.0, 0.25]])
    by_hand = 0.5 * (4 + 1 - 1 - np.log(4)) + 0.5 * (0.25 + 4 - 1 - np.log(0.25))
    np.testing.assert_allclose(kl_divergence(mean, log_variance), [0, by_hand], rtol=1e-6)
    # Of a labelled slice with one modality: absolute error and cross-entropy.
    real = np.array([[[[0.5, 1, 0], [0.1, 0, 1]]]], np.float32)
    made = np.array([[[[0.7, 0.5, 0.5], [0.1, 0.75, 0.25]]]], np.float32)
    np.testing.assert_allclose(labelled_error(made, real, 1), [0.1 + (np.log(2) + np.log(4)) / 2], rtol=1e-5)


@pytest.mark.parametrize("term", [0, 1])
def test_critic_and_generator_learn_from_their_own_loss_alone(term):
    gan = models.build(GAN, seed=0)
    assert gan.terms == ("critic_loss", "generator_loss")
    gan.compile(keras.optimizers.SGD(0.1), loss=lambda y, terms: terms[:, term], run_eagerly=True)
    before = values(gan.critic), values(gan.generator)
    codes = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    gan.train_on_batch(codes, np.zeros((4, 1)))
    assert moved(gan.critic, before[0]) == (term == 0)
    assert moved(gan.generator, before[1]) == (term == 1)


def test_an_autoencoder_leaves_no_pattern_on_what_is_even(autoencoder):
    even = keras.ops.convert_to_numpy(autoencoder.decoder(np.full((1, 8, 8, 3), 0.7, np.float32)))[0]
    assert np.ptp(even[4:-4, 4:-4], axis=(0, 1)).max() < 1e-6
    assert np.ptp(even, axis=(0, 1)).max() > 1e-3, "the margin differs, so the network does something"


def test_the_error_of_a_vae_is_the_cross_entropy_of_its_pictures():
    vae, given = models.build(dataclasses.replace(VAE, kl=0.0), seed=0), batch(8)
    # Latent vectors without variance, so that what is drawn is known.
    posterior = vae.encoder.get_layer("posterior")
    posterior.kernel.assign(np.zeros(posterior.kernel.shape))
    posterior.bias.assign([0.0] * 5 + [-10.0] * 5)
    drawn = np.asarray(vae.decoder([np.zeros((4, 5), np.float32), given[..., 4:]]), np.float64)
    shown = given[..., :4]
    by_hand = -(shown * np.log(drawn) + (1 - shown) * np.log(1 - drawn)).mean((1, 2, 3))
    np.testing.assert_allclose(vae(given)[:, 0], by_hand, rtol=0.01)
    unlabelled = models.build(dataclasses.replace(VAE, labelled=False, critic_widths=(4, 8)), seed=0)
    assert unlabelled.decoder.input_shape == (None, 5) and unlabelled(given).shape == (4, 4)


def test_a_residual_translator_starts_as_the_identity():
    model, pair = models.build(dataclasses.replace(RESTORATION, size=16, widths=(4, 8)), seed=0), batch(2)
    np.testing.assert_array_equal(model.translator(pair[..., :1]), pair[..., :1])
    np.testing.assert_allclose(model(pair)[:, 0], np.abs(pair[..., 0] - pair[..., 1]).mean((1, 2)), rtol=1e-5)


@pytest.mark.parametrize("recipe", [AUTOENCODER, VAE, PAIR], ids=lambda recipe: recipe.task)
def test_training_lowers_the_reconstruction_error_and_logs_every_term(recipe):
    model = models.build(recipe, seed=0)
    compile_model(model, dataclasses.replace(recipe, learning_rate=1e-2), "float32", 40)
    halves = np.zeros((4, 16, 16, 8), np.float32)
    halves[:, :8, :, :4] = 0.9
    halves[:, :8, :, 5] = halves[:, 8:, :, 4] = 1
    logs = []
    for _ in range(40):
        model.reset_metrics()
        given = halves[..., :2] if recipe is PAIR else halves
        logs.append(model.train_on_batch(given, np.zeros((4, 1)), return_dict=True))
    assert set(model.terms) < set(logs[0])
    assert logs[-1]["reconstruction_loss"] < 0.7 * logs[0]["reconstruction_loss"]


def test_forward_gives_what_keras_predicts():
    first, second = keras.Input((8, 8, 2)), keras.Input((8, 8, 3))
    model = keras.Model([first, second], keras.layers.Add()([keras.layers.Conv2D(3, 3, padding="same")(first), second]))
    given = [np.random.default_rng(0).random((7, 8, 8, channels), np.float32) for channels in (2, 3)]
    np.testing.assert_allclose(forward(model, given, batch_slices=3), model.predict(given, verbose=0), atol=1e-6)
    np.testing.assert_array_equal(forward(keras.layers.Rescaling(2.0), given[0], batch_slices=3), 2 * given[0])
