"""What spoils a picture with intensities in 0-1, and how it is mended without learning: what networks have to beat.

Rician noise, and k-space that is not measured completely. A denoiser reads a picture (h, w) and the standard deviation
`level` of its noise, which a network is not given; afterwards the bias of that noise is taken off. Its one free
`strength`, in units of the level, was chosen on pictures that nothing is reported on, in `experiments/judge.py`.
"""

import numpy as np
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

# Standard deviation of the noise in either channel, as a share of the brightest tissue.
LEVELS = (0.03, 0.07, 0.15)
# How many times fewer lines are measured, and the share of all lines that lies in the middle, without gaps
# (Zbontar et al. 2018, fastMRI, section 4.6).
RATES = {4: 0.08, 8: 0.04}


def rician(rng: np.random.Generator, picture: np.ndarray, level: float) -> np.ndarray:
    """Add the noise of a magnitude picture, ``sqrt((x + n1)^2 + n2^2)`` (Gudbjartsson and Patz 1995), as float32.

    `level` is the standard deviation of n1 and n2. Where there is no signal the noise is not zero on average.
    """
    noise = rng.normal(0, level, (2, *np.shape(picture)))
    return np.hypot(picture + noise[0], noise[1]).astype(np.float32)


def correct_bias(picture: np.ndarray, level: float) -> np.ndarray:
    """Take from a magnitude what noise adds to it on average: ``sqrt(max(x^2 - 2 level^2, 0))``.

    Gudbjartsson and Patz 1995. What every denoiser of this book is given afterwards that does not know of Rician noise.
    """
    return np.sqrt(np.clip(np.square(picture) - 2 * level**2, 0, None))


def nonlocal_means(picture: np.ndarray, level: float, strength: float = 0.8) -> np.ndarray:
    """Non-local means (Buades et al. 2005); the strength is the cut-off of the patches' distance."""
    made = denoise_nl_means(picture, patch_size=5, patch_distance=6, h=strength * level, sigma=level, fast_mode=True)
    return correct_bias(made, level)


def total_variation(picture: np.ndarray, level: float, strength: float = 1.0) -> np.ndarray:
    """Total variation (Rudin et al. 1992); the strength is the weight of the smoothness."""
    return correct_bias(denoise_tv_chambolle(picture, weight=strength * level), level)


DENOISERS = {"non-local means": nonlocal_means, "total variation": total_variation}


def sampling_lines(rng: np.random.Generator, size: int, rate: int) -> np.ndarray:
    """Choose which of `size` lines of k-space are measured: the middle, and others at random until one in `rate` is.

    bool, (size,), in the order of `numpy.fft.fftfreq`: the middle of k-space, its low frequencies, first and last.
    """
    middle = round(size * RATES[rate])
    lines = np.zeros(size, bool)
    start = (size - middle + 1) // 2
    lines[start : start + middle] = True
    others = np.flatnonzero(~lines)
    lines[rng.choice(others, round(size / rate) - middle, replace=False)] = True
    return np.fft.ifftshift(lines)


def measure(picture: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """What `lines` (h,) of k-space measure of a picture (h, w) with one coil, no noise and phase zero.

    The orthonormal Fourier transform, complex, (h, w); 0 where nothing is measured.
    """
    return np.fft.fft2(np.asarray(picture, float), norm="ortho") * lines[:, None]


def zero_filled(measured: np.ndarray) -> np.ndarray:
    """The magnitude picture, float32, that is left when what was not measured counts as zero."""
    return np.abs(np.fft.ifft2(measured, norm="ortho")).astype(np.float32)


def restore_measured(picture: np.ndarray, measured: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Put the measured lines of k-space, as `measure` gives them, back into a picture."""
    spectrum = np.fft.fft2(picture, norm="ortho")
    return np.fft.ifft2(np.where(lines[:, None], measured, spectrum), norm="ortho").real


def tv_reconstruction(measured: np.ndarray, lines: np.ndarray, weight: float = 0.02) -> np.ndarray:
    """Compressed sensing with total variation (Lustig et al. 2007): smooth and put the measured lines back, in turns.

    From what `measure` gives to a picture (h, w), not below 0. `weight` is the strength of the smoothing in the first
    of 60 steps; it falls evenly to a tenth.
    """
    picture = np.fft.ifft2(measured, norm="ortho").real
    for strength in np.linspace(weight, weight / 10, 60):
        smooth = np.clip(denoise_tv_chambolle(picture, weight=strength, max_num_iter=20), 0, None)
        picture = restore_measured(smooth, measured, lines)
    return np.clip(picture, 0, None)
