"""The slice cache survives what happens to it."""

import shutil
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from conftest import write_case

from brats_lib.cases import Cohort
from brats_lib.cases.case import voxel_hash
from brats_lib.errors import BratsError
from brats_lib.recipes import PUBLISHED
from brats_lib.slices import cache as slice_cache
from brats_lib.slices.cache import build_cache
from brats_lib.slices.preprocess import case_labels, case_slices

TINY = replace(PUBLISHED, first_slice=8, stop_slice=28, size=16)
NAMES = tuple(f"BraTS20_Training_{i:03d}" for i in (1, 2, 3))


@pytest.fixture
def cohort(tmp_path):
    """Three labelled cases and one without a mask."""
    for i, name in enumerate(NAMES):
        write_case(tmp_path / "data", name, seed=i)
    write_case(tmp_path / "data", "BraTS20_Validation_001", seed=9, with_mask=False)
    return Cohort.find(tmp_path / "data")


def build(cohort, tmp_path, recipe=TINY):
    return build_cache(cohort, recipe, tmp_path / "cache", workers=1)


@pytest.fixture
def cache(cohort, tmp_path):
    return build(cohort, tmp_path)


def stamps(cache):
    return {path: path.stat().st_mtime_ns for path in cache.folder.iterdir()}


def assert_complete(cache, cohort):
    """Every labelled case reads as its preprocessing says; nothing else lies in the folder."""
    assert cache.names == NAMES
    for name in NAMES:
        images, labels = cache.read(name, range(TINY.slices))
        assert images.dtype == np.float16 and labels.dtype == np.uint8
        np.testing.assert_allclose(images, case_slices(cohort[name], TINY), atol=2**-11)
        np.testing.assert_array_equal(labels, case_labels(cohort[name], TINY))
        assert cache.flair_hash(name) == voxel_hash(cohort[name].volume("flair"))
    assert len(stamps(cache)) == 3 * len(NAMES)


def test_cache_holds_the_labelled_cases_as_preprocessed_and_is_used_again(cache, cohort, tmp_path):
    assert_complete(cache, cohort)
    # Files are plain arrays that numpy reads.
    for path, some in zip(cache.files(NAMES[1]), cache.read(NAMES[1], [3, 4, 11]), strict=False):
        np.testing.assert_array_equal(some, np.load(path)[[3, 4, 11]])
    before = stamps(cache)
    again = build(cohort, tmp_path)
    assert stamps(again) == before and again.fingerprint == cache.fingerprint
    parallel = build_cache(cohort, TINY, tmp_path / "parallel", workers=2)
    for path in before:
        assert path.read_bytes() == (parallel.folder / path.name).read_bytes()


def test_changed_data_is_recomputed(cache, tmp_path):
    shutil.rmtree(tmp_path / "data" / NAMES[0])
    write_case(tmp_path / "data", NAMES[0], seed=77)
    changed = Cohort.find(tmp_path / "data")
    again = build(changed, tmp_path)
    assert again.fingerprint != cache.fingerprint
    _, labels = again.read(NAMES[0], range(TINY.slices))
    np.testing.assert_array_equal(labels, case_labels(changed[NAMES[0]], TINY))


def test_slice_settings_decide_the_folder_and_training_settings_do_not(cache, cohort, tmp_path):
    other_slices = build(cohort, tmp_path, replace(TINY, size=20))
    other_training = build(cohort, tmp_path, replace(TINY, epochs=3, dropout=0))
    assert other_slices.folder != cache.folder and other_slices.fingerprint != cache.fingerprint
    assert other_training.folder == cache.folder and other_training.fingerprint == cache.fingerprint


@pytest.mark.parametrize("damage", ["missing", "truncated", "longer", "garbage", "other shape"])
def test_damaged_file_is_rebuilt_and_nothing_else(cache, cohort, tmp_path, damage):
    path = cache.files(NAMES[1])[0]
    content = path.read_bytes()
    path.unlink()
    if damage == "other shape":
        np.save(path, np.zeros((20, 16, 32), np.float16))
    elif damage != "missing":
        path.write_bytes({"truncated": content[:-1], "longer": content + b"0", "garbage": bytes(len(content))}[damage])
    assert [cache.is_complete(name) for name in NAMES] == [True, False, True]
    others = {path: written for path, written in stamps(cache).items() if NAMES[1] not in path.name}
    assert_complete(build(cohort, tmp_path), cohort)
    assert others.items() <= stamps(cache).items(), "what is whole stays"


def test_file_damaged_after_opening_is_named(cache):
    path = cache.files(NAMES[0])[1]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BratsError, match=r"labels\.npy: the file ends early.*damaged files are rebuilt"):
        cache.read(NAMES[0], [0, 19])


def test_two_builds_at_once_end_in_one_valid_cache(cohort, tmp_path, monkeypatch):
    def slower(*given):
        monkeypatch.setattr(slice_cache, "case_slices", case_slices)
        build(cohort, tmp_path)  # another build finishes while this one is at its first case
        return case_slices(*given)

    monkeypatch.setattr(slice_cache, "case_slices", slower)
    assert_complete(build(cohort, tmp_path), cohort)


def test_cohort_without_masks_and_a_grid_that_predictions_refuse_are_refused_before_training(tmp_path):
    unlabelled = write_case(tmp_path, "BraTS20_Validation_001", with_mask=False)
    with pytest.raises(BratsError, match="no case has a mask"):
        build(Cohort.find(unlabelled), tmp_path)
    coarse = write_case(tmp_path, "Coarse")
    for path in coarse.iterdir():
        nib.save(nib.Nifti1Image(np.asanyarray(nib.load(path).dataobj), np.diag([-2.0, -2, 2, 1])), path)
    with pytest.raises(BratsError, match="case Coarse: its voxels are 2 x 2 x 2 mm"):
        build(Cohort.find(coarse), tmp_path)
