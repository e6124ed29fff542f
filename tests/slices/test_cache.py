"""The slice cache survives what happens to it; batches are the same whatever happens around them."""

import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace

import keras
import nibabel as nib
import numpy as np
import pytest
from conftest import write_case

from brats_lib.cases import Cohort
from brats_lib.cases.case import voxel_hash
from brats_lib.errors import BratsError
from brats_lib.recipes import PUBLISHED
from brats_lib.slices import cache as slice_cache
from brats_lib.slices.augment import Augmenter
from brats_lib.slices.batches import ProcessShare, SliceBatches
from brats_lib.slices.cache import build_cache
from brats_lib.slices.preprocess import case_labels, case_slices

TINY = replace(PUBLISHED, first_slice=8, stop_slice=28, size=16)
# What a child process needs before it can build the same cache.
PREAMBLE = (
    "import sys\n"
    "from dataclasses import replace\n"
    "from brats_lib.slices.cache import build_cache\n"
    "from brats_lib.cases import Cohort\n"
    "from brats_lib.recipes import PUBLISHED\n"
    "recipe = replace(PUBLISHED, first_slice=8, stop_slice=28, size=16)\n"
)


@pytest.fixture
def cohort(tmp_path):
    """Three labelled cases and one without a mask."""
    for i in range(3):
        write_case(tmp_path / "data", f"BraTS20_Training_{i + 1:03d}", seed=i)
    write_case(tmp_path / "data", "BraTS20_Validation_001", seed=9, with_mask=False)
    return Cohort.find(tmp_path / "data")


@pytest.fixture
def cache(cohort, tmp_path):
    return build_cache(cohort, TINY, tmp_path / "cache", workers=1, progress=False)


def files(cache):
    return sorted(path for path in cache.folder.iterdir())


def assert_complete(cache, cohort):
    """Every labelled case reads as its preprocessing says; nothing else lies in the folder."""
    for name in cache.names:
        np.testing.assert_allclose(cache.images(name), case_slices(cohort[name], TINY), atol=2**-11)
        np.testing.assert_array_equal(cache.labels(name), case_labels(cohort[name], TINY))
    assert len(files(cache)) == 3 * len(cache.names)


def test_cache_holds_the_labelled_cases_as_preprocessed(cache, cohort):
    assert cache.names == tuple(f"BraTS20_Training_{i:03d}" for i in (1, 2, 3))
    assert cache.images(cache.names[0]).dtype == np.float16
    assert cache.images(cache.names[0]).shape == (20, 16, 16, 2)
    assert cache.labels(cache.names[0]).dtype == np.uint8
    assert_complete(cache, cohort)
    assert cache.bytes_per_case == sum(path.stat().st_size for path in files(cache) if path.suffix == ".npy") / 3


def test_read_picks_slices(cache):
    name = cache.names[1]
    images, labels = cache.read(name, [3, 4, 11])
    np.testing.assert_array_equal(images, cache.images(name)[[3, 4, 11]])
    np.testing.assert_array_equal(labels, cache.labels(name)[[3, 4, 11]])


def test_second_build_reuses_files(cache, cohort, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in files(cache)}
    again = build_cache(cohort, TINY, tmp_path / "cache", progress=False)
    assert {path: path.stat().st_mtime_ns for path in files(again)} == before
    assert again.fingerprint == cache.fingerprint


def test_changed_data_is_recomputed(cache, cohort, tmp_path):
    name = cache.names[0]
    before = np.array(cache.images(name))
    for path in cohort[name].files.values():
        path.unlink()
    cohort[name].mask_file.unlink()
    (tmp_path / "data" / name).rmdir()
    write_case(tmp_path / "data", name, seed=77)
    changed = Cohort.find(tmp_path / "data")
    again = build_cache(changed, TINY, tmp_path / "cache", workers=1, progress=False)
    assert again.fingerprint != cache.fingerprint
    assert not np.array_equal(again.images(name), before)
    np.testing.assert_array_equal(again.labels(name), case_labels(changed[name], TINY))


