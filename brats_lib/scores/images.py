"""How alike two pictures are: PSNR, SSIM and MS-SSIM, over the slice and inside the brain.

Pictures have the shape (height, width) and intensities in 0-1. Most of a skull-stripped slice is black in either
picture, which PSNR and SSIM reward; so each is given for the brain too.
"""

import numpy as np
from scipy import ndimage

__all__ = ["image_scores", "ms_ssim", "pairwise_ms_ssim", "psnr", "ssim_map"]

# Wang et al. 2004, section III-C: a Gaussian window of 1.5 pixels that is 11 wide.
_SIGMA, _RADIUS, _K1, _K2 = 1.5, 5, 0.01, 0.03
# Wang et al. 2003, section 3.2: exponents from the finest scale to the coarsest.
_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def psnr(truth: np.ndarray, found: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, ``10 log10(1 / mean squared error)``; infinite where the pictures are equal."""
    error = np.square(np.asarray(truth, float) - np.asarray(found, float)).mean()
    return float(10 * np.log10(1 / error)) if error > 0 else float("inf")


def ssim_map(truth: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Structural similarity at every pixel, and its contrast-and-structure factor (Wang et al. 2004).

    The first is scikit-image's ``structural_similarity(gaussian_weights=True, use_sample_covariance=False,
    data_range=1, full=True)``, which does not give the second.
    """
    truth, found = np.asarray(truth, float), np.asarray(found, float)

    def blur(image):
        return ndimage.gaussian_filter(image, _SIGMA, radius=_RADIUS)

    mean_t, mean_f = blur(truth), blur(found)
    variances = blur(truth**2) - mean_t**2 + blur(found**2) - mean_f**2
    structure = (2 * (blur(truth * found) - mean_t * mean_f) + _K2**2) / (variances + _K2**2)
    light = (2 * mean_t * mean_f + _K1**2) / (mean_t**2 + mean_f**2 + _K1**2)
    return light * structure, structure


def ms_ssim(truth: np.ndarray, found: np.ndarray) -> float:
    """Multi-scale structural similarity, 0-1 (Wang et al. 2003), at as many of five scales as the pictures have.

    A scale counts while the picture is at least as wide as the window; the exponents of those that count are scaled to
    sum to 1. A negative mean of a scale counts as 0.
    """
    truth, found = np.asarray(truth, float), np.asarray(found, float)
    scales = sum(min(truth.shape) // 2**scale > 2 * _RADIUS for scale in range(len(_EXPONENTS)))
    exponents = np.array(_EXPONENTS[:scales]) / sum(_EXPONENTS[:scales])
    product = 1.0
    for scale, exponent in enumerate(exponents, 1):
        similarity, structure = ssim_map(truth, found)
        product *= max((similarity if scale == scales else structure).mean(), 0.0) ** exponent
        truth, found = _halve(truth), _halve(found)
    return float(product)


def pairwise_ms_ssim(pictures: np.ndarray, pairs: int = 200, seed: int = 0) -> float:
    """Mean MS-SSIM of random pairs of pictures: the higher, the more alike they are (Odena et al. 2017)."""
    rng = np.random.default_rng(seed)
    drawn = (rng.choice(len(pictures), 2, replace=False) for _ in range(pairs))
    return float(np.mean([ms_ssim(pictures[one], pictures[other]) for one, other in drawn]))


def image_scores(truth: np.ndarray, found: np.ndarray, brain: np.ndarray) -> dict[str, float]:
    """PSNR (dB) and mean SSIM of one picture, over the slice and where `brain` is true.

    The SSIM of the slice leaves out a margin of 5 pixels, whose windows leave the picture.
    """
    similarity, _ = ssim_map(truth, found)
    return {
        "psnr_slice": psnr(truth, found),
        "psnr_brain": psnr(truth[brain], found[brain]),
        "ssim_slice": float(similarity[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS].mean()),
        "ssim_brain": float(similarity[brain].mean()),
    }


def _halve(image):
    """Half the side, each pixel the mean of four."""
    h, w = (length // 2 * 2 for length in image.shape)
    return image[:h, :w].reshape(h // 2, 2, w // 2, 2).mean((1, 3))
