"""Batches made by other processes: a core makes patches more slowly than a GPU learns them."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from keras.utils import PyDataset

__all__ = ["AheadBatches"]

# Batches that each process may be ahead.
DEPTH = 6

_batches = None


class AheadBatches(PyDataset):
    """The batches of a dataset, the same ones in the same order.

    Keras's own processes (``use_multiprocessing``) are forked again for every epoch, beside the threads of JAX, and on
    JAX hand over the batches in another order.

    Parameters
    ----------
    make : callable
        Gives the dataset, such as a `brats_lib.slices.patches.PatchBatches`; can be pickled, for each process calls it.
    workers : int
        Processes.

    Attributes
    ----------
    epoch : int
        The epoch whose batches are given, from 0.
    """

    def __init__(self, make, workers):
        super().__init__()
        self.epoch, self._ahead, self._waiting = 0, DEPTH * workers, {}
        batches = make()
        self._length = len(batches)
        for fact in ("names", "flair_hashes", "batch_slices", "slices_per_epoch", "seed"):
            setattr(self, fact, getattr(batches, fact))
        self._pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _open, (make,))

    def __len__(self):
        return self._length

    def __getitem__(self, batch):
        first = self.epoch * self._length + batch
        for place in range(first, first + self._ahead):
            if place not in self._waiting:
                self._waiting[place] = self._pool.submit(_make, *divmod(place, self._length))
        for passed in [place for place in self._waiting if place < first]:
            self._waiting.pop(passed).cancel()
        return self._waiting.pop(first).result()

    def close(self):
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


def _open(make):
    global _batches
    _batches = make()


def _make(epoch, batch):
    _batches.epoch = epoch
    return _batches[batch]
