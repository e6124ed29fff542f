"""Batches are the same whatever happens around them: order, resumption, threads, processes."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from conftest import write_case

from brats_lib.cases import Cohort
from brats_lib.errors import BratsError
from brats_lib.recipes import PUBLISHED
from brats_lib.slices.augment import Augmenter
from brats_lib.slices.batches import ProcessShare, SliceBatches
from brats_lib.slices.cache import SliceCache, build_cache
from brats_lib.slices.preprocess import case_labels, case_slices

NAMES = ("a", "b", "c")


class Numbered(SliceCache):
    """A cache in memory whose slices show where they come from: case in one channel, axial slice in the other."""

    recipe = replace(PUBLISHED, first_slice=8, stop_slice=28, size=16)

    def __init__(self):
        """Without a folder."""

    def flair_hash(self, name):
        return f"hash of {name}"

    def read(self, name, positions):
        images = np.zeros((len(positions), 16, 16, 2), np.float16)
        images[..., 0], images[..., 1] = NAMES.index(name), np.asarray(positions)[:, None, None] + 8
        labels = np.zeros((len(positions), 16, 16), np.uint8)
        labels[:, 3:9, 2:5] = 1 + NAMES.index(name)
        return images, labels


def batches_of(size, names=NAMES, **options):
    return SliceBatches(Numbered(), names, size, **options)


def shown(batches, *numbers):
    """Case and axial slice of each slice of some batches, by default of all."""
    read = [batches[b][0][:, 0, 0] for b in numbers or range(len(batches))]
    return [(NAMES[int(case)], int(z)) for case, z in np.concatenate(read)]


def test_batches_hold_what_the_cache_of_a_cohort_has(tmp_path):
    write_case(tmp_path / "data", "BraTS20_Training_001")
    cohort, recipe = Cohort.find(tmp_path / "data"), Numbered.recipe
    cache = build_cache(cohort, recipe, tmp_path / "cache", workers=1, progress=False)
    images, targets = SliceBatches(cache, cache.names, 20, shuffle=False)[0]
    assert images.dtype == targets.dtype == np.float32
    np.testing.assert_array_equal(images, case_slices(cohort[0], recipe).astype(np.float16))
    np.testing.assert_array_equal(targets.argmax(-1), case_labels(cohort[0], recipe))
    assert (np.sort(targets, -1) == [0, 0, 0, 1]).all()
    for names, message in ((["Other"], "case 'Other': it is not in the slice cache"), ([], "cases: it is empty")):
        with pytest.raises(BratsError, match=message):
            SliceBatches(cache, names, 8)


def test_every_slice_comes_exactly_once_per_epoch():
    batches = batches_of(7)
    assert [len(batches[b][0]) for b in range(len(batches))] == [7] * 8 + [4]  # of 60 slices
    assert Counter(shown(batches)) == Counter((name, z) for name in NAMES for z in range(8, 28))
    assert len({name for name, _ in shown(batches, 0)}) > 1  # slices of all patients mix
    images, targets = batches[3]
    np.testing.assert_array_equal(targets[:, 5, 3].argmax(-1), 1 + images[:, 0, 0, 0])
    with pytest.raises(IndexError):
        batches[9]


def test_order_depends_on_seed_and_epoch_only():
    one, other, seeded = (batches_of(16, seed=s) for s in (1, 1, 2))
    first = shown(one)
    assert shown(seeded) != first
    one.epoch = other.epoch = 1  # the other one has read nothing before, and is read backwards
    assert shown(one) != first
    assert shown(other, 3, 2, 1, 0) == shown(one, 3, 2, 1, 0)
    other.epoch = 0
    assert shown(other) == first


def test_part_of_the_slices_is_drawn_anew_every_epoch():
    batches = batches_of(8, slices_per_epoch=20)
    first = shown(batches)
    batches.epoch = 1
    second = shown(batches)
    assert len(set(first)) == len(first) == len(set(second)) == 20
    assert set(first) != set(second)
    assert len(shown(batches_of(8, slices_per_epoch=10_000))) == 60


def test_unshuffled_slices_go_case_by_case_and_a_part_of_them_is_spread_evenly_and_fixed():
    assert shown(batches_of(9, shuffle=False)) == [(name, z) for name in NAMES for z in range(8, 28)]
    batches = batches_of(8, shuffle=False, slices_per_epoch=12)
    for batches.epoch in (0, 5):
        assert shown(batches) == [(name, z) for name in NAMES for z in range(8, 28, 5)]


def test_augmented_batches_depend_on_seed_and_epoch_only():
    one, other = (batches_of(20, augment=Augmenter(["flip", "rotate"])) for _ in range(2))
    one[0], one[1]
    np.testing.assert_array_equal(one[2][1], other[2][1])
    assert not np.array_equal(one[2][1], batches_of(20)[2][1])
    before = one[2][1]
    one.epoch = 1
    assert not np.array_equal(one[2][1], before)


def test_threads_read_the_same_batches():
    batches, numbers = batches_of(5, augment=Augmenter(["flip"])), range(12)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(batches.__getitem__, numbers))
    for number in numbers:
        np.testing.assert_array_equal(found[number][1], batches[number][1])


def test_shares_of_the_processes_make_up_the_batch():
    whole = batches_of(4, seed=3)
    shares = [ProcessShare(batches_of(4, seed=3), number, 2, 4) for number in (0, 1)]
    assert shown(shares[0], 0) + shown(shares[1], 0) == shown(whole, 0)
    assert len(shares[0]) == len(whole) and len(shares[0][0][0]) == 2
    with pytest.raises(BratsError, match="it has 3 slices; expected a multiple of 2"):
        ProcessShare(batches_of(3), 0, 2, 2)[0]
