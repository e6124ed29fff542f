"""Cross-entropy of the voxels that somebody labelled."""

import keras

__all__ = ["labelled_cross_entropy"]


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
    # Keras's own, since it takes the logits behind a softmax where it can: a network that is sure of a mistake goes on
    # learning, where probabilities that are kept off 0 would leave it without a gradient.
    surprise = keras.ops.categorical_crossentropy(truth, keras.ops.cast(y_pred, "float32"))
    return keras.ops.sum(surprise) / keras.ops.maximum(keras.ops.sum(truth), 1.0)
