"""What is watched while a network trains, beside its loss: means over the classes or regions, in 0-1.

Those that sum over a batch depend on its size: quantities to watch, not results to report.
"""

from typing import Any

import keras
import numpy as np

from brats_lib.labels import LABELS, REGIONS

# Which classes, in the order of LABELS, make up which region, in the order of REGIONS.
_MEMBERS = np.array([[label in region for region in REGIONS.values()] for label in LABELS], np.float32)


def soft_dice(truth: Any, probabilities: Any) -> Any:
    """Dice coefficient of one-hot classes (n, h, w, classes) as the notebooks that the paper follows compute it.

    ``mean over classes of (2 sum(t p) + 1) / (sum(t) + sum(p) + 1)``, with sums over all pixels of the batch. It is
    soft and includes the background.
    """
    truth = keras.ops.cast(truth, probabilities.dtype)
    axes = (0, 1, 2)
    shared = keras.ops.sum(truth * probabilities, axes)
    total = keras.ops.sum(truth, axes) + keras.ops.sum(probabilities, axes)
    return keras.ops.mean((2 * shared + 1) / (total + 1))


def hard_dice(truth: Any, probabilities: Any, regions: bool = True) -> Any:
    """Dice coefficient of the decisions, averaged over the regions WT, TC and ET.

    ``2 |t and p| / (|t| + |p|)`` for each region, with sums over all pixels of the batch; 1 where a batch has
    neither. Channels are the regions, of which a pixel belongs to those above one half, or one-hot classes, of which
    it belongs to the most probable.
    """
    chosen, members = (keras.ops.cast(each, "float32") for each in (probabilities, truth))
    if regions:
        chosen = keras.ops.cast(chosen > 0.5, "float32")
    else:
        chosen = keras.ops.one_hot(keras.ops.argmax(chosen, -1), len(LABELS), dtype="float32")
        chosen, members = (keras.ops.matmul(each, _MEMBERS) for each in (chosen, members))
    axes = (0, 1, 2)
    shared, total = keras.ops.sum(members * chosen, axes), keras.ops.sum(members + chosen, axes)
    return keras.ops.mean(keras.ops.where(total > 0, 2 * shared / keras.ops.maximum(total, 1), 1))


class ClassIoU(keras.metrics.OneHotMeanIoU):
    """Mean IoU over classes of the most probable class, from one confusion matrix per epoch.

    The same number as `keras.metrics.OneHotMeanIoU`, which scatters pixel by pixel. A product of one-hot matrices
    takes a third of the time, has no order of summation that could vary on a GPU, and counts in float32, since
    an epoch of full-resolution slices has more background pixels than an int32 can hold. Not to be confused with
    `keras.metrics.MeanIoU`, which the lineage applies to probabilities and which then rounds them down to 0.
    """

    def __init__(self, classes: int, name: str = "iou"):
        super().__init__(classes, name=name, dtype="float32")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch: one-hot (n, h, w, classes) and probabilities of the same shape."""
        if sample_weight is not None:
            raise ValueError("pixels are not weighted")
        chosen = keras.ops.one_hot(keras.ops.argmax(y_pred, -1), self.num_classes, dtype=self.dtype)
        truth = keras.ops.cast(y_true, self.dtype)
        self.total_cm.assign_add(keras.ops.einsum("nxyt,nxyp->tp", truth, chosen))


class RegionDice(ClassIoU):
    """Dice coefficient of the decisions, averaged over WT, TC and ET, from one confusion matrix per epoch.

    ``2 |t and p| / (|t| + |p|)`` for each region over all pixels of the epoch, 1 where there are neither. Unlike
    `hard_dice` it does not depend on the batch size, so that trainings with different ones compare. It is a number of
    slices as the network sees them, not of patients on their grid.
    """

    def __init__(self, classes: int, name: str = "region_dice"):
        super().__init__(classes, name=name)

    def result(self):
        """The mean over regions, in 0-1."""
        ops = keras.ops
        counts = ops.cast(self.total_cm, "float32")
        shared = ops.diagonal(ops.matmul(ops.matmul(_MEMBERS.T, counts), _MEMBERS))
        truth, chosen = ops.matmul(ops.sum(counts, 1), _MEMBERS), ops.matmul(ops.sum(counts, 0), _MEMBERS)
        total = truth + chosen
        return ops.mean(ops.where(total > 0, 2 * shared / ops.maximum(total, 1), 1.0))
