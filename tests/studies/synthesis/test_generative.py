"""Generative networks: shapes, constants of layers, and that each part learns from its own loss alone."""

import dataclasses

import keras
import numpy as np
import pytest

from brats_lib import models
from brats_lib.models.native_unet import build_native_unet
from brats_lib.recipes import COMPRESSION, GENERATION, RESTORATION, T2_FROM_T1, VARIATION
from brats_lib.studies.synthesis.adversarial import SpectralConv2D, build_critic, hinge_critic, hinge_generator
from brats_lib.studies.synthesis.autoencoder import labelled_error
from brats_lib.studies.synthesis.gan import join
from brats_lib.studies.synthesis.regularised import VAERegularised
from brats_lib.studies.synthesis.translation import build_translator
from brats_lib.studies.synthesis.vae import kl_divergence
from brats_lib.training.objectives import compile_model

AUTOENCODER = dataclasses.replace(COMPRESSION, size=16, widths=(8, 4), latent=3, critic_widths=(4, 8))
GAN = dataclasses.replace(GENERATION, size=8, widths=(16, 8), latent=5, codes=3, critic_widths=(8, 8))
VAE = dataclasses.replace(VARIATION, size=16, widths=(16, 8), latent=5)
PAIR = dataclasses.replace(T2_FROM_T1, size=16, widths=(4, 8), critic_widths=(4, 8))


def batch(channels, seed=0):
    return np.random.default_rng(seed).random((4, 16, 16, channels), np.float32)


def values(model):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.trainable_variables]


def moved(model, before):
    return any((one != other).any() for one, other in zip(values(model), before, strict=True))


def test_the_kernel_is_divided_by_its_largest_singular_value():
    layer = SpectralConv2D(3, 3, padding="same", use_bias=True)
    picture = batch(3)
    layer.build(picture.shape)
    # A turn of the channels by 90 degrees, and the singular values 4, 2 and 1: divided by 4.
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[1, 1] = [[0, 2, 0], [-4, 0, 0], [0, 0, 1]]
    layer.kernel.assign(kernel)
    for _ in range(60):
        layer(picture, training=True)
    expected = np.stack([-picture[..., 1], picture[..., 0] / 2, picture[..., 2] / 4], -1)
    np.testing.assert_allclose(layer(picture), expected, atol=1e-4)


def test_prediction_leaves_the_direction_alone():
    layer = SpectralConv2D(3, 3)
    layer(batch(2))
    before = keras.ops.convert_to_numpy(layer.direction).copy()
    layer(batch(2), training=False)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer.direction), before)


def test_hinge_losses_are_those_of_the_formula():
    real, generated = np.array([[2.0], [0.5]]), np.array([[-3.0], [0.25]])
    np.testing.assert_allclose(hinge_critic(real, generated), [0, 0.5 + 1.25])
    np.testing.assert_allclose(hinge_generator(generated), [3, -0.25])


def test_a_critic_of_patches_gives_a_map_and_one_of_pictures_a_number():
    assert build_critic(3, (4, 8), 16).output_shape == (None, 1)
    assert build_critic(3, (4, 8), 16, patches=True).output_shape == (None, 4, 4, 1)


def test_a_generator_joined_with_a_decoder_gives_intensities_and_class_probabilities():
    gan, autoencoder = models.build(GAN, seed=0), models.build(AUTOENCODER, seed=0)
    latent = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    assert gan.generator(latent).shape == (3, 8, 8, 3)
    whole = join(gan.generator, autoencoder.decoder)
    made = keras.ops.convert_to_numpy(whole(latent))
    assert made.shape == (3, 16, 16, 8)
    np.testing.assert_allclose(made[..., 4:].sum(-1), 1, atol=1e-5)
    assert 0 <= made.min() and made.max() <= 1
    np.testing.assert_array_equal(made, autoencoder.decoder(gan.generator(latent)))
    assert len(whole.weights) == len(gan.generator.weights) + len(autoencoder.decoder.weights)


@pytest.mark.parametrize("term", [0, 1])
def test_critic_and_generator_learn_from_their_own_loss_alone(term):
    gan = models.build(GAN, seed=0)
    assert gan.terms == ("critic_loss", "generator_loss")
    gan.compile(keras.optimizers.SGD(0.1), loss=lambda y, terms: terms[:, term])
    before = values(gan.critic), values(gan.generator)
    codes = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    gan.train_on_batch(codes, np.zeros((4, 1)))
    assert moved(gan.critic, before[0]) == (term == 0)
    assert moved(gan.generator, before[1]) == (term == 1)


def test_an_autoencoder_has_a_code_for_each_block_and_a_critic_where_the_recipe_has_one():
    autoencoder = models.build(AUTOENCODER, seed=0)
    assert autoencoder.encoder.output_shape == (None, 8, 8, 6)
    assert autoencoder.terms == ("reconstruction_loss", "kl_loss", "critic_loss", "generator_loss")
    assert autoencoder(batch(8)).shape == (4, 4)
    assert models.build(dataclasses.replace(AUTOENCODER, critic_widths=())).terms == ("reconstruction_loss", "kl_loss")


