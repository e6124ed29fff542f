"""Labelled slices from a generator and the way from one to another; slices as codes."""

from typing import TYPE_CHECKING

import numpy as np

from brats_lib.studies.synthesis.networks import forward

if TYPE_CHECKING:
    import keras

    from brats_lib.studies.synthesis.autoencoder import Autoencoder
    from brats_lib.studies.synthesis.pictures import Pictures

__all__ = ["between", "draw_latent", "encode", "split_labelled", "synthesise"]

# Below this a pixel that is no tumour is background, as in pictures of skull-stripped brains.
_FLOOR = 0.02
_BATCH = 32


def draw_latent(count: int, length: int, seed: int = 0) -> np.ndarray:
    """Standard normal latent vectors, (count, length)."""
    return np.random.default_rng(seed).standard_normal((count, length), np.float32)


def synthesise(generator: "keras.Model", latent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make labelled slices of latent vectors (n, length) with a generator of `gan.join`.

    Returns
    -------
    images
        float16, (n, size, size, modalities), in 0-1; 0 outside the brain.
    classes
        uint8, (n, size, size): the most probable class, 0-3; 0 outside the brain.
    """
    return split_labelled(forward(generator, latent, _BATCH))


def split_labelled(made: np.ndarray, modalities: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Part intensities and class probabilities, joined along the last axis, into what `synthesise` gives."""
    images, classes = made[..., :modalities], made[..., modalities:].argmax(-1).astype(np.uint8)
    outside = (images.max(-1) < _FLOOR) & (classes == 0)
    return np.where(outside[..., None], 0, images).astype(np.float16), classes


def between(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """Latent vectors in so many steps on the great circle from one to the other, all as likely (White 2016)."""
    one, other = (vector / np.linalg.norm(vector) for vector in (first, second))
    angle = np.arccos(np.clip(one @ other, -1, 1))
    shares = np.linspace(0, 1, steps)[:, None]
    if angle < 1e-6:
        return ((1 - shares) * first + shares * second).astype(np.float32)
    path = (np.sin((1 - shares) * angle) * first + np.sin(shares * angle) * second) / np.sin(angle)
    return path.astype(np.float32)


def encode(autoencoder: "Autoencoder", pictures: "Pictures") -> np.ndarray:
    """Codes of slices with their labels, (n, side, side, latent): the means of the posterior."""
    parts = [pictures.take(slice(start, start + _BATCH)) for start in range(0, len(pictures), _BATCH)]
    latent = autoencoder.recipe.latent
    return np.concatenate([forward(autoencoder.encoder, part.labelled(), _BATCH)[..., :latent] for part in parts])
