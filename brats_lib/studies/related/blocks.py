"""Blocks of cases: cut at random to learn from, and one after another to be segmented."""

from collections.abc import Sequence

import keras
import numpy as np

from brats_lib import labels
from brats_lib.errors import BratsError
from brats_lib.prediction.postprocess import large_pieces
from brats_lib.slices.stacks import Stack
from brats_lib.studies.related.systems import System

# Voxels of each class that are remembered per case, to centre blocks on.
_REMEMBERED = 4000
# Spread of the factor and of the offset that each modality of a block gets: another scanner.
_GAIN, _SHIFT = 0.1, 0.1


class Samples(keras.utils.PyDataset):
    """Batches of random blocks of cases, with the classes of the voxels in their middle.

    A block of a 2D system is a piece of an axial slice. It is mirrored left to right at random, and each of its
    modalities is multiplied by about 1 and moved by about 0. Batches are a pure function of (seed, batch number):
    images (n, *side, modalities) in standard deviations of the brain, 0 outside, and targets (n, *answer, 4), one-hot
    classes, all zero where the system is given no label. Cases have labels; that a class on which blocks are to be
    centred occurs in none of them is a `BratsError`.
    """

    def __init__(self, stacks: Sequence[Stack], system: System, batches: int, seed: int = 0):
        super().__init__()
        self.stacks, self.system, self.seed, self._batches = list(stacks), system, int(seed), int(batches)
        cases = [_remember(stack) for stack in self.stacks]
        self._places = [
            [(number, voxels[label]) for number, voxels in enumerate(cases) if len(voxels[label])]
            for label in labels.LABELS
        ]
        for label, share, places in zip(labels.LABELS, system.shares, self._places, strict=True):
            if share and not places:
                name = labels.LABEL_NAMES[label]
                expected = f"a case with {name}: {share:.0%} of the blocks are centred on it"
                raise BratsError("training cases", f"none has {name}", expected, "Give more cases")

    def __len__(self):
        return self._batches

    def __getitem__(self, batch):
        rng = np.random.default_rng([self.seed, batch])
        blocks = [self._draw(rng) for _ in range(self.system.batch)]
        images, targets = (np.stack(part) for part in zip(*blocks, strict=True))
        flat = len(self.system.side) == 2
        return (images[:, :, :, 0], targets[:, :, :, 0]) if flat else (images, targets)

    def _draw(self, rng):
        """One block: image (x, y, z, modalities) and targets (x, y, z, classes)."""
        places = self._places[rng.choice(len(labels.LABELS), p=self.system.shares)]
        number, voxels = places[rng.integers(len(places))]
        centre, stack = voxels[rng.integers(len(voxels))], self.stacks[number]
        side, answer = (np.array((*size, 1)[:3]) for size in (self.system.side, self.system.answer))
        image = cut(stack.images, centre - side // 2, side).astype(np.float32)
        target = labels.one_hot(labels.to_classes(cut(stack.labels, centre - answer // 2, answer)))
        if self.system.labelled_every > 1:
            slices = centre[2] - answer[2] // 2 + np.arange(answer[2])
            target[:, :, slices % self.system.labelled_every != 0] = 0
        if rng.random() < 0.5:
            image, target = image[::-1], target[::-1]
        gain = rng.normal(1, _GAIN, image.shape[-1]).astype(np.float32)
        shift = rng.normal(0, _SHIFT, image.shape[-1]).astype(np.float32)
        return (image * gain + shift) * (image != 0), target


def _remember(stack):
    """Up to so many voxels of each label, always the same ones; background means brain."""
    mask, brain = np.asarray(stack.labels), np.asarray(stack.images[..., 0]) != 0
    found = {}
    for label in labels.LABELS:
        inside = (mask == label) & brain if label == labels.BACKGROUND else mask == label
        flat = np.flatnonzero(inside)
        if len(flat) > _REMEMBERED:
            flat = np.random.default_rng(0).choice(flat, _REMEMBERED, replace=False)
        found[label] = np.column_stack(np.unravel_index(flat, mask.shape)).astype(np.int16)
    return found


def cut(volume: np.ndarray, start: Sequence[int] | np.ndarray, side: Sequence[int] | np.ndarray) -> np.ndarray:
    """A block of a volume, of these sides from this voxel on, with zeros where it reaches beyond."""
    block = np.zeros((*side, *volume.shape[3:]), volume.dtype)
    stop = np.add(start, side)
    inside = volume[tuple(slice(max(first, 0), max(last, 0)) for first, last in zip(start, stop, strict=True))]
    before = np.maximum(np.negative(start), 0)
    block[tuple(slice(b, b + length) for b, length in zip(before, inside.shape[:3], strict=True))] = inside
    return block


def predict_classes(model: keras.Model, images: np.ndarray, system: System) -> np.ndarray:
    """Probabilities of the classes, shape (x, y, z, 4), for a brain as `Stack.images`, block by block.

    The model is what ``system.dense`` made of the trained network. Outside the brain background has probability 1.
    """
    images, flat = np.asarray(images, np.float32), len(system.block) == 2
    block = np.array((*system.block, 1)[:3])
    margin = np.array([system.margin] * len(system.block) + [0] * flat)
    counts = -(-np.array(images.shape[:3]) // block)
    background = np.eye(len(labels.LABELS), dtype=np.float32)[0]
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
    """Labels 0, 1, 2, 4: the most probable ones, without pieces of tumour smaller than a tenth of the largest."""
    mask = labels.to_labels(probabilities.argmax(-1))
    return mask * large_pieces(mask > 0, 0.1)
