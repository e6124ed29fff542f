"""Oddities of BraTS copies are found at the right case and others not accused; planted faults are in `test_planted`."""

import shutil

import nibabel as nib
import numpy as np
import pytest
from conftest import LPS_AFFINE, tiny_volumes
from heads import save

from brats_lib.cases import Cohort
from brats_lib.cases.audit import SEVERITIES, Finding, audit, summary
from brats_lib.cases.audit.findings import Report
from brats_lib.errors import BratsError
from brats_lib.labels import ED, ET

NAMES = [f"BraTS20_Training_{number:03d}" for number in range(1, 11)]


def file(root, number, role):
    name = NAMES[number - 1]
    return root / name / f"{name}_{role}.nii.gz"


def look(cohort):
    """Messages by the end of the case's name, severity and problem, without that it is smaller than a BraTS case."""
    findings = audit(cohort, workers=1)
    return {(f.case[-3:], f.severity, f.problem): f.message for f in findings if f.problem != "size"}


def test_real_cases_are_clean(real_root):
    assert audit(Cohort.find(real_root, max_cases=3), workers=1) == []


def test_every_oddity_is_found_at_its_case_and_nothing_else(tiny_root):
    file(tiny_root, 1, "seg").rename(file(tiny_root, 1, "t1").parent / "W39_1998.09.19_Segm.nii.gz")
    file(tiny_root, 2, "seg").unlink()
    mask = tiny_volumes(2)[1]
    save(np.where(mask == ET, ED, mask), file(tiny_root, 3, "seg"))
    save(tiny_volumes(3)[0]["t2"], file(tiny_root, 4, "t2"), LPS_AFFINE + 7 * np.eye(4, k=3))
    save(tiny_volumes(4)[1], file(tiny_root, 5, "seg"), np.eye(4))
    volumes, mask = tiny_volumes(5)
    for role, array in {**volumes, "seg": mask}.items():
        save(array, file(tiny_root, 6, role), LPS_AFFINE @ np.diag([1, 1, 2, 1]))
    save(np.zeros((48, 40, 35), np.int16), file(tiny_root, 7, "t1"))
    found = look(tiny_root)
    assert set(found) == {
        ("001", "info", "adopted-mask"),
        ("002", "info", "no-mask"),
        ("003", "info", "no-et"),
        ("004", "warning", "affine"),
        ("005", "error", "affine"),
        ("006", "warning", "spacing"),
        ("007", "error", "empty-image"),
        ("007", "error", "shape"),
        ("", "info", "grids"),
    }
    severities = [severity for _, severity, _ in found]
    assert severities == sorted(severities, key=SEVERITIES.index)
    assert "9 cases with axes LPS, shape (48, 40, 36), voxels of 1 x 1 x 1 mm; 1 case" in found["", "info", "grids"]
    assert "7.0 mm away" in found["004", "warning", "affine"]
    assert "1 x 1 x 2 mm" in found["006", "warning", "spacing"]
    # What the audit calls an error is what reading refuses; what it warns of can be read.
    cohort = Cohort.find(tiny_root)
    assert cohort[3].volume("t2").any()
    with pytest.raises(BratsError, match="axes are RAS"):
        cohort[4].mask()


def test_grades_of_two_tables_and_of_a_folders_name_are_compared(tiny_root):
    (tiny_root / "name_mapping_old.csv").write_text(f"Grade,BraTS_2020_subject_ID\nLGG,{NAMES[0]}\n")
    (tiny_root / "LGG").mkdir()
    (tiny_root / NAMES[3]).rename(tiny_root / "LGG" / NAMES[3])
    found = look(tiny_root)
    assert set(found) == {(case, "warning", "grade-contradicted") for case in ("001", "004")}
    first, fourth = found.values()
    assert f"the grade of {NAMES[0]} is HGG in name_mapping.csv, LGG in name_mapping_old.csv" in first
    assert "HGG in name_mapping.csv, LGG in the name of its folder" in fourth


