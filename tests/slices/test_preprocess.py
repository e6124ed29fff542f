"""Scaling, cropping, resizing against hand calculations and other libraries."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import tiny_volumes
from scipy import ndimage

from brats_lib.cases import brain
from brats_lib.errors import BratsError
from brats_lib.labels import ET, to_classes
from brats_lib.recipes import PUBLISHED
from brats_lib.slices import preprocess

TINY = replace(PUBLISHED, first_slice=4, stop_slice=32, size=24)


def case_of(volumes, mask=None):
    """A case whose arrays are in memory."""
    return SimpleNamespace(name="tiny", volume=volumes.__getitem__, mask=lambda: mask)


@pytest.fixture
def volumes():
    return {name: volume.astype(np.float32) for name, volume in tiny_volumes(seed=3)[0].items()}


@pytest.fixture
def flair(volumes):
    return volumes["flair"]


def test_scaling_without_outliers_is_that_of_all_voxels_to_the_last_bit(flair):
    inside = flair[flair != 0].astype(np.float64)
    expected = np.zeros_like(flair)
    expected[flair != 0] = (inside - inside.mean()) / inside.std()
    np.testing.assert_array_equal(brain.zscore(flair), expected)
    top = np.float32(np.percentile(flair[flair != 0], 99.9))
    np.testing.assert_array_equal(brain.scale01(flair, 99.9), np.clip(flair / top, 0, 1))
    assert brain.clip_outliers(flair) is flair
    for flat in ([0, 7, 7], [0, 0, 0]):
        assert not brain.zscore(np.array(flat)).any()


@pytest.mark.parametrize("value", [1e9, -3e38])
@pytest.mark.parametrize("where", [np.s_[24, 20, 18], np.s_[20:28:3, 20, 18], np.s_[:, :, 9]])
def test_what_no_tissue_can_measure_changes_no_other_voxel(flair, value, where):
    hot = np.zeros(flair.shape, bool)
    hot[where] = True
    hot &= flair != 0
    spoilt, others = np.where(hot, np.float32(value), flair), np.where(hot, 0, flair)
    for scale in (brain.zscore, brain.scale01):
        found, expected = scale(spoilt), scale(others)
        np.testing.assert_allclose(found[~hot], expected[~hot], atol=1e-5)
        assert np.isfinite(found).all()
    extreme = brain.zscore(spoilt)[hot]
    assert (extreme > 10).all() if value > 0 else (extreme < -6).all()


def test_scale01_clips_at_percentile_of_positive_voxels_and_refuses_nan():
    # Non-zero 1..5: the 75th percentile is 4, whatever the number of background voxels.
    scaled = brain.scale01(np.array([0] * 100 + [1, 2, 3, 4, 5]), 75)
    np.testing.assert_allclose(scaled, [0] * 100 + [0.25, 0.5, 0.75, 1, 1], rtol=1e-6)
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(brain.scale01(np.array([-3.0, 0, 2, 4])), [0, 0, 0.5, 1])
    assert not brain.scale01(np.array([-2.0, -1.0, 0])).any()
    with pytest.raises(ValueError, match="NaN"):
        brain.scale01(np.array([1.0, np.nan, 2.0]))


def test_brain_box_covers_all_volumes_and_margin_stops_at_the_edge():
    first, second = np.zeros((10, 8, 6)), np.zeros((10, 8, 6))
    first[3, 2, 5] = 1
    second[6, 4, 1] = -1
    assert brain.brain_box(first, second) == (slice(3, 7), slice(2, 5), slice(1, 6))
    assert brain.brain_box(first, second, margin=2) == (slice(1, 9), slice(0, 7), slice(0, 6))
    with pytest.raises(ValueError, match="no brain"):
        brain.brain_box(first * 0)


def test_brain_box_leaves_strays_out_and_keeps_a_brain_with_empty_slices():
    volume = np.zeros((60, 50, 40), np.float32)
    volume[20:40, 10:30, 5:25] = 1
    # One far from the brain along every axis, and one just above it that the first axis gives away.
    volume[55, 45, 38] = volume[55, 15, 25] = 1e9
    volume[:, :, 12] = 0
    assert brain.brain_box(volume) == (slice(20, 40), slice(10, 30), slice(5, 25))


@pytest.mark.parametrize("source, target", [((24, 20), (13, 13)), ((13, 11), (24, 30)), ((1, 5), (4, 2))])
def test_resize_matches_keras(source, target):
    images = np.random.default_rng(1).uniform(0, 1, (3, *source, 2)).astype(np.float32)
    expected = keras.ops.convert_to_numpy(
        keras.ops.image.resize(images, target, interpolation="bilinear", antialias=False, data_format="channels_last")
    )
    np.testing.assert_allclose(preprocess.resize_slices(images, target), expected, atol=2e-6)
    np.testing.assert_allclose(preprocess.resize_slices(images[..., 0], target), expected[..., 0], atol=2e-6)


def test_resize_labels_takes_the_class_with_the_largest_share():
    # 4x4 -> 2x2 averages 2x2 blocks: shares (3 of 4 are class 3), (all 1), (all 0), (2 of class 2, 1 of 1, 1 of 3).
    classes = np.array([[3, 3, 1, 1], [3, 0, 1, 1], [0, 0, 2, 1], [0, 0, 3, 2]])
    resized = preprocess.resize_labels(classes[None], 2)
    np.testing.assert_array_equal(resized, [[[3, 1], [0, 2]]])
    assert resized.dtype == np.uint8


def test_case_slices_are_scaled_per_modality_over_the_whole_volume_whichever_are_used(volumes):
    images = preprocess.case_slices(case_of(volumes), TINY)
    assert images.shape == (28, 24, 24, 2)
    assert images.dtype == np.float32
    assert images.min() == 0 and images.max() <= 1
    # Recomputed by another route: the percentile of all slices, then sampling one slice of each modality.
    for channel, modality in enumerate(("flair", "t1ce")):
        volume = volumes[modality].astype(float)
        top = np.percentile(volume[volume > 0], 99.9)
        scaled = np.clip(volume[:, :, 4 + 9] / top, 0, 1)
        x, y = ((np.arange(24) + 0.5) * n / 24 - 0.5 for n in scaled.shape)
        expected = ndimage.map_coordinates(scaled, np.meshgrid(x, y, indexing="ij"), order=1, mode="nearest")
        np.testing.assert_allclose(images[9, :, :, channel], expected, atol=1e-5)
    few = preprocess.case_slices(case_of(volumes), replace(TINY, first_slice=10, stop_slice=12))
    np.testing.assert_allclose(few, images[6:8], atol=1e-6)


def test_case_labels_are_class_indices_of_the_mask():
    mask = np.pad(tiny_volumes(seed=3)[1], ((0, 0), (4, 4), (0, 0)))
    found = preprocess.case_labels(case_of({}, mask), replace(TINY, size=48))
    np.testing.assert_array_equal(found, to_classes(np.moveaxis(mask, 2, 0)[4:32]))
    assert (found == 3).sum() == (mask == ET).sum() > 0


def test_nan_voxels_and_short_volumes_name_the_case_and_modality(volumes):
    with pytest.raises(BratsError, match="tiny, flair: it has 36 axial slices; expected at least 122.*22 to 121"):
        preprocess.case_slices(case_of(volumes), PUBLISHED)
    volumes["t1ce"][5, 5, 5] = np.nan
    with pytest.raises(BratsError, match="tiny, t1ce: the volume holds NaN"):
        preprocess.case_slices(case_of(volumes), TINY)
