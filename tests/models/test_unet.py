"""The U-Net is the paper's, layer by layer."""

import keras
import numpy as np
import pytest

from brats_lib.errors import BratsError
from brats_lib.models import build
from brats_lib.models.unet import build_unet
from brats_lib.recipes import PUBLISHED, Recipe


@pytest.fixture(scope="module")
def published():
    return build(PUBLISHED)


def count_by_hand(width, channels, classes):
    """Weights and biases, summed over the layers that section 3.4 lists."""
    total, before = 0, channels
    for filters in (width, 2 * width, 4 * width, 8 * width, 16 * width):
        total += 9 * before * filters + filters + 9 * filters * filters + filters
        before = filters
    for filters in (8 * width, 4 * width, 2 * width, width):
        total += 4 * before * filters + filters  # 2x2 transposed convolution
        total += 9 * 2 * filters * filters + filters + 9 * filters * filters + filters
        before = filters
    return total + before * classes + classes


def test_published_network_has_the_papers_parameter_count(published):
    assert published.count_params() == 7_759_908 == count_by_hand(32, 2, 4)


def test_narrow_network_has_the_count_worked_out_by_hand():
    assert build_unet(size=16, channels=3, width=2).count_params() == count_by_hand(2, 3, 4)


def test_published_network_maps_slices_to_class_maps_of_the_same_size(published):
    assert published.input_shape == (None, 128, 128, 2)
    assert published.output_shape == (None, 128, 128, 4)


def test_layers_are_those_of_section_3_4(published):
    filters = [
        (layer.name, layer.filters, layer.kernel_size[0]) for layer in published.layers if hasattr(layer, "filters")
    ]
    assert filters == [
        ("encoder_1_conv_1", 32, 3), ("encoder_1_conv_2", 32, 3),
        ("encoder_2_conv_1", 64, 3), ("encoder_2_conv_2", 64, 3),
        ("encoder_3_conv_1", 128, 3), ("encoder_3_conv_2", 128, 3),
        ("encoder_4_conv_1", 256, 3), ("encoder_4_conv_2", 256, 3),
        ("bottleneck_conv_1", 512, 3), ("bottleneck_conv_2", 512, 3),
        ("decoder_4_up", 256, 2), ("decoder_4_conv_1", 256, 3), ("decoder_4_conv_2", 256, 3),
        ("decoder_3_up", 128, 2), ("decoder_3_conv_1", 128, 3), ("decoder_3_conv_2", 128, 3),
        ("decoder_2_up", 64, 2), ("decoder_2_conv_1", 64, 3), ("decoder_2_conv_2", 64, 3),
        ("decoder_1_up", 32, 2), ("decoder_1_conv_1", 32, 3), ("decoder_1_conv_2", 32, 3),
        ("probabilities", 4, 1),
    ]  # fmt: skip
    dropouts = [layer.rate for layer in published.layers if isinstance(layer, keras.layers.Dropout)]
    assert dropouts == [0.2]


def test_skip_connections_join_encoder_and_decoder_of_one_resolution(published):
    for level, side, channels in ((4, 16, 512), (3, 32, 256), (2, 64, 128), (1, 128, 64)):
        join = published.get_layer(f"decoder_{level}_skip")
        sources = [tensor._keras_history.operation.name for tensor in join.input]
        assert sources == [f"encoder_{level}_conv_2", f"decoder_{level}_up"]
        assert join.output.shape == (None, side, side, channels)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_output_is_float32_probabilities_whatever_the_precision(precision):
    before = keras.config.dtype_policy().name
    model = build_unet(size=16, width=2, precision=precision, seed=0)
    output = model(np.random.default_rng(0).random((2, 16, 16, 2), np.float32))
    assert keras.backend.standardize_dtype(output.dtype) == "float32"
    np.testing.assert_allclose(np.asarray(output).sum(-1), 1, atol=1e-6)
    assert model.get_layer("encoder_1_conv_1").compute_dtype == ("float32" if precision == "float32" else "bfloat16")
    assert keras.config.dtype_policy().name == before


def test_same_seed_same_weights_and_no_two_layers_alike():
    first, second, other = (build_unet(size=16, width=2, seed=seed).get_weights() for seed in (3, 3, 4))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert not (first[0] == other[0]).all()
    alike = [a for a in first if a.shape == first[2].shape]
    assert len({a.tobytes() for a in alike}) == len(alike) > 1


def test_size_that_cannot_be_halved_four_times_is_refused_with_the_nearest_that_can():
    with pytest.raises(BratsError, match="Set the recipe's size to 128"):
        build(Recipe(size=130))
