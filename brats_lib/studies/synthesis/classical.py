"""What networks have to beat: denoising and reconstruction without learning, from scikit-image.

A denoiser reads a picture (h, w) and the standard deviation `level` of its Rician noise, which a network is not given;
afterwards the bias of that noise is taken off. Its one free `strength`, in units of the level, was chosen on pictures
that nothing is reported on, in `experiments/judge.py`.
"""

import numpy as np
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

from brats_lib.studies.synthesis.damage import correct_bias

__all__ = ["DENOISERS", "keep_measured", "nonlocal_means", "total_variation", "tv_reconstruction", "wavelets"]


def nonlocal_means(picture: np.ndarray, level: float, strength: float = 0.8) -> np.ndarray:
    """Non-local means (Buades et al. 2005); the strength is the cut-off of the patches' distance."""
    made = denoise_nl_means(picture, patch_size=5, patch_distance=6, h=strength * level, sigma=level, fast_mode=True)
    return correct_bias(made, level)


def wavelets(picture: np.ndarray, level: float, strength: float = 1.0) -> np.ndarray:
    """Soft thresholds of wavelet coefficients chosen band by band (Chang et al. 2000, BayesShrink), shifted 16 ways.

    The mean over shifts (Coifman and Donoho 1995) takes off the blocks that a single transform leaves. The strength is
    a factor on the level that the thresholds are chosen for.
    """
    shifts = [(x, y) for x in range(0, 8, 2) for y in range(0, 8, 2)]
    # In double precision, unlike `skimage.restoration.cycle_spin`.
    total = np.zeros(np.shape(picture))
    for x, y in shifts:
        moved = np.roll(picture, (x, y), (0, 1))
        clean = denoise_wavelet(moved, sigma=strength * level, wavelet="db2", method="BayesShrink", rescale_sigma=False)
        total += np.roll(clean, (-x, -y), (0, 1))
    return correct_bias(total / len(shifts), level)


def total_variation(picture: np.ndarray, level: float, strength: float = 1.0) -> np.ndarray:
    """Total variation (Rudin et al. 1992); the strength is the weight of the smoothness."""
    return correct_bias(denoise_tv_chambolle(picture, weight=strength * level), level)


DENOISERS = {"non-local means": nonlocal_means, "wavelets": wavelets, "total variation": total_variation}


def keep_measured(picture: np.ndarray, measured: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Put the measured lines of k-space, as `damage.measure` gives them, back into a picture."""
    spectrum = np.fft.fft2(picture, norm="ortho")
    return np.fft.ifft2(np.where(lines[:, None], measured, spectrum), norm="ortho").real


def tv_reconstruction(measured: np.ndarray, lines: np.ndarray, weight: float = 0.02) -> np.ndarray:
    """Compressed sensing with total variation (Lustig et al. 2007): smooth and put the measured lines back, in turns.

    Parameters
    ----------
    measured, lines
        As in `damage.measure`.
    weight
        Strength of the smoothing in the first of 60 steps; it falls evenly to a tenth.

    Returns
    -------
    picture
        (h, w), not below 0.
    """
    picture = np.fft.ifft2(measured, norm="ortho").real
    for strength in np.linspace(weight, weight / 10, 60):
        smooth = np.clip(denoise_tv_chambolle(picture, weight=strength, max_num_iter=20), 0, None)
        picture = keep_measured(smooth, measured, lines)
    return np.clip(picture, 0, None)
