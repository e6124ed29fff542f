"""Blocks: what they show belongs to what they are labelled with, and the shares are kept."""

import dataclasses

import numpy as np
import pytest
from studies.related.stand_ins import FLAT, SOLID, cases

from brats_lib.errors import BratsError
from brats_lib.labels import to_classes
from brats_lib.studies.related.blocks import Samples, cut


def test_a_block_is_cut_around_its_centre_and_empty_beyond_the_volume():
    volume = np.arange(1, 28).reshape(3, 3, 3)
    block = cut(volume, (0, 1, 1), (3, 3, 1))
    assert block.shape == (3, 3, 1)
    assert block[0].sum() == 0
    np.testing.assert_array_equal(block[1:, :, 0], volume[:2, :, 1])
    assert cut(volume, (9, 9, 9), (2, 2, 2)).sum() == 0
    # An even block has its centre right of the middle.
    np.testing.assert_array_equal(cut(np.arange(10.0)[:, None, None], (4, 0, 0), (4, 1, 1)).ravel(), [2, 3, 4, 5])


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
    agree = np.abs(shown - expected) < 0.45
    assert agree.mean() > 0.9 and (targets.sum(-1) == 1).all()


def test_blocks_are_centred_on_each_class_as_often_as_the_system_says():
    system = dataclasses.replace(FLAT, shares=(0.5, 0.0, 0.0, 0.5), batch=400)
    shares = Samples(cases(), system, 1)[0][1][:, 0, 0].mean(0)
    assert shares[1] == shares[2] == 0 and abs(shares[3] - 0.5) < 0.1


def test_a_batch_depends_on_the_seed_and_its_number_alone():
    first, again, other = (Samples(cases(), FLAT, 3, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[1][0], again[1][0])
    assert not np.array_equal(first[1][0], other[1][0])
    assert not np.array_equal(first[1][0], first[2][0])
    assert len(first) == 3


def test_sparse_labels_are_those_of_every_so_many_slices():
    sparse = dataclasses.replace(SOLID, labelled_every=2, batch=8)
    _, targets = Samples(cases(), sparse, 1)[0]
    labelled = targets.sum(-1)
    # Two neighbouring slices: one has labels in every voxel, the other in none.
    assert np.sort(labelled.mean((1, 2)), axis=-1).tolist() == [[0.0, 1.0]] * 8


def test_background_means_brain():
    one = cases(1)[0]
    one.images[:, :, :7] = 0
    system = dataclasses.replace(FLAT, shares=(1.0, 0.0, 0.0, 0.0), side=(1, 1), batch=64)
    images, targets = Samples([one], system, 1)[0]
    assert (targets.argmax(-1) == to_classes(np.uint8(0))).all()
    assert (images != 0).all()
    # What is outside stays 0, whatever the gain and the shift of a block.
    images, _ = Samples([one], SOLID, 1)[0]
    outside = (images == 0).all(-1)
    assert outside.any() and not outside.all() and ((images == 0) == outside[..., None]).all()


def test_cases_that_cannot_be_learnt_from_are_refused():
    unlabelled = dataclasses.replace(cases(1)[0], labels=None)
    with pytest.raises(BratsError, match="case_0 has no mask"):
        Samples([unlabelled], FLAT, 1)
    with pytest.raises(BratsError, match="there are none"):
        Samples([], FLAT, 1)
    bare = cases(1)[0]
    bare.labels[bare.labels == 1] = 2
    with pytest.raises(BratsError, match="none has NCR"):
        Samples([bare], FLAT, 1)
