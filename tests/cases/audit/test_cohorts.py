"""What is wrong between cases and beside them: twins, tables and splits that contradict, folders without a case."""

import json
import re

import numpy as np
import pytest
from heads import phantom

from brats_lib.cases import Case, Cohort, Split
from brats_lib.cases.audit import audit
from brats_lib.cases.audit.cohorts import duplicates, splits
from brats_lib.cases.audit.findings import Report
from brats_lib.cases.audit.likeness import ALIKE, Pair, alike, copies, signature

MM = (1.0, 1.0, 1.0)
NAMES = [f"BraTS20_Training_{number:03d}" for number in range(1, 11)]


@pytest.fixture(scope="module")
def heads():
    """T1 images of two phantoms, whose heads differ."""
    return [phantom(index).volumes["t1"].astype(np.float32) for index in (0, 1)]


def likeness(one, other, spacing=MM):
    return float(np.vdot(signature(one, MM).astype(np.float32), signature(other, spacing).astype(np.float32)))


def test_other_heads_are_far_from_the_line(heads):
    assert likeness(*heads) < ALIKE - 0.2
    assert likeness(heads[0], heads[1][::-1]) < ALIKE - 0.2
    assert likeness(heads[0], heads[0][::-1]) < ALIKE - 0.1, "no head is its own mirror image"


def one_voxel(volume):
    volume[100, 100, 70] = 1e9
    return volume


@pytest.mark.parametrize(
    ("change", "spacing"),
    [
        (lambda v: 2 * v, MM),
        (lambda v: v + 300, MM),
        (lambda v: np.roll(v, (1, -2, 1), (0, 1, 2)), MM),
        (one_voxel, MM),
        (lambda v: v + np.random.default_rng(0).normal(0, 0.05 * v.max(), v.shape), MM),
        (lambda v: np.round(v * (255 / v.max())), MM),
        (lambda v: np.where(v != 0, (v - v[v != 0].mean()) / v[v != 0].std(), 0), MM),
        (lambda v: v[::2, ::2, ::2], (2.0, 2.0, 2.0)),
        (lambda v: v[20:-20, 10:-10, :150], MM),
    ],
    ids=["doubled", "offset", "shifted", "one voxel", "noise", "8 bits", "standardised", "2 mm", "cropped"],
)
def test_the_same_head_is_known_again(heads, change, spacing):
    assert likeness(heads[0], change(heads[0].copy()).astype(np.float32), spacing) > ALIKE


def test_what_is_no_brain_has_no_signature():
    assert signature(np.zeros((40, 40, 40), np.float32), MM) is None
    assert signature(np.pad(np.ones((30, 30, 30), np.float32), 20), MM) is None, "27 mL"
    assert signature(np.ones((4, 4, 3), np.float32), MM) is None


def test_twins_are_named_with_their_likeness_and_the_subsets_they_are_in(heads):
    twin, mirrored = heads[0] * 1.5, heads[0][::-1]
    images = {"A": heads[0], "B": heads[1], "C": twin, "D": mirrored}
    reports = [Report(name, signatures={"t1": signature(image, MM)}) for name, image in images.items()]
    pairs = alike(reports)
    assert [(pair.case, pair.other, pair.mirrored) for pair in pairs] == [("C", "A", False), ("D", "A", True)]
    assert pairs[0].likeness["t1"] == pytest.approx(1, abs=0.002)
    near = duplicates(reports, pairs)
    assert [(finding.case, finding.severity, finding.problem) for finding in near] == [
        ("C", "warning", "near-duplicate"),
        ("D", "warning", "near-duplicate"),
    ]
    assert near[0].message.startswith(
        "case C: its images correlate (t1 1.00) with those of A; expected another patient"
    )
    assert "with the mirror images of A" in near[1].message
    cohort = Cohort("here", tuple(Case(name, {}, "mask") for name in images))
    split = Split(("A", "B"), ("D",), ("C",))
    leaks = splits(cohort, split, pairs)
    assert [(leak.case, leak.severity, leak.problem) for leak in leaks] == [
        ("C", "error", "leakage"),
        ("D", "error", "leakage"),
    ]
    assert "C is in test and A in train, but its images correlate (t1 1.00) with those" in leaks[0].message
    assert splits(cohort, Split(("A", "C", "D"), ("B",), ()), pairs) == []


def test_exact_copies_are_not_named_twice():
    reports = [Report(name, hashes={"t1": "same", "mask": name}) for name in "AB"]
    pair = Pair("B", "A", {"t1": 1.0}, False)
    assert [finding.problem for finding in duplicates(reports, [pair])] == ["duplicate-image"]


def test_one_content_for_two_modalities_is_seen_whatever_its_scale(heads):
    other = np.where(heads[0] > 0, np.random.default_rng(0).normal(500, 60, heads[0].shape), 0)
    volumes = {"t1": heads[0], "t2": 2 * heads[0] + 7, "flair": other, "t1ce": one_voxel(heads[0].max() - heads[0])}
    assert list(copies(volumes)) == [("t1", "t2"), ("t1", "t1ce"), ("t2", "t1ce")]


