"""Batches of slices for `keras.Model.fit`: the paper's data generator, section 3.3.

"A custom Keras sequence-based data generator ... loads batches of MRI slices along with their matching segmentation
masks ... Converts segmentation masks to a one-hot encoded format ... Handles shuffling of data between epochs ...
manages the mapping between subject IDs and file paths." Where its lineage reads one whole patient per batch, this
shuffles slices across all patients.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from keras.utils import PyDataset

from brats_lib import labels
from brats_lib.errors import BratsError
from brats_lib.slices.augment import Augmenter
from brats_lib.slices.cache import SliceCache


class SliceBatches(PyDataset):
    """Batches of slices in an order that depends on the seed and the epoch alone.

    A batch is a pure function of (seed, epoch, batch number), so that a resumed training sees what an uninterrupted one
    would have, whatever Keras reads ahead. Two things are needed for that from the caller, and `training.fitting.train`
    sees to both: ``fit(..., shuffle=False)``, because Keras otherwise draws the order of the batches from Python's
    global random state, and the attribute `epoch`, from 0, set before each epoch.

    Batch number ``b`` is images (n, size, size, channels), 0-1, and one-hot classes (n, size, size, 4). They are
    float16, as the cache has them, and uint8, which Keras makes float32 where it computes: a batch of float32 takes
    four times as long to make, and to bring to a GPU. Augmented images are float32.

    Parameters
    ----------
    batch_slices
        Slices per batch; the last batch of an epoch has what is left.
    shuffle
        Draw a new order of all slices every epoch. Without it slices come case by case, bottom to top.
    slices_per_epoch
        Use only so many slices per epoch: a new draw without replacement every epoch where `shuffle` is set, evenly
        spaced and always the same ones where it is not. By default, and at most, all.
    """

    def __init__(
        self, cache: SliceCache, names: Sequence[str], batch_slices: int, shuffle: bool = True, seed: int = 0,
        slices_per_epoch: int | None = None, augment: Augmenter | None = None,
    ):  # fmt: skip
        super().__init__()
        self.cache, self.names = cache, tuple(names)
        if not self.names:
            raise BratsError("the list of cases", "it is empty", "at least one case", "Check the split")
        self.flair_hashes = tuple(map(cache.flair_hash, self.names))
        self.batch_slices, self.shuffle, self.seed, self.augment = int(batch_slices), shuffle, int(seed), augment
        self._total = len(self.names) * cache.recipe.slices
        self.slices_per_epoch = min(self._total, int(slices_per_epoch or self._total))
        self.epoch = 0

    def __len__(self):
        return -(-self.slices_per_epoch // self.batch_slices)

    def _order(self):
        """Positions in the list of all slices, shape (slices_per_epoch,), in the order of the epoch."""
        if self.shuffle:
            return np.random.default_rng([self.seed, self.epoch]).permutation(self._total)[: self.slices_per_epoch]
        return np.arange(self.slices_per_epoch) * self._total // self.slices_per_epoch

    def __getitem__(self, batch):
        recipe = self.cache.recipe
        picked = self._order()[batch * self.batch_slices : (batch + 1) * self.batch_slices]
        if not len(picked):
            raise IndexError(f"batch {batch} of {len(self)}")
        cases, positions = np.divmod(picked, recipe.slices)
        images = np.empty((len(picked), recipe.size, recipe.size, len(recipe.modalities)), np.float16)
        classes = np.empty((len(picked), recipe.size, recipe.size), np.uint8)
        # Each case's files are opened once and read front to back.
        by_case = np.argsort(picked)
        for rows in np.split(by_case, np.flatnonzero(np.diff(cases[by_case])) + 1):
            images[rows], classes[rows] = self.cache.read(self.names[cases[rows[0]]], positions[rows])
        if self.augment is not None:
            images, classes = self.augment(images, classes, draw=(self.seed, self.epoch, batch))
        return images, labels.one_hot(classes, np.uint8)


class ProcessShare(PyDataset):
    """The share that one of several processes has in each batch: a block of equal size.

    `batches` are the same in every process, of which this is number `index` of `count`, see `devices.process`. The
    `devices` of all processes together have to divide every batch.
    """

    def __init__(self, batches: PyDataset, index: int, count: int, devices: int):
        super().__init__()
        self.batches, self.index, self.count, self.devices = batches, index, count, devices

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, batch):
        arrays = self.batches[batch]
        total = len(arrays[0])
        if total % self.devices:
            expected = f"a multiple of {self.devices}, the devices of {self.count} processes"
            advice = "Choose batch_slices and slices_per_epoch that can be shared out evenly"
            raise BratsError(f"batch {batch + 1} of {len(self)}", f"it has {total} slices", expected, advice)
        block = total // self.count
        return tuple(array[self.index * block : (self.index + 1) * block] for array in arrays)


class Ahead(PyDataset):
    """The same batches, each made by a thread while the one before it is learnt.

    Keras has threads of its own, but on JAX those hand over batches of the wrong epoch in the wrong order, since it
    reads the first ones twice.
    """

    def __init__(self, batches: PyDataset):
        super().__init__()
        self.batches = batches
        self._thread = ThreadPoolExecutor(1)
        self._made: dict[tuple[int, int], Future] = {}

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, batch):
        epoch = getattr(self.batches, "epoch", 0)
        made = self._made.get((epoch, batch)) or self._thread.submit(self.batches.__getitem__, batch)
        self._made = {}
        if batch + 1 < len(self):
            self._made[epoch, batch + 1] = self._thread.submit(self.batches.__getitem__, batch + 1)
        return made.result()
