"""Small cases on disk that every test may use, and the place where real cases are looked for."""

import json
import os
import random
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from brats_lib.labels import ED, ET, NCR

ROOT = Path(__file__).resolve().parents[1]
# BraTS volumes: first axis to the left, second to the back, third up, 1 mm.
LPS_AFFINE = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])


def tiny_volumes(seed=0, shape=(48, 40, 36)):
    """Four modalities (int16) and a mask (uint8) of an ellipsoid head with a tumour of three nested labels."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    head = x**2 + y**2 + z**2 < 0.8
    centre = rng.uniform(-0.25, 0.25, 3)
    distance = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2)
    mask = np.zeros(shape, np.uint8)
    for label, radius in ((ED, 0.45), (ET, 0.3), (NCR, 0.2)):
        mask[distance < radius] = label
    contrast = {"flair": (0, 80, 250, 120), "t1": (0, 20, -40, 10), "t1ce": (0, -30, 0, 400), "t2": (0, 90, 200, 60)}
    volumes = {}
    for modality, (_, ncr, ed, et) in contrast.items():
        volume = 300.0 + rng.normal(0, 12, shape)
        for label, shift in ((NCR, ncr), (ED, ed), (ET, et)):
            volume[mask == label] += shift
        volumes[modality] = np.where(head, volume, 0).astype(np.int16)
    return volumes, mask


def write_case(root, name, seed=0, shape=(48, 40, 36), suffix=".nii.gz", with_mask=True):
    """Write a tiny case in the BraTS 2020 layout and return its folder."""
    folder = Path(root) / name
    folder.mkdir(parents=True)
    volumes, mask = tiny_volumes(seed, shape)
    for modality, volume in volumes.items():
        nib.save(nib.Nifti1Image(volume, LPS_AFFINE), folder / f"{name}_{modality}{suffix}")
    if with_mask:
        nib.save(nib.Nifti1Image(mask, LPS_AFFINE), folder / f"{name}_seg{suffix}")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """What a test logged goes from one process to another as UTF-8, which names of cases need not be."""
    report = yield
    report.sections = [(title, text.encode("utf-8", "backslashreplace").decode()) for title, text in report.sections]
    return report


@pytest.fixture(autouse=True)
def _same_chance_every_time():
    """Keras takes the seed of a layer that was given none from here."""
    random.seed(0)


@pytest.fixture
def eager(monkeypatch):
    """Networks run step by step: to make a graph of a few steps takes longer than they do."""
    import keras

    compile, options = keras.Model.compile, {"run_eagerly": True, "jit_compile": False}
    monkeypatch.setattr(keras.Model, "compile", lambda *given, **others: compile(*given, **(others | options)))


@pytest.fixture(scope="session")
def _tiny_cases(tmp_path_factory):
    root = tmp_path_factory.mktemp("original") / "tiny"
    for i in range(10):
        write_case(root, f"BraTS20_Training_{i + 1:03d}", seed=i)
    rows = [f"{'HGG' if i < 6 else 'LGG'},BraTS20_Training_{i + 1:03d}" for i in range(10)]
    (root / "name_mapping.csv").write_text("Grade,BraTS_2020_subject_ID\n" + "\n".join(rows) + "\n")
    return root


@pytest.fixture
def tiny_root(tmp_path, _tiny_cases):
    """A folder of ten tiny cases with `name_mapping.csv`: six HGG, four LGG."""
    return shutil.copytree(_tiny_cases, tmp_path / "tiny")


@pytest.fixture(scope="session")
def real_root():
    """Real BraTS 2021 cases, where `$BRATS_REAL_CASES` names them."""
    root = os.environ.get("BRATS_REAL_CASES", "")
    if not root:
        pytest.skip("no real cases at hand; set BRATS_REAL_CASES to a folder of BraTS 2021 cases")
    assert Path(root).is_dir(), f"BRATS_REAL_CASES is {root}, which is no folder"
    return Path(root)


@pytest.fixture
def msd_root(tmp_path):
    """Three MSD Task01 cases on RAS axes, the last without a mask, with `dataset.json` and a `._*` file."""
    root = tmp_path / "msd" / "Task01_BrainTumour"
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    # MSD's numbers for our labels.
    codes = {ED: 1, NCR: 2, ET: 3}
    for i, name in enumerate(("BRATS_001", "BRATS_002", "BRATS_010")):
        volumes, mask = tiny_volumes(seed=i)
        # LPS to RAS: the first two axes run the other way.
        images = np.stack([volumes[modality][::-1, ::-1] for modality in ("flair", "t1", "t1ce", "t2")], axis=-1)
        nib.save(nib.Nifti1Image(images.astype(np.float32), np.eye(4)), root / "imagesTr" / f"{name}.nii.gz")
        if name != "BRATS_010":
            coded = np.zeros_like(mask)
            for label, code in codes.items():
                coded[mask == label] = code
            nib.save(nib.Nifti1Image(coded[::-1, ::-1], np.eye(4)), root / "labelsTr" / f"{name}.nii.gz")
    (root / "imagesTr" / "._BRATS_001.nii.gz").write_bytes(b"\0\5\x16\7")
    about = {"modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}}
    (root / "dataset.json").write_text(json.dumps(about))
    return root
