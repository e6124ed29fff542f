"""Every dirty spot known of BraTS copies is found, the others are not accused, and one never hides another."""

import json
import shutil
import time
from dataclasses import asdict

import nibabel as nib
import numpy as np
import pytest
from conftest import LPS_AFFINE, tiny_volumes

from brats_lib.cases import Cohort
from brats_lib.cases.audit import Finding, audit, summary
from brats_lib.errors import BratsError
from brats_lib.labels import ED, ET

SHAPE = (48, 40, 36)


def file(root, number, role):
    name = f"BraTS20_Training_{number:03d}"
    return root / name / f"{name}_{role}.nii.gz"


def save(array, path, affine=LPS_AFFINE):
    nib.save(nib.Nifti1Image(array, affine), path)


def look(cohort):
    """Findings without the one every tiny case has: that it is smaller than a BraTS case."""
    return [finding for finding in audit(cohort, workers=1, progress=False) if finding.problem != "size"]


def kinds(findings):
    return {(f.case[-3:], f.severity, f.problem) for f in findings}


def test_clean_cohort_has_nothing_but_its_size(tiny_root):
    assert look(tiny_root) == []
    sizes = audit(tiny_root, workers=1, progress=False)
    assert [f.severity for f in sizes] == ["info"] * 10
    assert "its shape is (48, 40, 36); expected (240, 240, 155) in BraTS" in sizes[0].message


def test_every_fault_is_found_and_nothing_else(tiny_root):
    file(tiny_root, 1, "t2").unlink()
    save(np.zeros((48, 40, 35), np.int16), file(tiny_root, 2, "t1"))
    volume = tiny_volumes(2)[0]["flair"].astype(np.float32)
    volume[24, 20, 18] = np.nan
    save(volume, file(tiny_root, 3, "flair"))
    path = file(tiny_root, 4, "t1ce")
    path.write_bytes(path.read_bytes()[:-4000])
    mask = tiny_volumes(4)[1]
    save(np.where(mask == ET, 3, mask).astype(np.uint8), file(tiny_root, 5, "seg"))
    save(np.zeros(SHAPE, np.uint8), file(tiny_root, 6, "seg"))
    save(np.zeros(SHAPE, np.int16), file(tiny_root, 7, "t2"))
    save(tiny_volumes(7)[0]["t1"] - 5, file(tiny_root, 8, "t1"))
    shutil.copy(file(tiny_root, 9, "flair"), file(tiny_root, 10, "flair"))
    assert kinds(look(tiny_root)) == {
        ("001", "error", "missing-modality"),
        ("002", "error", "empty-image"),
        ("002", "error", "shape"),
        ("003", "error", "not-finite"),
        ("004", "error", "unreadable"),
        ("005", "error", "labels"),
        ("006", "warning", "no-tumour"),
        ("007", "error", "empty-image"),
        ("008", "warning", "negative-values"),
        ("010", "error", "duplicate-image"),
    }


def test_infos_and_grids(tiny_root):
    file(tiny_root, 1, "seg").rename(file(tiny_root, 1, "t1").parent / "W39_1998.09.19_Segm.nii.gz")
    file(tiny_root, 2, "seg").unlink()
    mask = tiny_volumes(2)[1]
    save(np.where(mask == ET, ED, mask), file(tiny_root, 3, "seg"))
    shifted = LPS_AFFINE.copy()
    shifted[0, 3] = 7
    save(tiny_volumes(3)[0]["t2"], file(tiny_root, 4, "t2"), shifted)
    save(tiny_volumes(4)[1], file(tiny_root, 5, "seg"), np.eye(4))
    coarse = LPS_AFFINE @ np.diag([1, 1, 2, 1])
    volumes, mask = tiny_volumes(5)
    for role, array in {**volumes, "seg": mask}.items():
        save(array, file(tiny_root, 6, role), coarse)
    findings = look(tiny_root)
    assert kinds(findings) == {
        ("001", "info", "adopted-mask"),
        ("002", "info", "no-mask"),
        ("003", "info", "no-et"),
        ("004", "warning", "affine"),
        ("005", "error", "affine"),
        ("006", "warning", "spacing"),
        ("", "info", "grids"),
    }
    messages = {f.problem + f.severity: f.message for f in findings}
    assert "9 cases with axes LPS, shape (48, 40, 36), voxels of 1 x 1 x 1 mm; 1 case" in messages["gridsinfo"]
    assert "7.0 mm away" in messages["affinewarning"]
    assert "1 x 1 x 2 mm" in messages["spacingwarning"]
    # What the audit calls an error is what reading refuses; what it warns of can be read.
    cohort = Cohort.find(tiny_root)
    assert cohort[3].volume("t2").any()
    with pytest.raises(BratsError, match="axes are RAS"):
        cohort[4].mask()


