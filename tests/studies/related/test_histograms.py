"""Histograms of different patients get the same landmarks, and nothing but the brain is mapped."""

from types import SimpleNamespace

import numpy as np
import pytest

from brats_lib.studies.related.histograms import PERCENTILES, learn_landmarks, match_landmarks


def stack(*modalities):
    """A brain of given intensities in each modality, one row of voxels, with a row of background."""
    values = np.stack([np.asarray(values, np.float32) for values in modalities], axis=-1)
    images = np.zeros((2, len(values), 1, len(modalities)), np.float32)
    images[1, :, 0] = values
    return SimpleNamespace(images=images)


# With 101 voxels the percentile q is the q-th of the sorted intensities.
EVEN = np.arange(1.0, 102.0)


def test_landmarks_are_the_mean_of_the_percentiles_on_the_common_scale():
    at = np.array(PERCENTILES) + 1.0
    np.testing.assert_allclose(learn_landmarks([stack(EVEN, 10 * EVEN)]), [at, 10 * at], rtol=1e-6)
    # Percentiles of the first are 2 .. 100, of the second (the squares) 4 .. 10 000: a scale from 3 to 5050.
    landmarks = learn_landmarks([stack(EVEN), stack(EVEN**2)])[0]
    first = 3 + (at - 2) / 98 * 5047
    second = 3 + (at**2 - 4) / 9996 * 5047
    np.testing.assert_allclose(landmarks, (first + second) / 2, rtol=1e-6)


def test_matched_brain_has_the_landmarks_and_the_background_stays_zero():
    rng = np.random.default_rng(0)
    landmarks = learn_landmarks([stack(rng.gamma(shape, 2, 5001) + 1, rng.normal(0, shape, 5001)) for shape in (1, 4)])
    given = stack(rng.normal(50, 9, 5001), rng.gamma(3, 1, 5001) + 7).images
    before = given.copy()
    matched = match_landmarks(given, landmarks)
    np.testing.assert_allclose(np.percentile(matched[1, :, 0], PERCENTILES, axis=0).T, landmarks, rtol=1e-3, atol=1e-3)
    assert (np.diff(matched[1, np.argsort(given[1, :, 0, 0]), 0, 0]) >= 0).all()
    assert (matched[0] == 0).all()
    np.testing.assert_array_equal(given, before)


def test_outer_pieces_go_on_beyond_the_ends():
    # From percentiles q + 1 to landmarks 2 q: twice as steep. The ends, at 1 and 101, lie one step further out.
    landmarks = 2.0 * np.array([PERCENTILES])
    landmarks[0, -2:] = 180, 270
    matched = match_landmarks(stack(EVEN).images, landmarks)[1, :, 0, 0]
    # 90 in 9 steps between the last two.
    assert matched[[0, 45, 100]] == pytest.approx([2 - 2, 90, 270 + 10])


def test_missing_modality_stays_empty_and_coinciding_percentiles_make_no_leap_to_infinity():
    matched = match_landmarks(stack(EVEN, 0 * EVEN).images, learn_landmarks([stack(EVEN, EVEN)]))
    np.testing.assert_allclose(matched[1, :, 0, 0], EVEN, rtol=1e-6)
    assert (matched[..., 1] == 0).all()
    # Half of all voxels share an intensity, and the lowest three landmarks with it.
    matched = match_landmarks(stack(np.maximum(EVEN, 31)).images, learn_landmarks([stack(EVEN)]))
    assert np.isfinite(matched).all() and (np.diff(matched[1, :, 0, 0]) >= 0).all()
