"""Batches are the same whatever happens around them: order, resumption, threads, processes."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from conftest import write_case
from keras.utils import PyDataset

from brats_lib.cases import Cohort
from brats_lib.errors import BratsError
from brats_lib.recipes import PUBLISHED
from brats_lib.slices.augment import Augmenter
from brats_lib.slices.batches import Ahead, ProcessShare, SliceBatches
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
    cache = build_cache(cohort, recipe, tmp_path / "cache", workers=1)
    images, targets = SliceBatches(cache, cache.names, 20, shuffle=False)[0]
    assert (images.dtype, targets.dtype) == (np.float16, np.uint8)
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


def test_batches_depend_on_seed_and_epoch_only_whatever_is_read_before_or_beside_them():
    one, other = (batches_of(16, seed=1, augment=Augmenter(["flip", "rotate"])) for _ in range(2))
    first = [one[number][1] for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda number: other[number][1], (3, 2, 1, 0)))
    for expected, targets in zip(first, found[::-1], strict=True):
        np.testing.assert_array_equal(targets, expected)
    one.epoch = other.epoch = 1
    np.testing.assert_array_equal(one[2][1], other[2][1])
    assert not np.array_equal(one[2][1], first[2])
    plain = batches_of(16, seed=1)
    assert not np.array_equal(plain[2][1], first[2])
    order = shown(plain)
    plain.epoch = 1
    assert order not in (shown(plain), shown(batches_of(16, seed=2)))


def test_part_of_the_slices_is_drawn_anew_every_epoch():
    batches = batches_of(8, slices_per_epoch=20)
    first = shown(batches)
    batches.epoch = 1
    second = shown(batches)
    assert len(set(first)) == len(first) == len(set(second)) == 20
    assert set(first) != set(second)
    assert len(shown(batches_of(8, slices_per_epoch=10_000))) == 60


def test_unshuffled_slices_go_case_by_case_and_a_part_of_them_is_spread_evenly_and_fixed():
    for part, step in ((None, 1), (12, 5)):
        batches = batches_of(8, shuffle=False, slices_per_epoch=part)
        for batches.epoch in (0, 5):
            assert shown(batches) == [(name, z) for name in NAMES for z in range(8, 28, step)]


def test_shares_of_the_processes_make_up_the_batch():
    whole = batches_of(4, seed=3)
    shares = [ProcessShare(batches_of(4, seed=3), number, 2, 4) for number in (0, 1)]
    assert shown(shares[0], 0) + shown(shares[1], 0) == shown(whole, 0)
    assert len(shares[0]) == len(whole) and len(shares[0][0][0]) == 2
    with pytest.raises(BratsError, match="it has 3 slices; expected a multiple of 2"):
        ProcessShare(batches_of(3), 0, 2, 2)[0]


def test_batches_made_ahead_are_the_same_also_where_an_epoch_is_looked_into_and_begun_again():
    expected, batches = batches_of(16, seed=1), batches_of(16, seed=1)
    ahead = Ahead(batches)
    assert len(ahead) == len(expected) == 4
    for epoch, numbers in ((0, [0, 0, 1]), (3, [0, 1, 2, 3]), (4, [0, 1, 2, 3]), (4, [2])):
        batches.epoch = expected.epoch = epoch
        for number in numbers:
            for given, wanted in zip(ahead[number], expected[number], strict=True):
                np.testing.assert_array_equal(given, wanted)
    with pytest.raises(IndexError, match="batch 4 of 4"):
        ahead[4]


def test_next_batch_is_made_while_one_is_in_use():
    started = Event()

    class Noticed(PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, batch):
            if batch == 1:
                started.set()
            return (np.zeros(1),)

    Ahead(Noticed())[0]
    assert started.wait(10)
