"""Names of other data sets are read, other images beside them left alone, and two candidates never chosen between."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import tiny_volumes, write_case

from brats_lib.cases import Cohort
from brats_lib.cases.audit import audit
from brats_lib.cases.layouts import recognise
from brats_lib.errors import BratsError

UPENN, UCSF, TCGA = "UPENN-GBM-00001_11", "UCSF-PDGM-0004", "TCGA-02-0006_1996.08.23"
B24 = "BraTS-GLI-00005-100"
# Folder, case, layout, and the names of FLAIR, T1, T1ce, T2 and mask; a dot stands for the case's name.
NAMINGS = [
    (UPENN, UPENN, "upenn", "._FLAIR ._T1 ._T1GD ._T2 ._segm"),
    (f"{UCSF}_nifti", UCSF, "ucsf", "._FLAIR ._T1 ._T1c ._T2 ._tumor_segmentation"),
    (TCGA, TCGA, "tcga", "._flair ._t1 ._t1Gd ._t2 ._GlistrBoost_ManuallyCorrected"),
    ("sub-01/anat", "sub-01", "bids", "._FLAIR ._T1w ._ce-gadolinium_T1w ._T2w ._seg"),
    ("sub-01/ses-2/anat", "sub-01_ses-2", "bids", "._acq-3D_FLAIR ._run-1_T1w ._ce-gad_run-1_T1w ._T2w -"),
    ("pat1", "pat1", "brats2020", "flair t1 t1ce t2 seg"),
    ("brats_2013_pat0001_1", "brats_2013_pat0001_1", "brats2015", "Flair T1 T1c T2 OT"),
    ("pat 1", "pat 1", "brats2020", ". FLAIR|. T1|. T1ce|. T2|. seg"),
    (B24, B24, "brats2023", ".-t2f .-t1n .-t1c .-t2w -"),
    ("pat1", "pat1", "brats2020", "._T2-FLAIR ._T1pre ._T1_post ._T2 ._tumour_segmentation"),
    ("pat1", "pat1", "brats2020", "..flair ..t1 ..t1ce ..t2 ..seg"),
]


def rename(tmp_path, folder, case, names):
    """A tiny case under other names; returns the cohort's folder."""
    old, new = write_case(tmp_path / "old", "X"), tmp_path / "data" / folder
    new.mkdir(parents=True)
    for role, name in zip(("flair", "t1", "t1ce", "t2", "seg"), names.split("|" if "|" in names else " "), strict=True):
        if name != "-":
            name = case + name[1:] if name.startswith(".") else name
            shutil.move(old / f"X_{role}.nii.gz", new / f"{name}.nii.gz")
    return tmp_path / "data"


@pytest.mark.parametrize(("folder", "name", "layout", "names"), NAMINGS)
def test_names_of_other_data_sets_are_read(tmp_path, folder, name, layout, names):
    (case,) = Cohort.find(rename(tmp_path, folder, name, names))
    assert (case.name, case.layout, case.ignored, case.rivals) == (name, layout, (), {})
    volumes, mask = tiny_volumes(0)
    for modality, volume in volumes.items():
        np.testing.assert_array_equal(case.volume(modality), volume)
    assert case.has_mask == (not names.endswith("-"))
    if case.has_mask:
        np.testing.assert_array_equal(case.mask(), mask)


EXTRAS = {
    UCSF: "_ADC _DWI _SWI _ASL _T1_bias _T1c_bias _FLAIR_bias _brain_segmentation _brain_parenchyma_segmentation",
    UPENN: "_T1_unstripped _automated_approx_segm _DSC_ap-rCBV _brain_mask",
    "pat1": "_t1ce_bet_mask _brain _mask _t1_brain_mask _brainmask _synthstrip_mask _pred_seg _prob _seg_probabilities",
}


@pytest.mark.parametrize(("name", "extras"), EXTRAS.items())
def test_other_images_are_left_alone_and_named_and_are_no_masks(tmp_path, name, extras):
    names = next(names for _, case, _, names in NAMINGS if case == name)
    root = rename(tmp_path, name, name, names.rpartition(" ")[0] + " -")
    flair = next((root / name).iterdir())
    files = {root / name / f"{name}{extra}.nii.gz" for extra in extras.split()}
    for path in files:
        shutil.copy(flair, path)
    (case,) = Cohort.find(root)
    assert set(case.ignored) == files and not case.has_mask and len(case.modalities) == 4
    named = [finding for finding in audit(root, workers=1) if finding.problem == "left-alone"]
    assert {finding.message.split(": ")[0] for finding in named} == set(map(str, files))


def test_missing_modality_is_named_with_the_images_whose_names_say_nothing(tmp_path):
    root = rename(tmp_path, "pat1", "pat1", "._flair ._t1 ._contrast ._t2 -")
    with pytest.raises(BratsError, match=r"has flair, t1, t2; expected also t1ce.*names \(pat1_contrast.nii.gz\)"):
        Cohort.find(root)[0].volumes()


@pytest.mark.parametrize(
    ("first", "second", "role"),
    [("X_t1ce.nii.gz", "X_t1ce.nii", "t1ce"), ("X_lesion.nii.gz", "tumor_label.nii.gz", "mask")],
)
def test_two_candidates_for_one_role_are_refused_by_name(tmp_path, first, second, role):
    folder = write_case(tmp_path, "X")
    (folder / f"X_{'seg' if role == 'mask' else role}.nii.gz").rename(folder / first)
    shutil.copy(folder / first, folder / second)
    (case,) = Cohort.find(tmp_path)
    assert {path.name for path in case.rivals[role]} == {first, second}
    with pytest.raises(BratsError, match=f"could both be the {role} of case X; expected one {role} file"):
        case.mask() if role == "mask" else case.volumes(("flair", role))
    assert case.volume("flair").any()


def test_bids_entities_tell_runs_of_one_subject_apart_as_candidates_and_not_as_patients(tmp_path):
    (case,) = Cohort.find(rename(tmp_path, "sub-01/anat", "sub-01", "._FLAIR ._run-1_T1w ._run-2_T1w ._T2w -"))
    assert case.name == "sub-01" and len(case.rivals["t1"]) == 2


@pytest.mark.parametrize("name", ["sub-01_dseg", "X_flair_brain", "seg_X", "sub-1_ce-gd_FLAIR", "flairs"])
def test_names_that_only_resemble_are_nobodys(name):
    assert recognise(Path(f"{name}.nii.gz")) is None


def test_images_that_belong_to_no_case_are_listed(tmp_path):
    write_case(tmp_path, "X_1")
    (tmp_path / "other").mkdir()
    shutil.copy(tmp_path / "X_1" / "X_1_t1.nii.gz", tmp_path / "other" / "atlas.nii.gz")
    why = "its images have no names of a case's (atlas.nii.gz)"
    assert Cohort.find(tmp_path).skipped == ((tmp_path / "other", why),)


def test_case_whose_name_is_no_text_is_left_out_and_said(tmp_path):
    write_case(tmp_path, "P_1")
    bad = write_case(tmp_path, "P_\udcff")
    cohort = Cohort.find(tmp_path)
    assert cohort.names == ("P_1",) and cohort.skipped[0][0] == bad
    with pytest.raises(BratsError, match="no case is in it.*not printable text") as caught:
        Cohort.find(bad)
    str(caught.value).encode()
