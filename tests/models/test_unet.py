"""The U-Net is the paper's, layer by layer."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from brats_lib.errors import BratsError
from brats_lib.models import build
from brats_lib.models.unet import build_unet
from brats_lib.recipes import NATIVE, PUBLISHED, Recipe

SMALL = (Recipe(size=16, width=2), replace(NATIVE, widths=(8, 8, 8)))


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
    assert build_unet(size=16, channels=3, width=2).count_params() == count_by_hand(2, 3, 4)


def test_layers_are_those_of_section_3_4(published):
    assert (published.input_shape, published.output_shape) == ((None, 128, 128, 2), (None, 128, 128, 4))
    found = [
        (layer.name, layer.filters, layer.kernel_size[0]) for layer in published.layers if hasattr(layer, "filters")
    ]
    levels = [("encoder_1", 32), ("encoder_2", 64), ("encoder_3", 128), ("encoder_4", 256), ("bottleneck", 512)]
    levels += [("decoder_4", 256), ("decoder_3", 128), ("decoder_2", 64), ("decoder_1", 32)]
    expected = []
    for level, filters in levels:
        expected += [(f"{level}_up", filters, 2)] if level.startswith("decoder") else []
        expected += [(f"{level}_conv_1", filters, 3), (f"{level}_conv_2", filters, 3)]
    assert found == [*expected, ("probabilities", 4, 1)]
    dropouts = [layer.rate for layer in published.layers if isinstance(layer, keras.layers.Dropout)]
    assert dropouts == [0.2]


def test_skip_connections_join_encoder_and_decoder_of_one_resolution(published):
    for level, side, channels in ((4, 16, 512), (3, 32, 256), (2, 64, 128), (1, 128, 64)):
        join = published.get_layer(f"decoder_{level}_skip")
        sources = [tensor._keras_history.operation.name for tensor in join.input]
        assert sources == [f"encoder_{level}_conv_2", f"decoder_{level}_up"]
        assert join.output.shape == (None, side, side, channels)


@pytest.mark.parametrize(("precision", "inside"), [("mixed_bfloat16", "bfloat16"), ("mixed_float16", "float16")])
@pytest.mark.parametrize("recipe", SMALL, ids=lambda recipe: recipe.name)
def test_precision_is_of_the_inner_layers_and_the_seed_of_all_weights(recipe, precision, inside):
    model = build(recipe, precision, seed=3)
    output = model(np.random.default_rng(0).random((2, 16, 16, model.input_shape[-1]), np.float32))
    assert keras.backend.standardize_dtype(output.dtype) == "float32"
    assert model.get_layer("bottleneck_conv_1").compute_dtype == inside
    assert {weight.dtype for weight in model.weights if "seed" not in weight.path} == {"float32"}
    # The same seed gives the same weights, and no two layers are alike.
    again, other = (build(recipe, seed=seed).get_weights() for seed in (3, 4))
    assert all((a == b).all() for a, b in zip(model.get_weights(), again, strict=True))
    kernels = [kernel.tobytes() for kernel in (*again, *other) if kernel.ndim == 4]
    assert len(set(kernels)) == len(kernels) > 10


def test_size_that_cannot_be_halved_four_times_is_refused_with_the_nearest_that_can():
    with pytest.raises(BratsError, match="Set the recipe's size to 128"):
        build(Recipe(size=130))
