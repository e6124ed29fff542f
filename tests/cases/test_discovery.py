"""Every layout, nesting and oddity that copies of the data sets have."""

import gzip
import json
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import tiny_volumes, write_case
from heads import save

from brats_lib.cases import MODALITIES, Cohort, split_cohort
from brats_lib.errors import BratsError

FIRST, FIFTH = "BraTS20_Training_001", "BraTS20_Training_005"


def assert_same_arrays(case, seed):
    """The case reads as what `write_case` wrote."""
    volumes, mask = tiny_volumes(seed)
    for modality in MODALITIES:
        np.testing.assert_array_equal(case.volume(modality), volumes[modality])
    np.testing.assert_array_equal(case.mask(), mask)


def test_brats2020_cases_come_with_grades_and_by_name(tiny_root):
    cohort = Cohort.find(tiny_root)
    assert cohort.names == tuple(f"BraTS20_Training_{i:03d}" for i in range(1, 11))
    assert [case.grade for case in cohort] == ["HGG"] * 6 + ["LGG"] * 4
    assert cohort.source == "10 cases, BraTS 2020 naming, folder tiny" and not cohort.is_phantom
    assert_same_arrays(cohort["BraTS20_Training_003"], seed=2)
    assert Cohort.find(tiny_root / FIFTH).names == (FIFTH,)
    assert cohort.subset([FIFTH, FIRST]).names == (FIRST, FIFTH)
    with pytest.raises(BratsError, match=r"no case BraTS20_Training_01; expected such as BraTS20_Training_0"):
        cohort["BraTS20_Training_01"]
    with pytest.raises(BratsError, match="at least 1"):
        Cohort.find(tiny_root, max_cases=0)


@pytest.mark.parametrize(("name", "shown"), [("Käse, 2", "Käse, 2"), ("a$b$ `y` <i>\n|", "a_b_ _y_ _i___")])
def test_folder_is_named_without_what_a_page_or_figure_would_read(tmp_path, name, shown):
    write_case(tmp_path / name, "P_1")
    assert Cohort.find(tmp_path / name).source.endswith(f" naming, folder {shown}")


def test_case_2_comes_before_case_10(tmp_path):
    for name in ("P_10", "P_2", "P_1"):
        write_case(tmp_path, name, shape=(4, 4, 4))
    assert Cohort.find(tmp_path).names == ("P_1", "P_2", "P_10")
    assert Cohort.find(tmp_path, max_cases=2).names == ("P_1", "P_2")


