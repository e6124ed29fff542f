"""Fingerprints cover every byte and are cheap to ask for again."""

import os
import time

import numpy as np
import pytest
from brats_lib.cases.hashes import voxel_hash
from conftest import write_case

from brats_lib.cases import Cohort, hashes


@pytest.fixture
def read(monkeypatch):
    """Names of the files that were read; what is older than two seconds counts as settled."""
    names, original = [], hashes.open_regular

    def spy(path):
        names.append(os.path.basename(path))
        return original(path)

    monkeypatch.setattr(hashes, "open_regular", spy)
    monkeypatch.setattr(hashes, "_known", {})
    return names


@pytest.fixture
def later(monkeypatch):
    """Let time pass for the hashes."""

    def move(seconds):
        now = time.time() + seconds
        monkeypatch.setattr(hashes.time, "time", lambda: now)

    return move


def change_a_byte(path, place):
    """As a program does that puts the time of writing back."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_any_byte_of_any_file_changes_the_fingerprint_although_size_and_time_of_writing_stay(tmp_path, later):
    folder = write_case(tmp_path, "X", suffix=".nii")
    later(60)
    case = Cohort.find(tmp_path)[0]
    size = (folder / "X_t2.nii").stat().st_size
    seen = {case.fingerprint()}
    for role, place in (("t2", 360), ("flair", size // 2 + 17), ("t1", size - 1), ("seg", 400)):
        time.sleep(0.02)  # longer than a tick of the file system's clock
        change_a_byte(folder / f"X_{role}.nii", place)
        seen.add(case.fingerprint())
    assert len(seen) == 5


def test_settled_files_are_read_once(tmp_path, read, later):
    write_case(tmp_path, "X")
    case = Cohort.find(tmp_path)[0]
    first = case.fingerprint()
    assert len(read) == 5
    assert case.fingerprint() == first and len(read) == 10, "two seconds have not passed: they could change unseen"
    later(60)
    assert case.fingerprint() == first and len(read) == 15
    assert case.fingerprint() == Cohort.find(tmp_path).cases[0].fingerprint() == first and len(read) == 15


def test_name_and_roles_are_part_of_a_fingerprint_and_the_place_is_not(tmp_path):
    write_case(tmp_path / "a", "X")
    write_case(tmp_path / "b", "X")
    write_case(tmp_path / "c", "Y")
    prints = [Cohort.find(tmp_path / folder)[0].fingerprint() for folder in "abc"]
    assert prints[0] == prints[1] != prints[2]
    flair, t1 = (tmp_path / "a" / "X" / f"X_{role}.nii.gz" for role in ("flair", "t1"))
    content = flair.read_bytes(), t1.read_bytes()
    flair.write_bytes(content[1])
    t1.write_bytes(content[0])
    assert Cohort.find(tmp_path / "a")[0].fingerprint() != prints[0]


def test_voxel_hash_depends_on_the_voxels_alone():
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    assert voxel_hash(voxels) == voxel_hash(np.asfortranarray(voxels)) == voxel_hash(voxels.astype(np.float64))
    others = (voxels[::-1], voxels.reshape(3, 2, 4), voxels + (voxels == 7))
    assert len({voxel_hash(voxels), *map(voxel_hash, others)}) == 4