def test_table_and_folders_disagree_both_ways(tiny_root):
    table = tiny_root / "name_mapping.csv"
    rows = (
        table.read_text()
        .replace("HGG,BraTS20_Training_002\n", "")
        .replace("HGG,BraTS20_Training_003", ",BraTS20_Training_003")
    )
    table.write_text(rows + "LGG,BraTS20_Training_011\nLGG,BraTS20_Training_012\n")
    (tiny_root / "name_mapping_validation_data.csv").write_text("BraTS_2020_subject_ID\nBraTS20_Validation_001\n")
    findings = look(tiny_root)
    assert kinds(findings) == {
        ("", "warning", "csv-without-case"),
        ("002", "warning", "case-without-csv"),
        ("003", "warning", "no-grade"),
        ("", "info", "csv-unrelated"),
    }
    absent = next(f for f in findings if f.problem == "csv-without-case")
    assert "it lists 2 cases that are not there (BraTS20_Training_011, BraTS20_Training_012)" in absent.message


def test_part_of_a_cohort_is_not_called_incomplete(tiny_root):
    assert look(Cohort.find(tiny_root, max_cases=2)) == []


def test_one_image_copied_over_another_of_the_same_case(tiny_root):
    shutil.copy(file(tiny_root, 1, "t1"), file(tiny_root, 1, "t1ce"))
    (finding,) = look(tiny_root)
    assert finding.problem == "duplicate-image"
    assert "its t1ce has the same voxels as t1 of BraTS20_Training_001" in finding.message


def test_same_voxels_are_found_under_another_compression_type_and_order_of_axes(tiny_root):
    array = tiny_volumes(0)[0]["t1"].astype(np.float32)
    turn = nib.orientations.ornt_transform(*(nib.orientations.axcodes2ornt(axes) for axes in ("LPS", "SPL")))
    copy = nib.Nifti1Image(array, LPS_AFFINE).as_reoriented(turn)
    nib.save(copy, file(tiny_root, 2, "t1").with_name("BraTS20_Training_002_t1.nii"))
    file(tiny_root, 2, "t1").unlink()
    assert kinds(look(tiny_root)) == {("002", "error", "duplicate-image"), ("002", "warning", "axes")}


def test_msd_cohort_is_clean(msd_root):
    assert kinds(look(msd_root)) == {("010", "info", "no-mask")}


def test_msd_image_with_another_number_of_channels(msd_root):
    path = msd_root / "imagesTr" / "BRATS_001.nii.gz"
    save(np.ones((*SHAPE, 2), np.float32), path, np.eye(4))
    assert ("001", "error", "shape") in kinds(look(msd_root))


def test_workers_find_the_same_in_the_same_order(tiny_root):
    file(tiny_root, 3, "t2").unlink()
    file(tiny_root, 7, "seg").write_bytes(b"")
    alone = audit(tiny_root, workers=1, progress=False)
    assert audit(tiny_root, workers=2, progress=False) == alone
    assert [f.severity for f in alone[:3]] == ["error", "error", "info"]


def test_folder_without_cases_is_an_error_of_its_own(tmp_path):
    with pytest.raises(BratsError, match="no case is in it"):
        audit(tmp_path)


def test_summary_counts_and_names():
    findings = [Finding(f"P_{i}", "error", "shape", f"message {i}") for i in (1, 2, 10, 11)]
    findings += [Finding("P_2", "info", "no-et", "nothing to do")]
    lines = summary(findings, cases=12).splitlines()
    assert lines[0] == "12 cases: 4 errors, 0 warnings, 1 info"
    assert lines[3].split() == ["error", "shape", "4", "P_1,", "P_2,", "P_10", "and", "1", "more"]
    assert lines[4].split() == ["info", "no-et", "1", "P_2"]
    assert lines[-1] == "error: message 11"
    assert summary([], cases=3) == "3 cases: nothing found."
    assert json.loads(json.dumps([asdict(finding) for finding in findings]))[0]["problem"] == "shape"


def test_real_cases_are_clean_and_fast(real_root):
    cohort = Cohort.find(real_root, max_cases=2)
    start = time.process_time()
    assert audit(cohort, workers=1, progress=False) == []
    assert time.process_time() - start < 6, "3 s a case on one core"
