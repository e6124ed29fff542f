"""Blocks: what they show belongs to what they are labelled with, and answers to them are put together again."""

import dataclasses

import numpy as np
import pytest
from studies.related.stand_ins import FLAT, SOLID, cases

from brats_lib.errors import BratsError
from brats_lib.labels import ED, ET, to_classes
from brats_lib.studies.related.blocks import Samples, cut, predict_classes, to_mask


def test_a_block_is_empty_beyond_the_volume():
    volume = np.arange(1, 28).reshape(3, 3, 3)
    block = cut(volume, (-1, 0, 1), (3, 3, 1))
    assert block.shape == (3, 3, 1) and not block[0].any()
    np.testing.assert_array_equal(block[1:, :, 0], volume[:2, :, 1])
    assert not cut(volume, (8, 8, 8), (2, 2, 2)).any() and not cut(volume, (-3, 0, 0), (2, 2, 2)).any()


@pytest.mark.parametrize("system", [FLAT, SOLID], ids=lambda system: system.name)
def test_labels_are_those_of_the_middle_of_the_block(system):
    images, targets = Samples(cases(), system, 3)[0]
    assert images.shape == (system.batch, *system.side, 4) and images.dtype == np.float32
    assert targets.shape == (system.batch, *system.answer, 4)
    # Gain and shift are small, and mirrored blocks of even sides have their middle one voxel aside.
    start = [side // 2 - answer // 2 for side, answer in zip(system.side, system.answer, strict=True)]
    inner = tuple(slice(s, s + a) for s, a in zip(start, system.answer, strict=True))
    shown = images[(slice(None), *inner)][..., 0]
    expected = (np.array([0, 1, 2, 4])[targets.argmax(-1)] + 1) / 4
    assert (np.abs(shown - expected) < 0.45).mean() > 0.9 and (targets.sum(-1) == 1).all()


def test_blocks_are_centred_on_each_class_as_often_as_the_system_says():
    system = dataclasses.replace(FLAT, shares=(0.5, 0.0, 0.0, 0.5), batch=400)
    shares = Samples(cases(), system, 1)[0][1][:, 0, 0].mean(0)
    assert shares[1] == shares[2] == 0 and abs(shares[3] - 0.5) < 0.1
    bare = cases(1)[0]
    bare.labels[bare.labels == 1] = 2
    with pytest.raises(BratsError, match="none has NCR"):
        Samples([bare], FLAT, 1)


def test_a_batch_depends_on_the_seed_and_its_number_alone():
    first, again, other = (Samples(cases(), FLAT, 3, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[1][0], again[1][0])
    assert not np.array_equal(first[1][0], other[1][0]) and not np.array_equal(first[1][0], first[2][0])


def test_sparse_labels_are_those_of_every_so_many_slices():
    sparse = dataclasses.replace(SOLID, labelled_every=2, batch=8)
    labelled = Samples(cases(), sparse, 1)[0][1].sum(-1)
    # Two neighbouring slices: one has labels in every voxel, the other in none.
    assert np.sort(labelled.mean((1, 2)), axis=-1).tolist() == [[0.0, 1.0]] * 8


def test_background_means_brain():
    one = cases(1)[0]
    one.images[:, :, :7] = 0
    system = dataclasses.replace(FLAT, shares=(1.0, 0.0, 0.0, 0.0), side=(1, 1), batch=64)
    images, targets = Samples([one], system, 1)[0]
    assert (targets.argmax(-1) == 0).all() and (images != 0).all()
    # What is outside stays 0, whatever the gain and the shift of a block.
    images, _ = Samples([one], SOLID, 1)[0]
    outside = (images == 0).all(-1)
    assert outside.any() and not outside.all() and ((images == 0) == outside[..., None]).all()


class Network:
    """Stands in for one: reads the label off FLAIR, and answers for all or for the middle of what it reads."""

    def __init__(self, margin, axes):
        self.inner = (slice(None), *[slice(margin, -margin or None)] * axes, 0)
        self.read = []

    def predict_on_batch(self, images):
        self.read.append(images.shape)
        shown = np.maximum(np.round(images[self.inner] * 4 - 1), 0)
        return np.eye(4, dtype=np.float32)[to_classes(shown.astype(np.uint8))]


@pytest.mark.parametrize("margin", [0, 2], ids=["answers all", "answers the middle"])
@pytest.mark.parametrize(("system", "layers"), [(FLAT, (14, 8)), (SOLID, (2, 1))], ids=["slices", "blocks"])
def test_every_voxel_gets_its_own_answer(system, layers, margin):
    one, network = cases(1)[0], Network(margin, len(system.block))
    found = predict_classes(network, one.images, system)
    np.testing.assert_array_equal(found.argmax(-1), to_classes(one.labels))
    assert found.shape == (*one.labels.shape, 4) and found.dtype == np.float32
    # 20 x 24 x 14 voxels in blocks of 8: 3 x 3 for each of 14 slices, or 3 x 3 x 2, all read in one size.
    assert network.read == [(1, *(side + 4 for side in system.block), 4)] * (3 * 3 * layers[0])
    # Outside the brain is background, and empty blocks are not read.
    one.images[:, :, 8:], network.read = 0, []
    assert (predict_classes(network, one.images, system)[:, :, 8:] == [1, 0, 0, 0]).all()
    assert len(network.read) == 3 * 3 * layers[1]


def test_between_the_answers_of_a_stride_it_is_linear():
    class Ramp:
        def predict_on_batch(self, images):
            return np.tile((np.arange(5) * 0.2)[:, None, None], (1, 1, 5, 4))

    found = predict_classes(Ramp(), np.ones((8, 8, 1, 4)), dataclasses.replace(FLAT, stride=2))
    np.testing.assert_allclose(found[:, 3, 0, 1], np.arange(8) * 0.1, atol=1e-6)


def test_pieces_smaller_than_a_tenth_of_the_largest_are_dropped():
    mask = np.zeros((12, 12, 3), np.uint8)
    mask[:5, :5, :2] = ED
    mask[2, 2, :] = mask[8, 8, :] = ET
    mask[10:, :3, 0] = ED
    expected = mask.copy()
    # The largest has 51 voxels: 3 are too few, 6 are enough.
    expected[8, 8, :] = 0
    np.testing.assert_array_equal(to_mask(np.eye(4)[to_classes(mask)]), expected)
