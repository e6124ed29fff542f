"""Batches of pictures for the generative recipes: a pure function of (seed, epoch, batch number) like all others."""

import numpy as np
from keras.utils import PyDataset

from brats_lib.cases import MODALITIES
from brats_lib.errors import BratsError
from brats_lib.labels import one_hot
from brats_lib.studies.synthesis import networks  # noqa: F401 (adds what a generative recipe builds)

__all__ = ["PictureBatches"]


class PictureBatches(PyDataset):
    """Random pictures, half of them mirrored left to right, as a generative recipe wants them.

    Parameters
    ----------
    pictures : brats_lib.studies.synthesis.pictures.Pictures
    recipe : brats_lib.recipes.GenerativeRecipe
        Its task decides what a batch holds, see `__getitem__`.
    seed : int
        Seed of everything random.
    slices_per_epoch : int, optional
        The recipe's own number where omitted.
    damage : callable, optional
        For a recipe whose sources are "any" modality: a generator of random numbers and a clean picture (h, w) in, a
        damaged one out.
    fixed : bool
        The same pictures in every epoch, none mirrored: for validation.
    **options
        Options of `keras.utils.PyDataset`.

    Attributes
    ----------
    epoch : int
        The epoch whose batches are given, from 0.
    names : tuple of str
        The cases.

    Raises
    ------
    BratsError
        If there are no pictures, or none of a way to damage them where the recipe needs one.
    """

    def __init__(self, pictures, recipe, seed=0, slices_per_epoch=None, damage=None, fixed=False, **options):
        super().__init__(**options)
        if not len(pictures):
            raise BratsError("pictures to learn from", "there are none", "at least one", "Check the split")
        if (recipe.sources == ("any",)) != (damage is not None):
            found = "there is a damage" if damage is not None else "there is no damage"
            expected = "one where the sources are any modality, and only there"
            raise BratsError(f"recipe '{recipe.name}'", found, expected, "Choose another recipe, or give or omit it")
        self.pictures, self.recipe, self.seed, self.damage, self.fixed = pictures, recipe, int(seed), damage, fixed
        self.names, self.batch_slices = pictures.names, recipe.batch_slices
        self.slices_per_epoch = int(slices_per_epoch or recipe.slices_per_epoch)
        self.epoch = 0
        if damage is None:
            self._channels = [MODALITIES.index(name) for name in (*recipe.sources, *recipe.targets)]

    def __len__(self):
        return max(1, self.slices_per_epoch // self.batch_slices)

    def __getitem__(self, batch):
        """Make a batch of the current epoch.

        Returns
        -------
        pictures : array of float32, shape (n, size, size, channels)
            Sources and targets; for the tasks "gan" and "vae" the targets and the one-hot classes.
        nothing : array of float32, shape (n, 1)
            Keras wants a target; the network gives its losses itself.
        """
        rng = np.random.default_rng([self.seed, 0 if self.fixed else self.epoch, batch])
        chosen = rng.integers(len(self.pictures), size=self.batch_slices)
        images = self.pictures.images[chosen].astype(np.float32)
        if self.damage is not None:
            clean = images[np.arange(len(chosen)), ..., rng.integers(images.shape[-1], size=len(chosen))]
            pair = np.stack([np.stack([self.damage(rng, picture) for picture in clean]), clean], -1)
        elif self.recipe.task == "translation":
            pair = images[..., self._channels]
        else:
            pair = np.concatenate([images[..., self._channels], one_hot(self.pictures.classes[chosen])], -1)
        if not self.fixed:
            mirrored = rng.random(len(chosen)) < 0.5
            pair[mirrored] = pair[mirrored, ::-1]
        return pair.astype(np.float32), np.zeros((len(chosen), 1), np.float32)
