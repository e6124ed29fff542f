"""What goes into the archive for a room without internet and what stays out; test_pipeline.py sets one up."""

import os
import subprocess
import sys
import tarfile

import kit
import pytest
from conftest import ROOT

from brats_lib.phantom import VERSION


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty checkout to work in, which has the profiles."""
    (tmp_path / "workflow/params").mkdir(parents=True)
    for name in ("start", "params/smoke.yaml"):
        (tmp_path / "workflow" / name).write_bytes((ROOT / "workflow" / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_images_of_patients_and_what_nobody_looks_up_stay_out(folder):
    kept = {
        "runs/smoke/cache/published-1/Phantom_001-ab.images.npy", "runs/smoke/predictions/Phantom_001_seg.nii.gz",
        "runs/smoke/training/best.weights.h5", "runs/smoke/tuning/study.db", "runs/smoke/scores.csv",
        "runs/phantoms-seed0/Phantom_001/Phantom_001_flair.nii.gz", "runs/exercises/Phantom_001/Phantom_001_seg.nii.gz",
        f"runs/stacks/patients-training-0-0002-v{VERSION}.images.npy",
    }  # fmt: skip
    left = {
        "runs/smoke/cache/published-1/BraTS20_Training_001-ab.images.npy", "runs/smoke/training.previous-1/state.npz",
        "runs/smoke/predictions/Brats18_CBICA_AOP_1_seg.nii.gz", "runs/smoke/case.nii", "runs/smoke/logs/book.log",
        "runs/smoke/tuning/trainings/1/state.npz", "runs/workshop/scores.csv", "runs/audits/1.txt",
        "runs/stacks/BraTS2021_00000-ab.images.npy", f"runs/stacks/patients-training-0-0002-v{VERSION - 1}.images.npy",
        f"runs/stacks/patients-training-0-0003-v{VERSION}.images.npy",  # a run of this profile has three
        f"runs/stacks/patients-training-1-0002-v{VERSION}.images.npy",
    }  # fmt: skip
    write(folder, *kept, *left)
    assert {str(path.relative_to(folder)) for path in kit.run_files("smoke")} == kept


def test_kit_of_patients_or_for_other_systems_is_refused_before_anything_runs(folder, monkeypatch):
    settings = {"PROFILE": "smoke", "PLATFORMS": "linux", "PYTHONS": "", "DATA": ""}
    (folder / "patients").mkdir()
    for name, value, message in (("DATA", "patients", "may forbid"), ("PLATFORMS", "linux macos-intel", "macos-intel")):
        for key, text in {**settings, name: value}.items():
            monkeypatch.setenv(key, text)
        with pytest.raises(SystemExit, match=message):
            kit.main()


def test_archive_has_tracked_files_as_they_are_and_wheels_for_each_platform_once(folder, monkeypatch):
    fetched = []

    def download(text, platform, python, wheels):
        fetched.append((text, platform, python))
        (wheels / f"tensorflow-{platform}.whl").touch()

    monkeypatch.setattr(kit, "pins", lambda platform, python: f"tensorflow of {platform} and {python}")
    monkeypatch.setattr(kit, "download", download)
    write(folder, "book/index.md", "grades.csv", "_build/html/index.html", "_build/book.log", "runs/smoke/scores.csv")
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "book", "workflow"], check=True)
    (folder / "book/index.md").write_text("today")
    archive = kit.make_kit("smoke", ["linux", "macos"], ["3.12"])
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
        assert tar.extractfile("brats-kit/book/index.md").read() == b"today"
        assert {entry.uname for entry in tar} == {""}
    lists = {"_build/wheels/Linux-x86_64-3.12.txt", "_build/wheels/Darwin-arm64-3.12.txt"}
    wheels = {"_build/wheels/tensorflow-linux.whl", "_build/wheels/tensorflow-macos.whl"}
    tracked = {"start", "book/index.md", "workflow/start", "workflow/params/smoke.yaml"}
    others = {"_build/html/index.html", "runs/smoke/scores.csv"}
    assert names == {f"brats-kit/{name}" for name in lists | wheels | tracked | others}
    kit.make_kit("smoke", ["linux", "macos"], ["3.12"])
    assert fetched == [(f"tensorflow of {platform} and 3.12", platform, "3.12") for platform in ("linux", "macos")]
    kit.make_kit("smoke", ["macos"], ["3.12"])
    assert not (folder / "_build/wheels/tensorflow-linux.whl").exists()


def test_start_says_for_which_machines_and_pythons_a_kit_was_made(folder):
    write(folder, "_build/wheels/Darwin-mips-3.12.txt", "_build/wheels/Plan9-x86_64-3.12.txt")
    (folder / "start").write_bytes((folder / "workflow/start").read_bytes())
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable}
    done = subprocess.run(["sh", folder / "start"], cwd="/", env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and not (folder / ".venv").exists()
    assert "made for: Darwin-mips-3.12 Plan9-x86_64-3.12" in done.stderr
    assert f"its Python: {sys.version_info[0]}.{sys.version_info[1]}." in done.stderr
