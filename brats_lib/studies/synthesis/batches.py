"""Batches for the generative recipes: a pure function of (seed, epoch, batch number) like all others.

Half of what is drawn is mirrored left to right. A batch is a pair of what a network learns from and of zeros (n, 1):
Keras wants a target, but the network gives its losses itself. `epoch`, from 0, is that whose batches are given.
"""

import hashlib
from collections.abc import Callable

import numpy as np
from keras.utils import PyDataset

from brats_lib.cases import MODALITIES
from brats_lib.labels import one_hot
from brats_lib.recipes import GenerativeRecipe
from brats_lib.studies.synthesis.autoencoders import Autoencoder
from brats_lib.studies.synthesis.networks import encode
from brats_lib.studies.synthesis.pictures import Pictures


class _Batches(PyDataset):
    """Batches of what `draw` gives; the recipe's own number of slices per epoch where that is omitted."""

    def __init__(self, recipe, seed, slices_per_epoch):
        super().__init__()
        self.recipe, self.seed, self.batch_slices = recipe, int(seed), recipe.batch_slices
        self.slices_per_epoch = int(slices_per_epoch or recipe.slices_per_epoch)
        self.epoch = 0

    def __len__(self):
        return max(1, self.slices_per_epoch // self.batch_slices)

    def __getitem__(self, batch):
        rng = np.random.default_rng([self.seed, self.epoch, batch])
        return self.draw(rng), np.zeros((self.batch_slices, 1), np.float32)


class PictureBatches(_Batches):
    """Random pictures as a generative recipe wants them, (n, size, size, channels) in float32.

    For a translation they hold sources and targets, for other tasks targets and one-hot classes. Of a recipe whose
    sources are "any" modality, they hold a picture and before it what a `damage` makes of it, which is given a
    generator of random numbers and the picture (h, w). `names` are the cases.
    """

    def __init__(
        self,
        pictures: Pictures,
        recipe: GenerativeRecipe,
        seed: int = 0,
        slices_per_epoch: int | None = None,
        damage: Callable[[np.random.Generator, np.ndarray], np.ndarray] | None = None,
    ):
        super().__init__(recipe, seed, slices_per_epoch)
        self.pictures, self.names, self.damage = pictures, pictures.names, damage

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Random pictures."""
        chosen = rng.integers(len(self.pictures), size=self.batch_slices)
        images = self.pictures.images[chosen].astype(np.float32)
        if self.damage is not None:
            clean = images[np.arange(len(chosen)), ..., rng.integers(images.shape[-1], size=len(chosen))]
            drawn = np.stack([np.stack([self.damage(rng, picture) for picture in clean]), clean], -1)
        else:
            drawn = images[..., [MODALITIES.index(name) for name in (*self.recipe.sources, *self.recipe.targets)]]
            if self.recipe.task != "translation":
                drawn = np.concatenate([drawn, one_hot(self.pictures.classes[chosen])], -1)
        mirrored = rng.random(len(chosen)) < 0.5
        drawn[mirrored] = drawn[mirrored, ::-1]
        return drawn.astype(np.float32)


class CodeBatches(_Batches):
    """Random codes of slices (n, side, side, codes), which a trained autoencoder makes once, here.

    `names` holds a hash of the codes, so that a GAN of other codes is another training.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        pictures: Pictures,
        recipe: GenerativeRecipe,
        seed: int = 0,
        slices_per_epoch: int | None = None,
    ):
        super().__init__(recipe, seed, slices_per_epoch)
        self._codes = np.stack([encode(autoencoder, each) for each in (pictures, pictures.mirrored())])
        self.names = (hashlib.sha256(self._codes.tobytes()).hexdigest()[:12],)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Random codes."""
        side = rng.integers(2, size=self.batch_slices)
        return self._codes[side, rng.integers(self._codes.shape[1], size=self.batch_slices)]
