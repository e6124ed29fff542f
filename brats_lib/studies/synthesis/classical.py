"""What networks have to beat: denoising and reconstruction without learning, from scikit-image.

Each is given what a network is not: the level of the noise. Their one free strength was chosen on pictures that nothing
is reported on, see `experiments.restore`.
"""

import numpy as np
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

from brats_lib.studies.synthesis.damage import correct_bias

__all__ = ["DENOISERS", "nonlocal_means", "keep_measured", "total_variation", "tv_reconstruction", "wavelets"]


def nonlocal_means(picture, level, strength=0.8):
    """Non-local means (Buades et al. 2005), with the bias of Rician noise taken off.

    Parameters
    ----------
    picture : array of float, shape (h, w)
    level : float
        Standard deviation of the noise.
    strength : float
        Cut-off of the patches' distance, in standard deviations of the noise.

    Returns
    -------
    array of float, shape (h, w)
    """
    found = denoise_nl_means(
        picture, patch_size=5, patch_distance=6, h=strength * level, sigma=level, fast_mode=True
    )  # fmt: skip
    return correct_bias(found, level)


def wavelets(picture, level, strength=1.0):
    """Soft thresholds of wavelet coefficients chosen band by band (Chang et al. 2000, BayesShrink), shifted 16 ways.

    The mean over shifts (Coifman and Donoho 1995) takes off the blocks that a single transform leaves.

    Parameters
    ----------
    picture, level
        As in `nonlocal_means`.
    strength : float
        Factor on the level that the thresholds are chosen for.

    Returns
    -------
    array of float, shape (h, w)
    """
    shifts = [(x, y) for x in range(0, 8, 2) for y in range(0, 8, 2)]
    total = np.zeros(np.shape(picture))
    for shift in shifts:
        moved = np.roll(picture, shift, (0, 1))
        clean = denoise_wavelet(moved, sigma=strength * level, wavelet="db2", method="BayesShrink", rescale_sigma=False)
        total += np.roll(clean, (-shift[0], -shift[1]), (0, 1))
    return correct_bias(total / len(shifts), level)


def total_variation(picture, level, strength=1.0):
    """Total variation (Rudin et al. 1992), with the bias of Rician noise taken off.

    Parameters
    ----------
    picture, level
        As in `nonlocal_means`.
    strength : float
        Weight of the smoothness, in standard deviations of the noise.

    Returns
    -------
    array of float, shape (h, w)
    """
    return correct_bias(denoise_tv_chambolle(picture, weight=strength * level), level)


DENOISERS = {"non-local means": nonlocal_means, "wavelets": wavelets, "total variation": total_variation}


def keep_measured(picture, measured, lines):
    """Put the measured lines of k-space back into a picture: what is known is not to be guessed.

    Parameters
    ----------
    picture : array of float, shape (h, w)
    measured : array of complex, shape (h, w)
    lines : array of bool, shape (h,)

    Returns
    -------
    array of float, shape (h, w)
        Real part.
    """
    spectrum = np.fft.fft2(picture, norm="ortho")
    return np.fft.ifft2(np.where(lines[:, None], measured, spectrum), norm="ortho").real


def tv_reconstruction(measured, lines, weight=0.02, steps=60):
    """Compressed sensing with total variation (Lustig et al. 2007): smooth and put the measured lines back, in turns.

    Parameters
    ----------
    measured : array of complex, shape (h, w)
    lines : array of bool, shape (h,)
    weight : float
        Strength of the smoothing in the first step; it falls evenly to a tenth.
    steps : int

    Returns
    -------
    array of float, shape (h, w)
        Not below 0.
    """
    picture = np.fft.ifft2(measured, norm="ortho").real
    for strength in np.linspace(weight, weight / 10, steps):
        smooth = np.clip(denoise_tv_chambolle(picture, weight=strength, max_num_iter=20), 0, None)
        picture = keep_measured(smooth, measured, lines)
    return np.clip(picture, 0, None)
