"""What a network makes of pictures, without compiling it first."""

import keras
import numpy as np

__all__ = ["forward"]


def forward(network, inputs, batch_slices=32):
    """Apply a network to pictures, batch by batch.

    ``keras.Model.predict`` compiles every network anew, and again for every size of a batch. A network of this package
    is asked for some batches and never again, which takes less time than that.

    Parameters
    ----------
    network : keras.Model
        With one output.
    inputs : array, shape (n, ...), or sequence of such arrays
        One for each input of the network.
    batch_slices : int
        Decides memory, not the result.

    Returns
    -------
    array of float32, shape (n, ...)
    """
    single = not isinstance(inputs, list | tuple)
    arrays = [np.asarray(array, np.float32) for array in ([inputs] if single else inputs)]
    parts = []
    for start in range(0, len(arrays[0]), batch_slices):
        batch = [array[start : start + batch_slices] for array in arrays]
        found = network(batch[0] if single else batch, training=False)
        parts.append(keras.ops.convert_to_numpy(keras.ops.cast(found, "float32")))
    return np.concatenate(parts)