def test_kaggle_nesting_mixed_suffixes_and_folders_named_as_files(tmp_path):
    nested = tmp_path / "BraTS2020_TrainingData" / "MICCAI_BraTS2020_TrainingData"
    folder = write_case(nested, FIRST, seed=1, suffix=".nii")
    packed, flair = folder / f"{FIRST}_t2.nii", folder / f"{FIRST}_flair.nii"
    Path(f"{packed}.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    inside = flair.rename(folder / "00000057_brain_flair.nii")
    flair.mkdir()
    inside = inside.rename(flair / inside.name)
    (nested / "name_mapping.csv").write_text(
        f"Grade,BraTS_2017_subject_ID,BraTS_2019_subject_ID,BraTS_2020_subject_ID\nLGG,Brats17_A,BraTS19_A,{FIRST}\n"
    )
    (case,) = Cohort.find(tmp_path)
    assert case.grade == "LGG" and case.files["flair"] == inside
    assert_same_arrays(case, seed=1)


def test_grade_from_2018_folders(tmp_path):
    write_case(tmp_path / "HGG", "Brats18_A_1")
    write_case(tmp_path / "LGG", "Brats18_B_1")
    cohort = Cohort.find(tmp_path)
    assert {case.name: case.grade for case in cohort} == {"Brats18_A_1": "HGG", "Brats18_B_1": "LGG"}
    assert cohort.source.startswith("2 cases, BraTS 2018 naming")


@pytest.mark.parametrize(
    "text",
    ["\ufeffGrade,BraTS_2019_subject_ID\r\nhgg,X_1\r\n", "subject, GRADE ,note\nX_1, HGG \nNA,LGG,,surplus\n"],
)
def test_name_mapping_of_any_column_names(tmp_path, text):
    write_case(tmp_path / "cases", "X_1")
    (tmp_path / "name_mapping.csv").write_text(text, encoding="utf-8")
    assert Cohort.find(tmp_path)["X_1"].grade == "HGG"


def test_table_that_is_no_text_stops_nobody_but_the_split_that_needs_its_grades(tiny_root):
    (tiny_root / "name_mapping.csv").write_bytes(b"\xff\xfe\x00G")
    os.mkfifo(tiny_root / "name_mapping_2.csv")
    cohort = Cohort.find(tiny_root)
    problems = [table.problem for table in cohort.tables]
    assert len(cohort) == 10 and "it is not UTF-8 text" in problems[0] and "a pipe or a device" in problems[1]
    with pytest.raises(BratsError, match="name_mapping.csv: it cannot be read, and grades may be in it"):
        split_cohort(cohort)


def test_brats2023_names_and_codes(tmp_path):
    """Label 3 of these files is enhancing tumour, 4 here."""
    name, (volumes, mask) = "BraTS-GLI-00005-000", tiny_volumes(4)
    arrays = dict(zip(("t2f", "t1n", "t1c", "t2w"), map(volumes.get, MODALITIES), strict=True))
    for word, array in (arrays | {"seg": np.where(mask == 4, 3, mask).astype(np.uint8)}).items():
        save(array, tmp_path / name / f"{name}-{word}.nii.gz")
    (case,) = cohort = Cohort.find(tmp_path)
    assert case.name == name and cohort.source.startswith("1 case, BraTS 2023 naming")
    assert_same_arrays(case, seed=4)


def test_msd_channels_codes_and_axes(msd_root):
    """MSD stores RAS axes and numbers its labels differently; it reads as the BraTS case it was made from."""
    cohort = Cohort.find(msd_root)
    assert cohort.names == ("BRATS_001", "BRATS_002", "BRATS_010")
    assert cohort.labelled().names == ("BRATS_001", "BRATS_002")
    assert cohort.source == "3 cases, MSD Task01 naming, folder Task01_BrainTumour"
    assert_same_arrays(cohort["BRATS_002"], seed=1)
    assert list(cohort[0].volumes(("t2", "flair"))) == ["t2", "flair"]
    (msd_root / "dataset.json").write_text(json.dumps({"modality": {"0": "CT"}}))
    with pytest.raises(BratsError, match=r"dataset.json: its channels are \['ct'\]"):
        Cohort.find(msd_root)


def test_odd_mask_name_is_adopted_and_logged(tiny_root, caplog):
    """Case 355 of BraTS 2020."""
    folder = tiny_root / FIFTH
    odd = (folder / f"{FIFTH}_seg.nii.gz").rename(folder / "W39_1998.09.19_Segm.nii.gz")
    with caplog.at_level(logging.INFO):
        cohort = Cohort.find(tiny_root)
    case = cohort[FIFTH]
    assert case.mask_file == odd and case.has_odd_mask and odd.exists() and not cohort[0].has_odd_mask
    assert f"{FIFTH}: no mask of its name; taking W39_1998.09.19_Segm.nii.gz" in caplog.text
    assert_same_arrays(case, seed=4)


def test_cases_side_by_side_in_one_folder(tmp_path):
    for seed, name in enumerate(("P_1", "P_2")):
        for path in write_case(tmp_path / "old", name, seed).iterdir():
            path.rename(tmp_path / path.name)
    cohort = Cohort.find(tmp_path)
    assert cohort.names == ("P_1", "P_2")
    for seed, case in enumerate(cohort):
        assert_same_arrays(case, seed)


def test_predicted_masks_are_no_cases(tiny_root):
    predictions = tiny_root / "predictions"
    predictions.mkdir()
    shutil.copy(tiny_root / FIRST / f"{FIRST}_seg.nii.gz", predictions)
    assert len(Cohort.find(tiny_root)) == 10
    with pytest.raises(BratsError, match="no case is in it"):
        Cohort.find(predictions)


def test_links_are_followed_and_loops_are_not(tiny_root, tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "data").symlink_to(tiny_root)
    (tiny_root / "up").symlink_to(tmp_path / "linked")
    assert len(Cohort.find(tmp_path / "linked")) == 10


def test_one_case_twice_names_both_places(tmp_path):
    for folder in ("one", "copy"):
        write_case(tmp_path / folder, "P_1")
    with pytest.raises(BratsError, match="P_1 is there twice, in .* and in "):
        Cohort.find(tmp_path)


def test_folders_without_cases(tmp_path):
    (tmp_path / "notes.txt").touch()
    for path, message in (
        (tmp_path, r"no case is in it \(1 files of other names\)"),
        (tmp_path / "notes.txt", "it is a file"),
        (tmp_path / "nowhere", "there is no such folder"),
    ):
        with pytest.raises(BratsError, match=message):
            Cohort.find(path)


def test_folder_that_may_not_be_read_is_left_out_and_named(tiny_root, monkeypatch):
    """Simulated, because the super-user may read everything."""
    original, closed = Path.iterdir, tiny_root / FIFTH

    def iterdir(self):
        if self == closed:
            raise PermissionError(13, "Permission denied")
        return original(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    cohort = Cohort.find(tiny_root)
    assert len(cohort) == 9 and cohort.skipped == ((closed, "it cannot be read (Permission denied)"),)
    with pytest.raises(BratsError, match="it cannot be read .Permission denied.*chmod"):
        Cohort.find(closed)


def test_phantoms_are_called_so_also_in_a_folder_of_the_data(tiny_root):
    write_case(tiny_root / "made" / "up", "Phantom_001")
    mark = tiny_root / "made" / "up" / "phantom.json"
    mark.write_text(json.dumps({"seed": 3, "stream": "cohort"}))
    cohort = Cohort.find(tiny_root)
    assert cohort.is_phantom and not cohort.subset([FIRST]).is_phantom
    assert cohort.source == "1 simulated phantom (seed 3) and 10 cases, BraTS 2020 naming, folder tiny"
    # Without a stream they are drawn like those that the networks that ship learnt from.
    mark.write_text(json.dumps({"seed": 3}))
    assert Cohort.find(tiny_root / "made").source == "1 simulated phantom (seed 3 of the stream training)"
