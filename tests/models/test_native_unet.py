"""The native U-Net has the layers, sizes and normalisation that its recipe asks for."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from brats_lib.errors import BratsError
from brats_lib.models import build
from brats_lib.models.native_unet import build_native_unet
from brats_lib.recipes import NATIVE


@pytest.fixture(scope="module")
def native():
    return build(NATIVE)


def test_native_network_has_the_parameter_count_worked_out_by_hand(native):
    # 3x3 kernels without bias, with a scale and a shift per filter from the normalisation behind each.
    encoder = [9 * 6 * 16 + 2 * 16]
    encoder += [9 * (width // 2 * width + width * width) + 4 * width for width in (32, 64, 128)]
    # 2x2 transposed convolutions with bias; the first convolution after each sees twice the filters.
    ups = [4 * 128 * 64 + 64, 4 * 64 * 32 + 32, 4 * 32 * 16 + 16]
    decoder = [9 * (128 * 64 + 64 * 64) + 4 * 64, 9 * (64 * 32 + 32 * 32) + 4 * 32, 9 * 32 * 16 + 2 * 16]
    assert native.count_params() == sum(encoder) + sum(ups) + sum(decoder) + 16 * 3 + 3 == 478_531


def test_regions_are_judged_one_by_one_and_classes_against_each_other():
    slices = np.random.default_rng(0).normal(size=(2, 16, 16, 6)).astype(np.float32)
    regions = np.asarray(build(NATIVE, seed=0)(slices))
    classes = np.asarray(build(replace(NATIVE, regions=False), seed=0)(slices))
    assert regions.shape == (2, 16, 16, 3) and regions.min() >= 0 and regions.max() <= 1
    assert np.ptp(regions.sum(-1)) > 0.01
    assert classes.shape == (2, 16, 16, 4)
    np.testing.assert_allclose(classes.sum(-1), 1, atol=1e-5)


def test_brightness_of_a_slice_does_not_reach_the_second_level():
    # Group normalisation takes out mean and spread of the first convolution's 8 groups, one filter each here.
    model = build_native_unet(1, (8, 8), 3, seed=0)
    inner = keras.Model(model.input, model.get_layer("encoder_1_norm_1").output)
    slices = np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype(np.float32)
    normalised = np.asarray(inner(100 * slices))
    np.testing.assert_allclose(normalised.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(normalised.std((0, 1, 2)), 1, atol=1e-3)


@pytest.mark.parametrize("widths", [(16,), (8, 12), (0, 8)])
def test_widths_that_cannot_be_normalised_in_groups_are_refused(widths):
    with pytest.raises(BratsError, match="each a multiple of 8"):
        build(replace(NATIVE, widths=widths))
