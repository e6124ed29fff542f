"""Scores of pictures: the numbers of scikit-image and scikit-learn, of formulas and of counting."""

import numpy as np
import pytest
from scipy import linalg
from skimage.metrics import structural_similarity
from sklearn.metrics import roc_auc_score

from brats_lib.scores import images


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = np.kron(rng.random((8, 8)), np.ones((8, 8)))
    return truth, np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1)


def test_psnr_is_the_mean_squared_error_in_decibels():
    truth, found = np.zeros((2, 4, 4))
    found[0, 0] = 0.4  # mean squared error 0.01
    assert images.psnr(truth, found) == pytest.approx(20)
    assert images.psnr(truth, truth) == float("inf")


def test_ssim_is_scikit_images(pair):
    settings = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 1.0, "full": True}
    mean, full = structural_similarity(*pair, **settings)
    np.testing.assert_allclose(images.ssim_map(*pair)[0], full, atol=1e-9)
    where = np.zeros((64, 64), bool)
    where[10:20, 30:50] = True
    scores = images.image_scores(*pair, where)
    assert (scores["ssim_slice"], scores["ssim_brain"]) == pytest.approx((mean, full[where].mean()))


def test_ms_ssim_multiplies_the_scales(pair):
    truth, found = (image[:40, :40] for image in pair)  # 40 and 20 pixels are as wide as the window, 10 are not
    halves = [image.reshape(20, 2, 20, 2).mean((1, 3)) for image in (truth, found)]
    one, two = 0.0448 / 0.3304, 0.2856 / 0.3304
    expected = images.ssim_map(truth, found)[1].mean() ** one * images.ssim_map(*halves)[0].mean() ** two
    assert images.ms_ssim(truth, found) == pytest.approx(expected)
    # Pictures that are all alike have no diversity.
    assert images.pairwise_ms_ssim(np.stack([truth] * 3), pairs=5) == pytest.approx(1)
    assert images.pairwise_ms_ssim(np.random.default_rng(1).random((4, 64, 64)), pairs=5) < 0.5


def test_a_black_background_flatters_the_slice_and_not_the_brain(pair):
    truth, found = (np.pad(image, 64) for image in pair)
    scores = images.image_scores(truth, found, np.pad(np.ones((64, 64), bool), 64))
    assert scores["psnr_slice"] == pytest.approx(scores["psnr_brain"] + 10 * np.log10(9))
    assert scores["ssim_slice"] > scores["ssim_brain"]


def test_frechet_distance_is_the_formula_with_a_matrix_root():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4))
    second = rng.normal(size=(60, 4)) + 0.5
    one, other = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    gap = np.square(first.mean(0) - second.mean(0)).sum()
    expected = gap + np.trace(one + other - 2 * linalg.sqrtm(one @ other).real)
    assert images.frechet_distance(first, second) == pytest.approx(expected)
    # Of one feature: means 1 and 8, sample deviations sqrt(2) and sqrt(18).
    single = images.frechet_distance(np.array([[0.0], [2.0]]), np.array([[5.0], [11.0]]))
    assert single == pytest.approx(49 + (np.sqrt(2) - np.sqrt(18)) ** 2)
    # Fewer samples than features give the distance in the space that they span.
    first, second = rng.normal(size=(2, 9, 3))
    turned, _ = np.linalg.qr(rng.normal(size=(40, 3)))
    expected = images.frechet_distance(first, second)
    assert images.frechet_distance(first @ turned.T, second @ turned.T) == pytest.approx(expected)


def test_the_kernel_distance_counts_pairs_of_different_samples():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))

    def kernel(a, b):
        return (a @ b / 3 + 1) ** 3

    within = [
        np.mean([kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j]) for s in (first, second)
    ]
    across = np.mean([kernel(a, b) for a in first for b in second])
    assert images.kernel_distance(first, second) == pytest.approx(sum(within) - 2 * across)


def test_the_auc_is_scikit_learns_with_draws():
    rng = np.random.default_rng(0)
    members, others = rng.integers(2, 8, 30), rng.integers(0, 6, 40)
    truth = np.repeat([1, 0], [30, 40])
    assert images.attack_auc(members, others) == pytest.approx(roc_auc_score(truth, np.concatenate([members, others])))


def test_the_nearest_is_found_and_its_distance_is_the_root_mean_square():
    pictures = np.array([[[0.0, 1.0]], [[4.0, 4.0]]])
    others = np.array([[[0.0, 0.0]], [[4.0, 2.0]], [[9.0, 9.0]]])
    distances, nearest = images.nearest_distances(pictures, others)
    assert nearest.tolist() == [0, 1]
    assert distances == pytest.approx([np.sqrt(0.5), np.sqrt(2)])
