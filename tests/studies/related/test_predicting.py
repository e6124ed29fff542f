"""Answers put together: stand-ins for networks that know the label, a ramp that is known everywhere."""

import dataclasses

import numpy as np
import pytest
from studies.related.stand_ins import FLAT, SOLID, cases

from brats_lib.labels import ED, ET, to_classes
from brats_lib.studies.related.blocks import predict_classes, to_mask


class Knows:
    """Reads the label off FLAIR, and answers for the middle of what it reads, every `stride`-th voxel of it."""

    def __init__(self, margin, axes, stride=1, padded=False):
        self.margin, self.axes, self.stride, self.padded, self.read = margin, axes, stride, padded, []

    def predict_on_batch(self, images):
        self.read.append(images.shape)
        margin = 0 if self.padded else self.margin
        inner = tuple(slice(margin, size - margin, self.stride) for size in images.shape[1 : 1 + self.axes])
        flair = images[(slice(None), *inner)][..., 0]
        classes = to_classes(np.maximum(np.round(flair * 4 - 1), 0).astype(np.uint8))
        return np.eye(4, dtype=np.float32)[classes]


@pytest.mark.parametrize("padded", [False, True], ids=["answers the middle", "answers all"])
@pytest.mark.parametrize(("system", "axes"), [(FLAT, 2), (SOLID, 3)], ids=["slices", "blocks"])
def test_every_voxel_gets_its_own_answer(system, axes, padded):
    one, network = cases(1)[0], Knows(2, axes, padded=padded)
    found = predict_classes(network, one.images, system)
    np.testing.assert_array_equal(found.argmax(-1), to_classes(one.labels))
    assert found.shape == (*one.labels.shape, 4) and found.dtype == np.float32
    # 20 x 24 x 14 voxels in blocks of 8: 3 x 3 for each of 14 slices, or 3 x 3 x 2, all read in one size.
    assert len(network.read) == (3 * 3 * 14 if axes == 2 else 3 * 3 * 2)
    assert set(network.read) == {(1, *(side + 4 for side in system.block), 4)}
    # Outside the brain is background, and empty blocks are not read.
    one.images[:, :, 8:], network.read = 0, []
    assert (predict_classes(network, one.images, system)[:, :, 8:] == [1, 0, 0, 0]).all()
    assert len(network.read) == (3 * 3 * 8 if axes == 2 else 3 * 3)


def test_between_the_answers_of_a_stride_it_is_linear():
    class Ramp:
        def predict_on_batch(self, images):
            chance = np.zeros((1, 5, 5, 4), np.float32)
            chance[..., 1] = (np.arange(5) * 0.2)[:, None]
            return chance

    system = dataclasses.replace(FLAT, stride=2)
    found = predict_classes(Ramp(), np.ones((8, 8, 1, 4)), system)[..., 1]
    np.testing.assert_allclose(found[:, 3, 0], np.arange(8) * 0.1, atol=1e-6)


def test_pieces_smaller_than_a_tenth_of_the_largest_are_dropped():
    mask = np.zeros((12, 12, 3), np.uint8)
    mask[:5, :5, :2] = ED
    mask[2, 2, :] = ET
    mask[8, 8, :] = ET
    mask[10:, :3, 0] = ED
    chance = np.eye(4)[to_classes(mask)]
    expected = mask.copy()
    # The largest has 51 voxels: 3 are too few, 6 are enough.
    expected[8, 8, :] = 0
    np.testing.assert_array_equal(to_mask(chance), expected)
