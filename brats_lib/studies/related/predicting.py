"""From a case to the classes of its voxels, by a network that answers for the middle of what it reads."""

import keras
import numpy as np

from brats_lib.labels import LABELS, to_labels
from brats_lib.prediction.postprocess import large_pieces
from brats_lib.studies.related.samples import cut
from brats_lib.studies.related.systems import System

__all__ = ["predict_classes", "to_mask"]

# Connected pieces of tumour that are smaller than this share of the largest are dropped, as our own recipe does.
SMALLEST_PIECE = 0.1


def predict_classes(model: keras.Model, images: np.ndarray, system: System) -> np.ndarray:
    """Probabilities of the classes, shape (x, y, z, 4), for a brain as `Stack.images`, block by block.

    The model is what ``system.dense`` made of the trained network. Outside the brain background has probability 1.
    """
    images, flat = np.asarray(images, np.float32), len(system.block) == 2
    block = np.array((*system.block, 1)[:3])
    margin = np.array([system.margin] * len(system.block) + [0] * flat)
    counts = -(-np.array(images.shape[:3]) // block)
    background = np.eye(len(LABELS), dtype=np.float32)[0]
    found = np.tile(background, (*counts * block, 1))
    for place in np.ndindex(*counts):
        start = place * block
        # Blocks of one size, the last ones filled up with nothing: another size would be compiled anew.
        read = cut(images, start - margin, block + 2 * margin)
        middle = tuple(slice(m, m + side) for m, side in zip(margin, block, strict=True))
        if not read[middle].any():
            continue
        read = read[:, :, 0] if flat else read
        answer = np.asarray(model.predict_on_batch(read[None])[0], np.float32)
        if answer.shape[:-1] == read.shape[:-1]:
            answer = answer[middle[: len(system.block)]]
        for axis, side in enumerate(system.block):
            answer = _between(answer, axis, np.arange(side) / system.stride)
        inner = tuple(slice(s, s + side) for s, side in zip(start, block, strict=True))
        found[inner] = answer[:, :, None] if flat else answer
    found = found[tuple(slice(length) for length in images.shape[:3])]
    found[~(images != 0).any(-1)] = background
    return found


def _between(answer, axis, positions):
    """Answers at positions along an axis, linear between those at whole numbers; the last one holds beyond."""
    low = np.minimum(positions.astype(int), answer.shape[axis] - 1)
    high = np.minimum(low + 1, answer.shape[axis] - 1)
    share = (positions - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(answer.ndim)])
    return answer.take(low, axis) * (1 - share) + answer.take(high, axis) * share


def to_mask(probabilities: np.ndarray) -> np.ndarray:
    """Labels 0, 1, 2, 4: the most probable one of each voxel, without the small pieces of tumour."""
    mask = to_labels(probabilities.argmax(-1))
    return mask * large_pieces(mask > 0, SMALLEST_PIECE)