def look(cohort):
    findings = audit(cohort, workers=1, progress=False)
    return {(f.case[-3:], f.severity, f.problem): f.message for f in findings if f.problem != "size"}


def test_two_tables_and_a_folder_that_disagree_are_named(tiny_root):
    (tiny_root / "name_mapping_old.csv").write_text(f"Grade,BraTS_2020_subject_ID\nLGG,{NAMES[0]}\n")
    (tiny_root / "LGG").mkdir()
    (tiny_root / NAMES[1]).rename(tiny_root / "LGG" / NAMES[1])
    found = look(tiny_root)
    assert set(found) == {("001", "warning", "grade-contradicted"), ("002", "warning", "grade-contradicted")}
    first = "the grade of BraTS20_Training_001 is HGG in name_mapping.csv, LGG in name_mapping_old.csv"
    assert first in found["001", "warning", "grade-contradicted"]
    assert "HGG in name_mapping.csv, LGG in the name of its folder" in found["002", "warning", "grade-contradicted"]


@pytest.mark.parametrize(
    ("change", "severity", "problem", "says"),
    [
        (lambda s: s["test"].pop(), "warning", "split-incomplete", "leaves out 1 of the cases with a mask .*_010"),
        (lambda s: s["test"].append(NAMES[0]), "error", "split", "names BraTS20_Training_001 more than once"),
        (lambda s: s["val"].append("BraTS20_Training_999"), "error", "split", "names BraTS20_Training_999, not among"),
        (lambda s: s.pop("val"), "error", "split", "it is no split"),
    ],
    ids=["leaves out", "twice", "stranger", "no val"],
)
def test_a_split_that_does_not_fit_the_cases_is_named(tiny_root, change, severity, problem, says):
    split = {"train": NAMES[:6], "val": NAMES[6:8], "test": NAMES[8:]}
    (tiny_root / "split.json").write_text(json.dumps(split))
    assert look(tiny_root) == {}
    change(split)
    (tiny_root / "split.json").write_text(json.dumps(split))
    ((key, message),) = look(tiny_root).items()
    assert key == ("", severity, problem)
    assert re.search(says, message), message


def test_folders_that_hold_no_case_are_named_and_others_left_alone(tiny_root):
    (tiny_root / "BraTS20_Training_011").mkdir()
    (tiny_root / "BraTS20_Training_012").mkdir()
    (tiny_root / "BraTS20_Training_012" / "t1.mgz").write_bytes(b"x")
    (tiny_root / "papers").mkdir()
    (tiny_root / "papers" / "baid.pdf").write_bytes(b"%PDF")
    (tiny_root / "survival_info.csv").write_text("Brats20ID,Age\nBraTS20_Training_001,60\n")
    (tiny_root / "BraTS20_Training_001" / "notes.txt").write_text("seen")
    findings = [f for f in audit(tiny_root, workers=1, progress=False) if f.problem != "size"]
    assert [(f.severity, f.problem) for f in findings] == [("warning", "empty-folder")] * 2
    assert "BraTS20_Training_011: no NIfTI image is in it (it is empty)" in findings[0].message
    assert "BraTS20_Training_012: no NIfTI image is in it (t1.mgz)" in findings[1].message


def test_a_mask_of_another_patient_is_a_duplicate(tiny_root):
    first, second = (tiny_root / name / f"{name}_seg.nii.gz" for name in NAMES[:2])
    second.write_bytes(first.read_bytes())
    found = look(tiny_root)
    assert "its mask has the same voxels as mask of BraTS20_Training_001" in found["002", "error", "duplicate-image"]


def test_a_case_that_breaks_its_reader_is_a_finding_and_the_others_are_audited(tiny_root, monkeypatch):
    def look_at(case):
        if case.name == NAMES[3]:
            raise MemoryError
        return Report(case.name)

    monkeypatch.setattr("brats_lib.cases.audit.audit_case", look_at)
    (finding,) = audit(tiny_root, workers=1, progress=False)
    assert (finding.case, finding.severity, finding.problem) == (NAMES[3], "error", "unreadable")
    assert "it cannot be looked at (MemoryError" in finding.message


def test_msd_mask_without_an_image_is_named(msd_root):
    labels = msd_root / "labelsTr"
    (labels / "BRATS_077.nii.gz").write_bytes((labels / "BRATS_001.nii.gz").read_bytes())
    found = look(msd_root)
    assert "BRATS_077.nii.gz: no image of its name is in imagesTr" in found["", "warning", "left-out"]


def test_real_patients_are_no_twins(real_root):
    cohort = Cohort.find(real_root)
    reports = [Report(c.name, signatures={"t1": signature(c.volume("t1"), c.spacing)}) for c in cohort]
    assert alike(reports) == []
