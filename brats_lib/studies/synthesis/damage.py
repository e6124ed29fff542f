"""What spoils a picture with intensities in 0-1: Rician noise, and k-space that is not measured completely."""

import numpy as np

__all__ = ["LEVELS", "RATES", "correct_bias", "measure", "rician", "sampling_lines", "zero_filled"]

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


def sampling_lines(rng: np.random.Generator, size: int, rate: int) -> np.ndarray:
    """Choose which lines of k-space are measured: the middle, and others at random until one in `rate` is.

    Parameters
    ----------
    size
        Lines of the picture.
    rate
        One of `RATES`.

    Returns
    -------
    lines
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
