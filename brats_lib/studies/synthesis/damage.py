"""What spoils a picture: Rician noise, and k-space that is not measured completely."""

import numpy as np

__all__ = [
    "LEVELS", "RATES", "correct_bias", "measure", "rician", "sampling_lines", "zero_filled",
]  # fmt: skip

# Standard deviation of the noise in either channel, as a share of the brightest tissue.
LEVELS = (0.03, 0.07, 0.15)
# How many times fewer lines are measured, and the share of all lines that lies in the middle, without gaps
# (Zbontar et al. 2018, fastMRI, section 4.6).
RATES = {4: 0.08, 8: 0.04}


def rician(rng, picture, level):
    """Add the noise of a magnitude picture: Gaussian noise in the real and the imaginary part.

    ``sqrt((x + n1)^2 + n2^2)`` (Gudbjartsson and Patz 1995). Where there is no signal it is not zero on average.

    Parameters
    ----------
    rng : numpy.random.Generator
    picture : array of float, any shape
        Intensities in 0-1.
    level : float
        Standard deviation of n1 and n2.

    Returns
    -------
    array of float32, same shape
    """
    noise = rng.normal(0, level, (2, *np.shape(picture)))
    return np.hypot(picture + noise[0], noise[1]).astype(np.float32)


def correct_bias(picture, level):
    """Take from a magnitude what noise adds to it on average: ``sqrt(max(x^2 - 2 level^2, 0))``.

    Gudbjartsson and Patz 1995. What every denoiser of this book is given afterwards that does not know of Rician noise.

    Parameters
    ----------
    picture : array of float, any shape
    level : float

    Returns
    -------
    array of float, same shape
    """
    return np.sqrt(np.clip(np.square(picture) - 2 * level**2, 0, None))


def sampling_lines(rng, size, rate):
    """Choose which lines of k-space are measured: the middle, and others at random until one in `rate` is.

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int
        Lines of the picture.
    rate : {4, 8}

    Returns
    -------
    array of bool, shape (size,)
        In the order of `numpy.fft.fftfreq`: the middle of k-space, its low frequencies, first and last.
    """
    middle = round(size * RATES[rate])
    lines = np.zeros(size, bool)
    start = (size - middle + 1) // 2
    lines[start : start + middle] = True
    others = np.flatnonzero(~lines)
    lines[rng.choice(others, round(size / rate) - middle, replace=False)] = True
    return np.fft.ifftshift(lines)


def measure(picture, lines):
    """The lines of k-space that are measured of a picture; one coil, no noise, phase zero.

    Parameters
    ----------
    picture : array of float, shape (h, w)
    lines : array of bool, shape (h,)

    Returns
    -------
    array of complex, shape (h, w)
        Orthonormal Fourier transform, 0 where nothing is measured.
    """
    return np.fft.fft2(np.asarray(picture, float), norm="ortho") * lines[:, None]


def zero_filled(measured):
    """The picture that is left when what was not measured counts as zero.

    Parameters
    ----------
    measured : array of complex, shape (h, w)

    Returns
    -------
    array of float32, shape (h, w)
        Magnitude.
    """
    return np.abs(np.fft.ifft2(measured, norm="ortho")).astype(np.float32)
