"""Labelled slices from a generator, and the way from one to another."""

import numpy as np

from brats_lib.studies.synthesis.forward import forward

__all__ = ["between", "draw_latent", "split_labelled", "synthesise"]

# Below this a pixel that is no tumour is background, as in pictures of skull-stripped brains.
_FLOOR = 0.02


def draw_latent(count, length, seed=0):
    """Standard normal latent vectors.

    Returns
    -------
    array of float32, shape (count, length)
    """
    return np.random.default_rng(seed).standard_normal((count, length), np.float32)


def synthesise(generator, latent, batch_slices=32):
    """Make labelled slices of latent vectors.

    Parameters
    ----------
    generator : keras.Model
        Of `gan.join`.
    latent : array of float32, shape (n, length)
    batch_slices : int
        Decides memory, not the result.

    Returns
    -------
    images : array of float16, shape (n, size, size, modalities)
        In 0-1, 0 outside the brain.
    classes : array of uint8, shape (n, size, size)
        Most probable class, 0-3; 0 outside the brain.
    """
    return split_labelled(forward(generator, latent, batch_slices))


def split_labelled(made, modalities=4):
    """Part what a generator makes into pictures and labels, both empty outside the brain.

    Parameters
    ----------
    made : array of float, shape (n, h, w, modalities + classes)
    modalities : int

    Returns
    -------
    images, classes
        As in `synthesise`.
    """
    images, classes = made[..., :modalities], made[..., modalities:].argmax(-1).astype(np.uint8)
    outside = (images.max(-1) < _FLOOR) & (classes == 0)
    return np.where(outside[..., None], 0, images).astype(np.float16), classes


def between(first, second, steps):
    """Latent vectors on the great circle from one to the other, which all are as likely lengths (White 2016).

    Parameters
    ----------
    first, second : arrays of float, shape (length,)
    steps : int
        How many, the ends included.

    Returns
    -------
    array of float32, shape (steps, length)
    """
    one, other = (vector / np.linalg.norm(vector) for vector in (first, second))
    angle = np.arccos(np.clip(one @ other, -1, 1))
    shares = np.linspace(0, 1, steps)[:, None]
    if angle < 1e-6:
        return ((1 - shares) * first + shares * second).astype(np.float32)
    path = (np.sin((1 - shares) * angle) * first + np.sin(shares * angle) * second) / np.sin(angle)
    return path.astype(np.float32)