def test_slice_settings_decide_the_folder_and_training_settings_do_not(cache, cohort, tmp_path):
    other_slices = build_cache(cohort, replace(TINY, size=20), tmp_path / "cache", workers=1, progress=False)
    other_training = build_cache(cohort, replace(TINY, epochs=3, dropout=0), tmp_path / "cache", progress=False)
    assert other_slices.folder != cache.folder and other_slices.fingerprint != cache.fingerprint
    assert other_training.folder == cache.folder and other_training.fingerprint == cache.fingerprint


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "longer", "garbage", "other shape"])
def test_damaged_file_is_rebuilt(cache, cohort, tmp_path, damage):
    path = cache.files(cache.names[1])[0]
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "other shape":
        np.save(path, np.zeros((20, 16, 32), np.float16))
        assert path.stat().st_size == len(content)
    else:
        garbage = bytes(len(content))
        changed = {"empty": b"", "truncated": content[:-1], "longer": content + b"0", "garbage": garbage}
        path.write_bytes(changed[damage])
    assert cache.missing() == (cache.names[1],)
    assert_complete(build_cache(cohort, TINY, tmp_path / "cache", workers=1, progress=False), cohort)


def test_cases_are_known_by_the_voxels_of_their_flair(cache, cohort):
    assert [cache.flair_hash(case.name) for case in cohort.labelled()] == [
        voxel_hash(case.volume("flair")) for case in cohort.labelled()
    ]


def test_file_damaged_after_opening_is_named(cache):
    path = cache.files(cache.names[0])[1]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BratsError, match=r"labels\.npy: the file ends early.*damaged files are rebuilt"):
        cache.read(cache.names[0], [0, 19])


