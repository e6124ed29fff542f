"""Phantom cohorts on disk: reuse, interruption, and folders that are something else. Voxels are stubbed: no anatomy."""

import errno
import json
import os

import nibabel as nib
import numpy as np
import pytest

from brats_lib.cases import MODALITIES
from brats_lib.errors import BratsError
from brats_lib.files import temporary_path
from brats_lib.phantom import cohort as store
from brats_lib.phantom import make_cohort
from brats_lib.phantom.simulation import Phantom, draw_case


@pytest.fixture
def simulated(monkeypatch):
    """Replace the simulation by tiny volumes that tell seed and index apart; the list of calls is returned."""
    calls = []

    def stub(seed, index, stream):
        calls.append(index)
        volumes = {m: np.full((6, 5, 4), 100 * seed + 10 * index + k + 1, np.int16) for k, m in enumerate(MODALITIES)}
        return Phantom(volumes, np.eye(6, 5, dtype=np.uint8)[..., None].repeat(4, 2), "HGG", {"drawn": index})

    monkeypatch.setattr(store, "simulate", stub)
    return calls


def make(out, **options):
    return make_cohort(out, **{"cases": 2, "workers": 1, **options})


def snapshot(root):
    return {path.relative_to(root): (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*.*")}


def test_cohort_is_found_as_phantoms_with_grades(tmp_path, simulated):
    cohort = make(tmp_path / "c", cases=3, seed=2)
    assert cohort.names == ("Phantom_001", "Phantom_002", "Phantom_003")
    assert cohort.source == "3 simulated phantoms (seed 2)"
    assert [case.grade for case in cohort] == [draw_case(2, i).grade for i in range(3)]
    assert {case.layout for case in cohort} == {"brats2020"}
    np.testing.assert_array_equal(cohort[1].volume("t1"), np.full((6, 5, 4), 212, np.float32))
    assert cohort[0].mask().sum() == 20
    drawn = json.loads((tmp_path / "c" / "parameters" / "Phantom_002.json").read_text())
    assert (drawn["seed"], drawn["index"], drawn["drawn"]) == (2, 1, 1)
    for image in map(nib.load, (tmp_path / "c" / "Phantom_001").iterdir()):
        assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
        np.testing.assert_array_equal(image.affine[:3, 3], (0, 239, 0))
        assert (int(image.header["qform_code"]), int(image.header["sform_code"])) == (1, 1)
        assert bytes(image.header["descrip"]).rstrip(b"\0") == b"brats_lib phantom: simulated, no patient"


def test_second_call_touches_no_file_more_cases_are_added_and_fewer_are_the_first(tmp_path, simulated):
    make(tmp_path / "c", cases=1)
    before = snapshot(tmp_path / "c")
    make(tmp_path / "c", cases=1)
    assert snapshot(tmp_path / "c") == before
    assert len(make(tmp_path / "c", cases=3)) == 3
    assert simulated == [0, 1, 2]
    assert make(tmp_path / "c", cases=2).names == ("Phantom_001", "Phantom_002")
    assert (tmp_path / "c" / "name_mapping.csv").read_text().count("Phantom_") == 3


def test_case_with_a_missing_file_is_made_again_and_what_a_killed_process_left_is_removed(tmp_path, simulated):
    make(tmp_path / "c")
    lost = tmp_path / "c" / "Phantom_001" / "Phantom_001_t2.nii.gz"
    content = lost.read_bytes()
    lost.unlink()
    # No process has so high a number.
    leftover = tmp_path / "c" / temporary_path(tmp_path).name.replace(f"-{os.getpid()}-", f"-{2**22 + 1}-")
    leftover.mkdir()
    (leftover / "Phantom_002_flair.nii.gz").write_bytes(b"half")
    make(tmp_path / "c")
    assert lost.read_bytes() == content
    assert simulated == [0, 1, 0]
    assert not leftover.exists()


def test_two_makers_at_once_agree(tmp_path, simulated, monkeypatch):
    stub, out = store.simulate, tmp_path / "c"

    def slower(seed, index, stream):
        phantom = stub(seed, index, stream)
        monkeypatch.setattr(store, "simulate", stub)
        make(out, seed=seed)  # another maker finishes while this one is at its first case
        return phantom

    monkeypatch.setattr(store, "simulate", slower)
    assert len(make(out)) == 2
    assert not list(out.glob(".part-*"))


def test_a_maker_with_another_seed_that_was_first_is_not_mixed_with(tmp_path, simulated, monkeypatch):
    link, out = os.link, tmp_path / "c"

    def later(part, path):
        monkeypatch.setattr(os, "link", link)
        make(out, seed=1)
        link(part, path)

    monkeypatch.setattr(os, "link", later)
    with pytest.raises(BratsError, match="seed 1"):
        make(out, seed=2)
    assert make(out, seed=1).source == "2 simulated phantoms (seed 1)"


def test_numbers_out_of_range_files_and_foreign_folders_are_refused_and_left_alone(tmp_path, simulated):
    out = tmp_path / "c"
    for named, value in (("cases", 0), ("seed", -1), ("seed", 2**32), ("workers", 0)):
        with pytest.raises(BratsError, match=named):
            make(out, **{named: value})
    assert not out.exists()
    (tmp_path / "f").write_text("x")
    with pytest.raises(BratsError, match="it is a file"):
        make(tmp_path / "f")
    (out / "BraTS20_Training_001").mkdir(parents=True)
    with pytest.raises(BratsError, match="BraTS20_Training_001"):
        make(out)
    assert [path.name for path in out.iterdir()] == ["BraTS20_Training_001"]


def test_other_seed_stream_or_version_is_refused(tmp_path, simulated):
    out = tmp_path / "c"
    make(out, seed=1)
    with pytest.raises(BratsError, match=r"seed 1.*expected stream cohort, seed 2"):
        make(out, seed=2)
    with pytest.raises(BratsError, match=r"of stream cohort.*expected stream choices"):
        make(out, seed=1, stream="choices")
    mark = json.loads((out / "phantom.json").read_text())
    (out / "phantom.json").write_text(json.dumps(mark | {"version": store.VERSION - 1}))
    with pytest.raises(BratsError, match="version"):
        make(out, seed=1)
    # Phantoms without a stream are what networks learnt from, and are not added to.
    (out / "phantom.json").write_text(json.dumps({"simulated": True, "seed": 1, "version": store.VERSION}))
    with pytest.raises(BratsError, match="of stream training, seed 1"):
        make(out, seed=1, cases=3)


def test_full_disk_is_told_and_finished_cases_are_kept(tmp_path, simulated, monkeypatch):
    stub = store._nifti

    def full(volume):
        if volume.max() > 10:  # the second case
            raise OSError(errno.ENOSPC, "No space left on device")
        return stub(volume)

    with monkeypatch.context() as patch, pytest.raises(BratsError, match="No space left on device.*Make room"):
        patch.setattr(store, "_nifti", full)
        make(tmp_path / "c", cases=3)
    assert not list((tmp_path / "c").glob(".part-*"))
    assert "Phantom_001" in (tmp_path / "c" / "name_mapping.csv").read_text()
    assert len(make(tmp_path / "c", cases=3)) == 3
    assert simulated == [0, 1, 1, 2]
