"""Slices as codes of an autoencoder, and batches of codes for a GAN to learn from."""

import hashlib

import numpy as np
from keras.utils import PyDataset

from brats_lib.errors import BratsError
from brats_lib.studies.synthesis.forward import forward

__all__ = ["CodeBatches", "draw_again", "encode"]


def encode(autoencoder, pictures, batch_slices=32):
    """Codes of slices with their labels.

    Parameters
    ----------
    autoencoder : brats_lib.studies.synthesis.autoencoder.Autoencoder
    pictures : brats_lib.studies.synthesis.pictures.Pictures
    batch_slices : int
        Decides memory, not the result.

    Returns
    -------
    array of float32, shape (n, side, side, latent)
        The means of the posterior.
    """
    found = []
    for start in range(0, len(pictures), batch_slices):
        shown = pictures.take(slice(start, start + batch_slices))
        found.append(forward(autoencoder.encoder, shown.labelled(), batch_slices)[..., : autoencoder.recipe.latent])
    return np.concatenate(found)


def draw_again(autoencoder, pictures):
    """Slices with their labels as the autoencoder draws them again from their codes.

    Parameters
    ----------
    autoencoder : brats_lib.studies.synthesis.autoencoder.Autoencoder
    pictures : brats_lib.studies.synthesis.pictures.Pictures

    Returns
    -------
    array of float32, shape (n, size, size, modalities + classes)
        Intensities and class probabilities, 0-1.
    """
    return forward(autoencoder.decoder, encode(autoencoder, pictures))


class CodeBatches(PyDataset):
    """Random codes of slices, half of them of the slices mirrored left to right.

    Parameters
    ----------
    autoencoder : brats_lib.studies.synthesis.autoencoder.Autoencoder
        Trained; it makes the codes once, here.
    pictures : brats_lib.studies.synthesis.pictures.Pictures
    recipe : brats_lib.recipes.GenerativeRecipe
        Of the task "gan".
    seed : int
    slices_per_epoch : int, optional
        The recipe's own number where omitted.
    **options
        Options of `keras.utils.PyDataset`.

    Attributes
    ----------
    epoch : int
        The epoch whose batches are given, from 0.
    names : tuple of str
        A hash of the codes, so that a GAN of other codes is another training.

    Raises
    ------
    BratsError
        If there are no pictures, or the codes are not what the recipe expects.
    """

    def __init__(self, autoencoder, pictures, recipe, seed=0, slices_per_epoch=None, **options):
        super().__init__(**options)
        if not len(pictures):
            raise BratsError("pictures to learn from", "there are none", "at least one", "Check the split")
        found = (*autoencoder.encoder.output_shape[1:3], autoencoder.recipe.latent)
        expected = (recipe.size, recipe.size, recipe.codes)
        if found != expected:
            raise BratsError(
                f"recipe '{recipe.name}'", f"the autoencoder's codes have shape {found}", f"{expected}",
                "Choose recipes that belong together",
            )  # fmt: skip
        mirrored = pictures.mirrored()
        self._codes = np.stack([encode(autoencoder, each) for each in (pictures, mirrored)])
        self.recipe, self.seed, self.batch_slices = recipe, int(seed), recipe.batch_slices
        self.slices_per_epoch = int(slices_per_epoch or recipe.slices_per_epoch)
        self.names = (hashlib.sha256(self._codes.tobytes()).hexdigest()[:12],)
        self.epoch = 0

    def __len__(self):
        return max(1, self.slices_per_epoch // self.batch_slices)

    def __getitem__(self, batch):
        """Make a batch of the current epoch.

        Returns
        -------
        codes : array of float32, shape (n, side, side, codes)
        nothing : array of float32, shape (n, 1)
            Keras wants a target; the network gives its losses itself.
        """
        rng = np.random.default_rng([self.seed, self.epoch, batch])
        side = rng.integers(2, size=self.batch_slices)
        chosen = rng.integers(self._codes.shape[1], size=self.batch_slices)
        return self._codes[side, chosen], np.zeros((self.batch_slices, 1), np.float32)