def test_folders_that_hold_no_case_are_named_and_others_left_alone(tiny_root):
    for path in ("BraTS20_Training_012/t1.mgz", "papers/baid.pdf", "survival_info.csv", f"{NAMES[0]}/notes.txt"):
        (tiny_root / path).parent.mkdir(exist_ok=True)
        (tiny_root / path).write_text("Brats20ID,Age\nBraTS20_Training_001,60\n")
    (tiny_root / "BraTS20_Training_011").mkdir()
    findings = [f for f in audit(tiny_root, workers=1) if f.problem != "size"]
    assert [(f.severity, f.problem) for f in findings] == [("warning", "empty-folder")] * 2
    assert "BraTS20_Training_011: no NIfTI image is in it (it is empty)" in findings[0].message
    assert "BraTS20_Training_012: no NIfTI image is in it (t1.mgz)" in findings[1].message


def test_a_case_that_breaks_its_reader_is_a_finding_and_the_others_are_audited(tiny_root, monkeypatch):
    def look_at(case):
        if case.name == NAMES[3]:
            raise MemoryError
        return Report(case.name)

    monkeypatch.setattr("brats_lib.cases.audit.audit_case", look_at)
    ((key, message),) = look(tiny_root).items()
    assert key == ("004", "error", "unreadable")
    assert "it cannot be looked at (MemoryError" in message


def test_same_voxels_are_found_under_another_name_compression_type_and_order_of_axes(tiny_root):
    shutil.copy(file(tiny_root, 3, "seg"), file(tiny_root, 4, "seg"))
    shutil.copy(file(tiny_root, 1, "t1"), file(tiny_root, 1, "t1ce"))
    array = tiny_volumes(4)[0]["t1"].astype(np.float32)
    turn = nib.orientations.ornt_transform(*(nib.orientations.axcodes2ornt(axes) for axes in ("LPS", "SPL")))
    copy = nib.Nifti1Image(array, LPS_AFFINE).as_reoriented(turn)
    nib.save(copy, file(tiny_root, 6, "t1").with_name(f"{NAMES[5]}_t1.nii"))
    file(tiny_root, 6, "t1").unlink()
    found = look(tiny_root)
    same = {case: found.pop((case, "error", "duplicate-image")) for case in ("001", "004", "006")}
    assert set(found) == {("006", "warning", "axes")}
    assert "its t1ce has the same voxels as t1 of BraTS20_Training_001" in same["001"]
    assert "its mask has the same voxels as mask of BraTS20_Training_003" in same["004"]


def test_msd_cohort_is_clean_until_an_image_has_other_channels_or_a_mask_has_no_image(msd_root):
    assert set(look(msd_root)) == {("010", "info", "no-mask")}
    save(np.ones((48, 40, 36, 2), np.float32), msd_root / "imagesTr" / "BRATS_001.nii.gz", np.eye(4))
    shutil.copy(msd_root / "labelsTr" / "BRATS_001.nii.gz", msd_root / "labelsTr" / "BRATS_077.nii.gz")
    found = look(msd_root)
    assert ("001", "error", "shape") in found
    assert "BRATS_077.nii.gz: no image of its name is in imagesTr" in found["", "warning", "left-out"]


def test_summary_counts_and_names():
    findings = [Finding(f"P_{i}", "error", "shape", f"message {i}") for i in (1, 2, 10, 11)]
    lines = summary([*findings, Finding("P_2", "info", "no-et", "nothing to do")], cases=12).splitlines()
    assert lines[0] == "12 cases: 4 errors, 0 warnings, 1 info"
    assert lines[3].split() == ["error", "shape", "4", "P_1,", "P_2,", "P_10", "and", "1", "more"]
    assert lines[4].split() == ["info", "no-et", "1", "P_2"]
    assert lines[-1] == "error: message 11"
