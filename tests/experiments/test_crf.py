"""The field is the exact one, as far as the lattice goes, and does what it is for."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import softmax

from experiments.crf import refine


def noisy_volume(channels=2):
    """Three classes in slabs of different intensity, with probabilities of a network that errs, and some background."""
    rng, shape = np.random.default_rng(0), (9, 8, 7)
    truth = np.broadcast_to((np.arange(9) // 3)[:, None, None], shape)
    images = 1.5 * truth[..., None] + rng.normal(0, 0.3, (*shape, channels)) + 0.01
    images[:, 0, :2] = 0
    logits = 1.2 * (truth[..., None] == np.arange(3)) + rng.normal(0, 1, (*shape, 3))
    return softmax(logits, axis=-1), images


def exact(probabilities, images, weights, sigmas, intensity_sigma):
    """The mean field from all pairs of voxels."""
    brain = (images != 0).any(-1)
    distance = cdist(*[np.argwhere(brain)] * 2, "sqeuclidean")
    difference = cdist(*[images[brain] / intensity_sigma] * 2, "sqeuclidean")
    kernels = [np.exp(-distance / sigmas[0] ** 2 / 2), np.exp(-distance / sigmas[1] ** 2 / 2 - difference / 2)]
    pairs = 0
    for weight, kernel in zip(weights, kernels, strict=True):
        scale = 1 / np.sqrt(kernel.sum(1))
        pairs = pairs + weight * scale[:, None] * kernel * scale
    network = np.log(probabilities[brain])
    current = probabilities[brain]
    for _ in range(5):
        current = softmax(network + pairs @ current, axis=-1)
    refined = probabilities.copy()
    refined[brain] = current
    return refined


def test_smoothness_alone_is_the_exact_field():
    probabilities, images = noisy_volume()
    refined = refine(probabilities, images, smoothness_weight=2.0, smoothness_sigma=1.5, appearance_weight=0)
    np.testing.assert_allclose(refined, exact(probabilities, images, (2, 0), (1.5, 1), 1), atol=2e-3)


@pytest.mark.parametrize("channels", [1, 4])
def test_both_kernels_are_close_to_the_exact_field(channels):
    probabilities, images = noisy_volume(channels)
    refined = refine(probabilities, images, 1.0, 1.0, 3.0, 4.0, 0.8)
    expected = exact(probabilities, images, (1, 3), (1.0, 4.0), 0.8)
    # The lattice blurs along d + 1 directions only: off by a few hundredths, where the field moves by tenths.
    assert np.abs(refined - expected).mean() < 0.02 < 0.1 < np.abs(expected - probabilities).mean()
    assert (refined.argmax(-1) == expected.argmax(-1)).mean() > 0.98


def test_background_and_the_given_arrays_stay_as_they_are():
    probabilities, images = noisy_volume()
    images[:2] = 0
    before, outside = probabilities.copy(), (images == 0).all(-1)
    refined = refine(probabilities, images)
    np.testing.assert_array_equal(refined[outside], before[outside].astype(np.float32))
    np.testing.assert_array_equal(probabilities, before)
    np.testing.assert_allclose(refined.sum(-1), 1, atol=1e-5)
    np.testing.assert_array_equal(refine(probabilities, 0 * images), before.astype(np.float32))
