"""Batches of slices for `keras.Model.fit`: the paper's data generator, section 3.3.

"A custom Keras sequence-based data generator ... loads batches of MRI slices along with their matching segmentation
masks ... Converts segmentation masks to a one-hot encoded format ... Handles shuffling of data between epochs ...
manages the mapping between subject IDs and file paths." Where its lineage reads one whole patient per batch, this
shuffles slices across all patients.
"""

from collections.abc import Sequence

import numpy as np
from keras.utils import PyDataset

from brats_lib import labels
from brats_lib.errors import BratsError
from brats_lib.slices.augment import Augmenter
from brats_lib.slices.cache import SliceCache

__all__ = ["ProcessShare", "SliceBatches"]


class SliceBatches(PyDataset):
    """Batches of slices in an order that depends on the seed and the epoch alone.

    A batch is a pure function of (seed, epoch, batch number), so that a resumed training sees what an uninterrupted one
    would have, whatever Keras reads ahead and with however many threads. Two things are needed for that from the
    caller: ``fit(..., shuffle=False)``, because Keras otherwise draws the order of the batches from Python's global
    random state, and after a restart ``batches.epoch = <epochs already trained>``.

    Batch number ``b`` is images (n, size, size, channels), float32 in 0-1, and one-hot classes (n, size, size, 4).

    Parameters
    ----------
    cache, names
        The cases, one subset of the split, to take slices from.
    batch_slices
        Slices per batch; the last batch of an epoch has what is left.
    shuffle
        Draw a new order of all slices every epoch. Without it slices come case by case, bottom to top.
    slices_per_epoch
        Use only so many slices per epoch: a new draw without replacement every epoch where `shuffle` is set, evenly
        spaced and always the same ones where it is not. By default, and at most, all.
    **options
        Options of `keras.utils.PyDataset`. The default of one worker is right: reading takes a fraction of the time of
        a training step.

    Attributes
    ----------
    epoch : int
        The epoch whose batches are given, from 0.
    """

    def __init__(
        self, cache: SliceCache, names: Sequence[str], batch_slices: int, shuffle: bool = True, seed: int = 0,
        slices_per_epoch: int | None = None, augment: Augmenter | None = None, **options,
    ):  # fmt: skip
        super().__init__(**options)
        self.cache, self.names = cache, tuple(names)
        if not self.names:
            raise BratsError("the list of cases", "it is empty", "at least one case", "Check the split")
        self.flair_hashes = tuple(map(cache.flair_hash, self.names))
        self.batch_slices, self.shuffle, self.seed, self.augment = int(batch_slices), shuffle, int(seed), augment
        self._total = len(self.names) * cache.recipe.slices
        self.slices_per_epoch = min(self._total, int(slices_per_epoch or self._total))
        self.epoch = 0
        self._begun = False
        self._drawn = None, None

    def __len__(self):
        return -(-self.slices_per_epoch // self.batch_slices)

    def _order(self, epoch):
        """Positions in the list of all slices, shape (slices_per_epoch,), in the order of an epoch."""
        # One assignment of a pair, because several threads may ask at once.
        drawn, order = self._drawn
        if drawn != epoch:
            if self.shuffle:
                order = np.random.default_rng([self.seed, epoch]).permutation(self._total)[: self.slices_per_epoch]
            else:
                order = np.arange(self.slices_per_epoch) * self._total // self.slices_per_epoch
            self._drawn = epoch, order
        return order

    def __getitem__(self, batch):
        if not 0 <= batch < len(self):
            raise IndexError(f"batch {batch} of {len(self)}")
        epoch, recipe = self.epoch, self.cache.recipe
        picked = self._order(epoch)[batch * self.batch_slices : (batch + 1) * self.batch_slices]
        cases, positions = np.divmod(picked, recipe.slices)
        images = np.empty((len(picked), recipe.size, recipe.size, len(recipe.modalities)), np.float32)
        classes = np.empty((len(picked), recipe.size, recipe.size), np.uint8)
        # Each case's files are opened once and read front to back.
        by_case = np.argsort(picked)
        for rows in np.split(by_case, np.flatnonzero(np.diff(cases[by_case])) + 1):
            images[rows], classes[rows] = self.cache.read(self.names[cases[rows[0]]], positions[rows])
        if self.augment is not None:
            images, classes = self.augment(images, classes, draw=(self.seed, epoch, batch))
        return images, labels.one_hot(classes)

    def on_epoch_begin(self):
        """Keras calls this before an epoch's first batch."""
        self._begun = True

    def on_epoch_end(self):
        """Go on to the next epoch, if one has begun.

        Keras calls this once before the first epoch as well, and twice after one that ran out of data.
        """
        self.epoch += self._begun
        self._begun = False


class ProcessShare(PyDataset):
    """The share that one of several processes has in each batch: a block of equal size.

    `batches` are the same in every process, of which this is number `index` of `count`, see `devices.processes`. The
    `devices` of all processes together have to divide every batch.
    """

    def __init__(self, batches: PyDataset, index: int, count: int, devices: int):
        super().__init__()
        self.batches, self.index, self.count, self.devices = batches, index, count, devices

    @property
    def epoch(self) -> int:
        """The epoch whose batches are given, from 0."""
        return self.batches.epoch

    @epoch.setter
    def epoch(self, epoch: int):
        self.batches.epoch = epoch

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

    def on_epoch_begin(self):
        """Keras calls this before an epoch's first batch."""
        self.batches.on_epoch_begin()

    def on_epoch_end(self):
        """Go on to the next epoch."""
        self.batches.on_epoch_end()
