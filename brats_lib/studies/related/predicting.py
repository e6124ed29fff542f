"""From a case to the classes of its voxels, by a network that answers for the middle of what it reads."""

import itertools

import keras
import numpy as np

from brats_lib.labels import LABELS, to_labels
from brats_lib.prediction.postprocess import large_pieces
from brats_lib.studies.related.systems import System

__all__ = ["predict_classes", "to_mask"]

# Connected pieces of tumour that are smaller than this share of the largest are dropped, as our own recipe does.
SMALLEST_PIECE = 0.1


def predict_classes(model: keras.Model, images: np.ndarray, system: System) -> np.ndarray:
    """Probabilities of the classes, shape (x, y, z, 4), for a brain as `Stack.images`, block by block.

    The model is what ``system.dense`` made of the trained network. Outside the brain background has probability 1.
    """
    shape, flat = images.shape[:3], len(system.block) == 2
    block, margin = (*system.block, 1)[:3], (system.margin,) * len(system.block) + (0,) * flat
    counts = [-(-length // side) for length, side in zip(shape, block, strict=True)]
    # Blocks of one size, the last ones filled up with nothing: another size would be compiled anew.
    ends = [count * side - length for count, side, length in zip(counts, block, shape, strict=True)]
    padding = [(m, m + end) for m, end in zip(margin, ends, strict=True)]
    padded = np.pad(np.asarray(images, np.float32), [*padding, (0, 0)])
    found = np.zeros((*(count * side for count, side in zip(counts, block, strict=True)), len(LABELS)), np.float32)
    found[..., 0] = 1
    for place in itertools.product(*map(range, counts)):
        start = [number * side for number, side in zip(place, block, strict=True)]
        inner = tuple(slice(s, s + side) for s, side in zip(start, block, strict=True))
        outer = tuple(slice(s, s + side + 2 * m) for s, side, m in zip(start, block, margin, strict=True))
        if not padded[tuple(slice(s.start + m, s.stop + m) for s, m in zip(inner, margin, strict=True))].any():
            continue
        read = padded[outer][:, :, 0] if flat else padded[outer]
        answer = np.asarray(model.predict_on_batch(read[None])[0], np.float32)
        if answer.shape[:-1] == read.shape[:-1]:
            answer = answer[tuple(slice(system.margin, system.margin + side) for side in system.block)]
        for axis, side in enumerate(system.block):
            answer = _between(answer, axis, np.arange(side) / system.stride)
        found[inner] = answer[:, :, None] if flat else answer
    found = found[tuple(slice(0, length) for length in shape)]
    outside = ~(np.asarray(images) != 0).any(-1)
    found[outside] = np.eye(len(LABELS), dtype=np.float32)[0]
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