def test_killed_build_leaves_only_what_the_next_one_finishes(cohort, tmp_path):
    folder = tmp_path / "cache"
    code = PREAMBLE + (
        "import os, signal\n"
        "rename, calls = os.replace, []\n"
        "def killed(source, target):\n"
        "    calls.append(target)\n"
        "    if len(calls) == 3:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    rename(source, target)\n"
        "os.replace = killed\n"
        "build_cache(Cohort.find(sys.argv[1]), recipe, sys.argv[2], workers=1, progress=False)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(cohort.root), str(folder)], check=False)
    assert killed.returncode == -9
    left = [path.name for path in folder.rglob("*") if path.is_file()]
    assert sum(name.startswith(".part-") for name in left) == 1 and len(left) == 3
    assert_complete(build_cache(cohort, TINY, folder, workers=1, progress=False), cohort)


def test_two_builds_at_once_end_in_one_valid_cache(cohort, tmp_path):
    code = PREAMBLE + (
        "cohort = Cohort.find(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "build_cache(cohort, recipe, sys.argv[2], workers=1, progress=False)\n"
    )
    command = [sys.executable, "-c", code, str(cohort.root), str(tmp_path / "cache")]
    pair = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in pair:
        assert process.stdout.readline() == "ready\n"
    for process in pair:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in pair:
        process.communicate()
        assert process.returncode == 0
    assert_complete(build_cache(cohort, TINY, tmp_path / "cache", workers=1, progress=False), cohort)


def test_worker_processes_make_the_same_cache(cache, cohort, tmp_path):
    parallel = build_cache(cohort, TINY, tmp_path / "parallel", workers=2, progress=False)
    assert_complete(parallel, cohort)
    for one, other in zip(files(cache), files(parallel), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_full_disk_says_so_and_keeps_finished_cases(cohort, tmp_path, monkeypatch):
    write, calls = slice_cache.write_whole, []

    def full(path, content):
        calls.append(path)
        if len(calls) > 3:
            raise BratsError(path, "it cannot be written (No space left on device)", "room", "Make room")
        write(path, content)

    monkeypatch.setattr(slice_cache, "write_whole", full)
    with pytest.raises(BratsError, match="No space left on device"):
        build_cache(cohort, TINY, tmp_path / "cache", workers=1, progress=False)
    monkeypatch.undo()
    written = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npy")}
    assert len(written) == 2
    cache = build_cache(cohort, TINY, tmp_path / "cache", workers=1, progress=False)
    assert_complete(cache, cohort)
    assert written.items() <= {path.name: path.stat().st_mtime_ns for path in cache.folder.glob("*.npy")}.items()


def test_cohort_without_masks_is_an_error(tmp_path):
    write_case(tmp_path / "data", "BraTS20_Validation_001", with_mask=False)
    with pytest.raises(BratsError, match="no case has a mask"):
        build_cache(Cohort.find(tmp_path / "data"), TINY, tmp_path / "cache")


def test_short_volume_stops_the_build_with_the_reason(cohort, tmp_path):
    with pytest.raises(BratsError, match="36 axial slices; expected at least 122"):
        build_cache(cohort, PUBLISHED, tmp_path / "cache", workers=2, progress=False)


def test_building_does_not_import_keras():
    code = "import sys, brats_lib.slices.cache; sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def epoch_index(batches):
    return [where for b in range(len(batches)) for where in batches.index(b)]


def test_every_slice_comes_exactly_once_per_epoch(cache):
    batches = SliceBatches(cache, cache.names, 7)
    assert len(batches) == 9  # 60 slices: eight batches of 7 and one of 4.
    assert [len(batches[b][0]) for b in range(9)] == [7] * 8 + [4]
    assert Counter(epoch_index(batches)) == Counter((name, z) for name in cache.names for z in range(8, 28))
    assert len({name for name, _ in batches.index(0)}) > 1  # Slices of all patients mix.


def test_batches_hold_the_slices_their_index_names(cache, cohort):
    batches = SliceBatches(cache, cache.names, 16, seed=4)
    for b in (0, 3):
        images, targets = batches[b]
        assert images.dtype == targets.dtype == np.float32
        for image, target, (name, z) in zip(images, targets, batches.index(b), strict=True):
            np.testing.assert_array_equal(image, cache.images(name)[z - 8].astype(np.float32))
            np.testing.assert_array_equal(target.argmax(-1), case_labels(cohort[name], TINY)[z - 8])
            assert np.all(np.sort(target, -1) == [0, 0, 0, 1])


def test_unshuffled_batches_go_case_by_case(cache):
    batches = SliceBatches(cache, cache.names[:2], 9, shuffle=False)
    assert epoch_index(batches) == [(name, z) for name in cache.names[:2] for z in range(8, 28)]


def test_order_depends_on_seed_and_epoch_only(cache):
    one, other, seeded = (SliceBatches(cache, cache.names, 16, seed=s) for s in (1, 1, 2))
    first = epoch_index(one)
    assert epoch_index(seeded) != first
    one.on_epoch_begin()
    one.on_epoch_end()
    assert one.epoch == 1 and epoch_index(one) != first
    other.epoch = 1  # Resumed, having read nothing before, and read backwards.
    assert [other.index(b) for b in reversed(range(4))] == [one.index(b) for b in reversed(range(4))]
    other.epoch = 0
    assert epoch_index(other) == first


def test_only_epochs_that_began_are_counted(cache):
    batches = SliceBatches(cache, cache.names, 16)
    batches.on_epoch_end()
    assert batches.epoch == 0
    batches.on_epoch_begin()
    batches.on_epoch_end()
    batches.on_epoch_end()
    assert batches.epoch == 1


def test_part_of_the_slices_is_drawn_anew_every_epoch(cache):
    batches = SliceBatches(cache, cache.names, 8, slices_per_epoch=20)
    assert len(batches) == 3
    first = epoch_index(batches)
    batches.epoch = 1
    second = epoch_index(batches)
    assert len(set(first)) == len(set(second)) == 20
    assert set(first) != set(second)


def test_part_of_unshuffled_slices_is_spread_evenly_and_fixed(cache):
    batches = SliceBatches(cache, cache.names, 8, shuffle=False, slices_per_epoch=12)
    expected = [(name, z) for name in cache.names for z in range(8, 28, 5)]
    assert epoch_index(batches) == expected
    batches.epoch = 5
    assert epoch_index(batches) == expected


def test_more_slices_per_epoch_than_there_are_means_all(cache):
    assert len(epoch_index(SliceBatches(cache, cache.names, 8, slices_per_epoch=10_000))) == 60


def test_augmented_batches_depend_on_seed_and_epoch_only(cache):
    one, other = (SliceBatches(cache, cache.names, 20, augment=Augmenter(["flip", "rotate"])) for _ in range(2))
    one[0], one[1]
    np.testing.assert_array_equal(one[2][0], other[2][0])
    plain = SliceBatches(cache, cache.names, 20)
    assert not np.array_equal(one[2][0], plain[2][0])
    before = one[2][1]
    one.epoch = 1
    assert not np.array_equal(one[2][1], before)


def test_threads_read_the_same_batches(cache):
    batches = SliceBatches(cache, cache.names, 5)
    expected = [batches[b][0] for b in range(len(batches))]
    batches.epoch, batches._drawn = 0, (None, None)
    found = [None] * len(batches)

    def read(b):
        found[b] = batches[b][0]

    threads = [threading.Thread(target=read, args=(b,)) for b in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("workers", [1, 3])
def test_fit_sees_every_epoch_in_its_own_order(cache, workers):
    """What reaches the loss is the epoch's batches in order; a second fit resumes where `epoch` says."""
    seen = []

    def record(targets, predictions):
        seen.append(np.asarray(targets))
        return keras.ops.mean(keras.ops.square(targets - predictions))

    model = keras.Sequential([keras.Input((16, 16, 2)), keras.layers.Conv2D(4, 1)])
    model.compile(loss=record, optimizer="sgd", run_eagerly=True)
    batches = SliceBatches(cache, cache.names, 25, seed=3, workers=workers, augment=Augmenter(["flip"]))
    validation = SliceBatches(cache, cache.names[:1], 25, shuffle=False)
    expected = []
    reference = SliceBatches(cache, cache.names, 25, seed=3, augment=Augmenter(["flip"]))
    for reference.epoch in range(3):
        expected += [reference[b][1] for b in range(3)] + [validation[0][1]]
    fit = {"validation_data": validation, "shuffle": False, "verbose": 0}
    model.fit(batches, epochs=2, **fit)
    assert batches.epoch == 2
    resumed = SliceBatches(cache, cache.names, 25, seed=3, workers=workers, augment=Augmenter(["flip"]))
    resumed.epoch = 2
    model.fit(resumed, initial_epoch=2, epochs=3, **fit)
    seen = [targets for targets in seen if targets.ndim == 4 and len(targets)]
    assert len(seen) == len(expected) == 12
    for a, b in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_case_outside_the_cache_is_named(cache):
    with pytest.raises(BratsError, match="case 'BraTS20_Validation_001': it is not in the slice cache"):
        SliceBatches(cache, ["BraTS20_Validation_001"], 8)
    with pytest.raises(BratsError, match="list of cases: it is empty"):
        SliceBatches(cache, [], 8)


def test_batch_beyond_the_epoch_is_an_index_error(cache):
    with pytest.raises(IndexError):
        SliceBatches(cache, cache.names, 30)[2]


def test_real_case_keeps_its_tumour_in_the_cache(real_root, tmp_path):
    case = Cohort.find(real_root, max_cases=1)
    cache = build_cache(case, PUBLISHED, tmp_path, workers=1, progress=False)
    labels, mask = cache.labels(case[0].name), case[0].mask()[:, :, 22:122]
    for index, label in ((1, 1), (2, 2), (3, 4)):
        assert (labels == index).sum() * (240 / 128) ** 2 == pytest.approx((mask == label).sum(), rel=0.1)


def test_shares_of_the_processes_make_up_the_batch(cache):
    whole = SliceBatches(cache, cache.names[:2], 4, seed=3)
    shares = [ProcessShare(SliceBatches(cache, cache.names[:2], 4, seed=3), number, 2, 4) for number in (0, 1)]
    for share in shares:
        share.epoch = 1
    whole.epoch = 1
    parts = [share[0] for share in shares]
    for kind, expected in enumerate(whole[0]):
        np.testing.assert_array_equal(np.concatenate([part[kind] for part in parts]), expected)
    assert len(shares[0]) == len(whole) and len(shares[0][0][0]) == 2


def test_batch_that_cannot_be_shared_out_is_refused(cache):
    share = ProcessShare(SliceBatches(cache, cache.names[:1], 3), 0, 2, 2)
    with pytest.raises(BratsError, match="it has 3 slices; expected a multiple of 2"):
        share[0]


def test_a_grid_that_predictions_refuse_is_refused_before_training(tmp_path):
    for path in write_case(tmp_path / "cases", "Coarse").iterdir():
        nib.save(nib.Nifti1Image(np.asanyarray(nib.load(path).dataobj), np.diag([-2.0, -2, 2, 1])), path)
    with pytest.raises(BratsError, match="case Coarse: its voxels are 2 x 2 x 2 mm"):
        build_cache(Cohort.find(tmp_path / "cases"), TINY, tmp_path / "cache", workers=1, progress=False)
