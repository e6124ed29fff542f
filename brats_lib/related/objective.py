"""Cross-entropy of the voxels that somebody labelled."""

import keras

__all__ = ["labelled_cross_entropy"]

# Probabilities are kept this far from 0, so that their logarithm is finite.
_MARGIN = 1e-6


def labelled_cross_entropy(y_true, y_pred):
    """Categorical cross-entropy, averaged over the labelled voxels of a batch alone.

    A voxel without a label has zeros for a target and so adds nothing: annotation may be sparse, as Çiçek et al. 2016,
    section 3, train their 3D U-Net with it.

    Parameters
    ----------
    y_true : array of float, shape (n, ..., classes)
        One-hot classes, all zero where there is no label.
    y_pred : array of float, shape (n, ..., classes)
        Probabilities.

    Returns
    -------
    float
        0 where nothing is labelled.
    """
    truth = keras.ops.cast(y_true, "float32")
    surprise = -keras.ops.sum(truth * keras.ops.log(keras.ops.maximum(y_pred, _MARGIN)))
    return surprise / keras.ops.maximum(keras.ops.sum(truth), 1.0)
