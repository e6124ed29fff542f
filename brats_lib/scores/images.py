"""How alike two pictures are: PSNR, SSIM and MS-SSIM, over the slice and inside the brain.

Most of a skull-stripped slice is black in either picture, which both scores reward; so each is given for the brain too.
"""

import numpy as np
from scipy import ndimage

__all__ = ["image_scores", "ms_ssim", "pairwise_ms_ssim", "psnr", "ssim", "ssim_map"]

# Wang et al. 2004, section III-C.
_SIGMA, _TRUNCATE, _K1, _K2 = 1.5, 3.5, 0.01, 0.03
# Wang et al. 2003, section 3.2: exponents from the finest scale to the coarsest.
_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def psnr(truth, found, where=None):
    """Peak signal-to-noise ratio, ``10 log10(1 / mean squared error)``, of pictures in 0-1.

    Parameters
    ----------
    truth, found : arrays of float, one shape
        Intensities in 0-1.
    where : array of bool, same shape, optional
        Only these pixels count.

    Returns
    -------
    float
        In dB; infinite where the pictures are equal.
    """
    error = np.square(np.asarray(truth, float) - np.asarray(found, float))
    error = error.mean() if where is None else error[where].mean()
    return float(10 * np.log10(1 / error)) if error > 0 else float("inf")


def ssim_map(truth, found):
    """Structural similarity at every pixel, and its contrast-and-structure factor (Wang et al. 2004).

    Gaussian window of 1.5 pixels, 11 wide; data range 1; the same numbers as scikit-image's
    ``structural_similarity(gaussian_weights=True, use_sample_covariance=False, full=True)``.

    Parameters
    ----------
    truth, found : arrays of float, shape (h, w)
        Intensities in 0-1.

    Returns
    -------
    similarity, structure : arrays of float, shape (h, w)
    """
    truth, found = np.asarray(truth, float), np.asarray(found, float)

    def blur(image):
        return ndimage.gaussian_filter(image, _SIGMA, truncate=_TRUNCATE)

    mean_t, mean_f = blur(truth), blur(found)
    variances = blur(truth**2) - mean_t**2 + blur(found**2) - mean_f**2
    structure = (2 * (blur(truth * found) - mean_t * mean_f) + _K2**2) / (variances + _K2**2)
    light = (2 * mean_t * mean_f + _K1**2) / (mean_t**2 + mean_f**2 + _K1**2)
    return light * structure, structure


def ssim(truth, found, where=None):
    """Structural similarity of two pictures: the mean of `ssim_map`.

    Parameters
    ----------
    truth, found : arrays of float, shape (h, w)
        Intensities in 0-1.
    where : array of bool, same shape, optional
        Only these pixels count. Otherwise all but a margin of 5 pixels, whose windows leave the picture.

    Returns
    -------
    float
        1 for equal pictures.
    """
    similarity, _ = ssim_map(truth, found)
    margin = int(_TRUNCATE * _SIGMA + 0.5)
    return float(similarity[where].mean() if where is not None else similarity[margin:-margin, margin:-margin].mean())


def ms_ssim(truth, found):
    """Multi-scale structural similarity of two pictures (Wang et al. 2003), at as many of five scales as they have.

    A scale counts while the picture is at least as wide as the window of 11 pixels; the exponents of those that
    count are scaled to sum to 1. A negative mean of a scale counts as 0.

    Parameters
    ----------
    truth, found : arrays of float, shape (h, w)
        Intensities in 0-1.

    Returns
    -------
    float
        In 0-1; 1 for equal pictures.
    """
    truth, found = np.asarray(truth, float), np.asarray(found, float)
    scales = sum(min(truth.shape) // 2**scale >= 11 for scale in range(len(_EXPONENTS)))
    exponents = np.array(_EXPONENTS[:scales]) / sum(_EXPONENTS[:scales])
    product = 1.0
    for scale, exponent in enumerate(exponents):
        similarity, structure = ssim_map(truth, found)
        last = scale == scales - 1
        product *= max((similarity if last else structure).mean(), 0.0) ** exponent
        if not last:
            truth, found = _halve(truth), _halve(found)
    return float(product)


def pairwise_ms_ssim(pictures, pairs=200, seed=0):
    """Mean MS-SSIM of random pairs of pictures: the higher, the more alike they are (Odena et al. 2017).

    Parameters
    ----------
    pictures : array of float, shape (n, h, w)
        At least two.
    pairs : int
        How many are drawn.
    seed : int

    Returns
    -------
    float
        In 0-1.
    """
    rng = np.random.default_rng(seed)
    drawn = (rng.choice(len(pictures), 2, replace=False) for _ in range(pairs))
    return float(np.mean([ms_ssim(pictures[one], pictures[other]) for one, other in drawn]))


def image_scores(truth, found, brain):
    """PSNR and SSIM of one picture, over the slice and inside the brain.

    Parameters
    ----------
    truth, found : arrays of float, shape (h, w)
        Intensities in 0-1.
    brain : array of bool, shape (h, w)

    Returns
    -------
    dict of str to float
        psnr_slice, psnr_brain (dB), ssim_slice, ssim_brain.
    """
    return {
        "psnr_slice": psnr(truth, found),
        "psnr_brain": psnr(truth, found, brain),
        "ssim_slice": ssim(truth, found),
        "ssim_brain": ssim(truth, found, brain),
    }


def _halve(image):
    """Half the side, each pixel the mean of four."""
    h, w = (length // 2 * 2 for length in image.shape)
    return image[:h, :w].reshape(h // 2, 2, w // 2, 2).mean((1, 3))
