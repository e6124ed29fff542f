"""The 3D U-Net has the layers, the features and the parameter count of its paper."""

import keras
import numpy as np
import pytest

from brats_lib.studies.related.unet3d import build_unet3d


@pytest.fixture(scope="module")
def network():
    return build_unet3d(2, 4, width=2, seed=0)


@pytest.fixture(scope="module")
def blocks():
    return np.random.default_rng(0).normal(size=(2, 16, 8, 24, 2)).astype(np.float32)


def kernels_by_hand(width, channels, classes):
    """Weights of all kernels, in the order of figure 2."""
    total = 27 * (channels * width + width * 2 * width)
    total += 27 * (2 * width * 2 * width + 2 * width * 4 * width)
    total += 27 * (4 * width * 4 * width + 4 * width * 8 * width)
    total += 27 * (8 * width * 8 * width + 8 * width * 16 * width)
    # An up-convolution that keeps the features; the next convolution sees them and those of the skip connection.
    total += 8 * (16 * width) ** 2 + 27 * ((16 + 8) * width * 8 * width + (8 * width) ** 2)
    total += 8 * (8 * width) ** 2 + 27 * ((8 + 4) * width * 4 * width + (4 * width) ** 2)
    total += 8 * (4 * width) ** 2 + 27 * ((4 + 2) * width * 2 * width + (2 * width) ** 2)
    return total + 2 * width * classes


def filters_by_hand(width):
    """Filters of the 3x3x3 convolutions, each with one scale and one shift."""
    return width * ((1 + 2) + (2 + 4) + (4 + 8) + (8 + 16) + 2 * 8 + 2 * 4 + 2 * 2)


def test_kernels_shifts_and_last_bias_are_the_papers_19_069_955_parameters():
    # 3 channels and 3 classes, as in the paper, whose count has no scales of the normalisations in it.
    model = build_unet3d(3, 3)
    scales = sum(int(np.prod(weight.shape)) for weight in model.weights if weight.name == "gamma")
    assert scales == filters_by_hand(32) == 2336
    assert model.count_params() - scales == 19_069_955 == kernels_by_hand(32, 3, 3) + filters_by_hand(32) + 3


def test_features_are_doubled_before_pooling_and_kept_by_the_up_convolutions(network):
    filters = [(layer.name, layer.filters) for layer in network.layers if hasattr(layer, "filters")]
    assert filters == [
        ("encoder_1_1_conv", 2), ("encoder_1_2_conv", 4),
        ("encoder_2_1_conv", 4), ("encoder_2_2_conv", 8),
        ("encoder_3_1_conv", 8), ("encoder_3_2_conv", 16),
        ("bottleneck_1_conv", 16), ("bottleneck_2_conv", 32),
        ("decoder_3_up", 32), ("decoder_3_1_conv", 16), ("decoder_3_2_conv", 16),
        ("decoder_2_up", 16), ("decoder_2_1_conv", 8), ("decoder_2_2_conv", 8),
        ("decoder_1_up", 8), ("decoder_1_1_conv", 4), ("decoder_1_2_conv", 4),
        ("probabilities", 4),
    ]  # fmt: skip


def test_blocks_of_any_sides_that_can_be_halved_three_times_are_answered_as_a_whole(network, blocks):
    assert network(blocks).shape == (*blocks.shape[:-1], 4)


def test_each_block_is_normalised_by_itself_in_training_and_prediction_alike(network, blocks):
    inner = keras.Model(network.input, network.get_layer("encoder_1_2_norm").output)
    normalised = np.asarray(inner(blocks * [[[[[100]]]], [[[[10]]]]]))
    np.testing.assert_allclose(normalised.mean((1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(normalised.std((1, 2, 3)), 1, atol=1e-2)
    together = np.asarray(network(blocks))
    np.testing.assert_allclose(together[1:], np.asarray(network(blocks[1:])), atol=1e-5)
    np.testing.assert_array_equal(together, np.asarray(network(blocks, training=True)))
    assert not network.non_trainable_variables
