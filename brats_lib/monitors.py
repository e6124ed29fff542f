"""What is watched while a network trains, beside its loss."""

import keras

__all__ = ["ClassIoU", "soft_dice"]


def soft_dice(truth, probabilities):
    """Dice coefficient as the notebooks that the paper follows compute it while training.

    ``mean over classes of (2 sum(t p) + 1) / (sum(t) + sum(p) + 1)``, with sums over all pixels of the batch. It is
    soft, includes the background, and depends on the batch size: a quantity to watch, not a result to report.

    Parameters
    ----------
    truth, probabilities : tensor of float, shape (n, h, w, classes)
        One-hot classes, and probabilities in 0-1.

    Returns
    -------
    tensor of float, shape ()
        In 0-1.
    """
    truth = keras.ops.cast(truth, probabilities.dtype)
    axes = (0, 1, 2)
    shared = keras.ops.sum(truth * probabilities, axes)
    total = keras.ops.sum(truth, axes) + keras.ops.sum(probabilities, axes)
    return keras.ops.mean((2 * shared + 1) / (total + 1))


class ClassIoU(keras.metrics.OneHotMeanIoU):
    """Mean IoU over classes of the most probable class, from one confusion matrix per epoch.

    The same number as `keras.metrics.OneHotMeanIoU`, which scatters pixel by pixel. A product of one-hot matrices
    takes a third of the time, has no order of summation that could vary on a GPU, and counts in float32, since
    an epoch of full-resolution slices has more background pixels than an int32 can hold. Not to be confused with
    `keras.metrics.MeanIoU`, which the lineage applies to probabilities and which then rounds them down to 0.
    """

    def __init__(self, classes, name="iou"):
        super().__init__(classes, name=name, dtype="float32")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch: one-hot (n, h, w, classes) and probabilities of the same shape."""
        if sample_weight is not None:
            raise ValueError("pixels are not weighted")
        chosen = keras.ops.one_hot(keras.ops.argmax(y_pred, -1), self.num_classes, dtype=self.dtype)
        truth = keras.ops.cast(y_true, self.dtype)
        self.total_cm.assign_add(keras.ops.einsum("nxyt,nxyp->tp", truth, chosen))
