"""Scores of pictures: the numbers of scikit-image, of formulas and of counting."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from brats_lib.scores.images import image_scores, ms_ssim, pairwise_ms_ssim, psnr, ssim_map


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = np.kron(rng.random((8, 8)), np.ones((8, 8)))
    return truth, np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1)


def test_psnr_is_the_mean_squared_error_in_decibels():
    truth, found = np.zeros((2, 4, 4))
    found[0, 0] = 0.4  # mean squared error 0.01
    assert psnr(truth, found) == pytest.approx(20)
    assert psnr(truth, truth) == float("inf")


def test_ssim_is_scikit_images(pair):
    mean, full = structural_similarity(
        *pair, gaussian_weights=True, use_sample_covariance=False, data_range=1.0, full=True
    )
    np.testing.assert_allclose(ssim_map(*pair)[0], full, atol=1e-9)
    where = np.zeros((64, 64), bool)
    where[10:20, 30:50] = True
    scores = image_scores(*pair, where)
    assert (scores["ssim_slice"], scores["ssim_brain"]) == pytest.approx((mean, full[where].mean()))


def test_ms_ssim_multiplies_the_scales(pair):
    truth, found = (image[:40, :40] for image in pair)  # 40 and 20 pixels are as wide as the window, 10 are not
    halves = [image.reshape(20, 2, 20, 2).mean((1, 3)) for image in (truth, found)]
    one, two = 0.0448 / 0.3304, 0.2856 / 0.3304
    expected = ssim_map(truth, found)[1].mean() ** one * ssim_map(*halves)[0].mean() ** two
    assert ms_ssim(truth, found) == pytest.approx(expected)
    # Pictures that are all alike have no diversity.
    assert pairwise_ms_ssim(np.stack([truth] * 3), pairs=5) == pytest.approx(1)
    assert pairwise_ms_ssim(np.random.default_rng(1).random((4, 64, 64)), pairs=5) < 0.5


def test_a_black_background_flatters_the_slice_and_not_the_brain(pair):
    truth, found = (np.pad(image, 64) for image in pair)
    scores = image_scores(truth, found, np.pad(np.ones((64, 64), bool), 64))
    assert scores["psnr_slice"] == pytest.approx(scores["psnr_brain"] + 10 * np.log10(9))
    assert scores["ssim_slice"] > scores["ssim_brain"]