def test_a_decoder_leaves_no_pattern_on_what_is_even():
    decoder = models.build(AUTOENCODER, seed=0).decoder
    even = keras.ops.convert_to_numpy(decoder(np.full((1, 8, 8, 3), 0.7, np.float32)))[0]
    inside = even[4:-4, 4:-4]
    assert np.ptp(inside, axis=(0, 1)).max() < 1e-6
    assert np.ptp(even, axis=(0, 1)).max() > 1e-3, "the margin differs, so the network does something"


def test_the_error_of_a_labelled_slice_is_absolute_error_and_cross_entropy_by_hand():
    real, made = np.zeros((1, 1, 2, 3), np.float32), np.zeros((1, 1, 2, 3), np.float32)
    real[0, 0] = [[0.5, 1, 0], [0.1, 0, 1]]
    made[0, 0] = [[0.7, 0.5, 0.5], [0.1, 0.75, 0.25]]
    np.testing.assert_allclose(labelled_error(made, real, 1), [0.1 + (np.log(2) + np.log(4)) / 2], rtol=1e-5)


def test_the_divergence_is_the_formula_and_0_for_a_standard_normal():
    mean, log_variance = np.array([[0.0, 0.0], [1.0, 2.0]]), np.log([[1.0, 1.0], [4.0, 0.25]])
    by_hand = 0.5 * (4 + 1 - 1 - np.log(4)) + 0.5 * (0.25 + 4 - 1 - np.log(0.25))
    np.testing.assert_allclose(kl_divergence(mean, log_variance), [0, by_hand], rtol=1e-6)


def test_a_vae_is_told_the_labels_unless_it_is_not_labelled():
    told, untold = models.build(VAE, seed=0), models.build(dataclasses.replace(VAE, labelled=False), seed=0)
    assert [shape[-1] for shape in told.decoder.input_shape] == [5, 4]
    assert untold.decoder.input_shape == (None, 5)
    for vae in (told, untold):
        assert vae(batch(8)).shape == (4, 2)


def test_the_error_of_a_vae_is_the_cross_entropy_of_its_pictures():
    vae, given = models.build(dataclasses.replace(VAE, kl=0.0), seed=0), batch(8)
    # Latent vectors without variance, so that what is drawn is known.
    posterior = vae.encoder.get_layer("posterior")
    posterior.set_weights([np.zeros_like(weight) for weight in posterior.get_weights()])
    posterior.bias.assign([0.0] * 5 + [-10.0] * 5)
    drawn = np.asarray(vae.decoder([np.zeros((4, 5), np.float32), given[..., 4:]]), np.float64)
    shown = given[..., :4]
    by_hand = -(shown * np.log(drawn) + (1 - shown) * np.log(1 - drawn)).mean((1, 2, 3))
    np.testing.assert_allclose(vae(given)[:, 0], by_hand, rtol=0.01)


def test_a_vae_with_a_critic_has_its_terms():
    vae = models.build(dataclasses.replace(VAE, critic_widths=(4, 8), adversarial=0.1), seed=0)
    assert vae(batch(8)).shape == (4, 4) and vae.terms[2:] == ("critic_loss", "generator_loss")


def test_a_residual_translator_starts_as_the_identity():
    picture = batch(1)
    np.testing.assert_array_equal(build_translator(1, 1, (4, 8), residual=True, seed=0)(picture), picture)
    assert np.abs(build_translator(1, 1, (4, 8), seed=0)(picture) - picture).max() > 0.01


def test_the_error_of_a_translator_that_starts_as_the_identity_is_the_damage():
    model = models.build(dataclasses.replace(RESTORATION, size=16, widths=(4, 8)), seed=0)
    pair = batch(2)
    np.testing.assert_allclose(model(pair)[:, 0], np.abs(pair[..., 0] - pair[..., 1]).mean((1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    "recipe, channels", [(AUTOENCODER, 8), (VAE, 8), (PAIR, 2)], ids=["autoencoder", "vae", "translation"]
)
def test_training_lowers_the_reconstruction_error_and_logs_every_term(recipe, channels):
    model = models.build(recipe, seed=0)
    compile_model(model, dataclasses.replace(recipe, learning_rate=1e-2), "float32", 40)
    halves = np.zeros((4, 16, 16, channels), np.float32)
    halves[:, :8] = 0.9
    if channels == 8:  # the labels are one-hot
        halves[..., 4:] = 0
        halves[:, :8, :, 5] = halves[:, 8:, :, 4] = 1
    logs = []
    for _ in range(40):
        model.reset_metrics()
        logs.append(model.train_on_batch(halves, np.zeros((4, 1)), return_dict=True))
    assert set(model.terms) < set(logs[0])
    assert logs[-1]["reconstruction_loss"] < 0.7 * logs[0]["reconstruction_loss"]


def test_the_vae_branch_adds_losses_in_training_and_nothing_to_the_prediction():
    network = build_native_unet(2, (8, 8, 8), 3, seed=0)
    model = VAERegularised(network, 16, latent=4, widths=(8, 8), seed=1)
    picture = batch(2)
    np.testing.assert_array_equal(model(picture, training=False), network(picture))
    assert model.losses == []
    model(picture, training=True)
    assert len(model.losses) == 2
    model.compile(keras.optimizers.SGD(0.1), loss="binary_crossentropy")
    before = values(model.decoder)
    model.train_on_batch(picture, np.zeros((4, 16, 16, 3)))
    assert moved(model.decoder, before)
