"""Predicted masks of every naming and coding are scored as what they mean, or refused with what is open."""

import numpy as np
import pytest
from conftest import tiny_volumes, write_case
from heads import save
from planted import relabelled

from brats_lib.cases import Cohort
from brats_lib.errors import BratsError
from brats_lib.labels import ED, ET, NCR
from brats_lib.scores.evaluation import score_folder

# Label to number, in the words of each data set.
CODES = {"brats": {NCR: 1, ED: 2, ET: 4}, "brats2023": {NCR: 1, ED: 2, ET: 3}, "nnunet": {ED: 1, NCR: 2, ET: 3}}
WORDS_2023 = {"flair": "t2f", "t1": "t1n", "t1ce": "t1c", "t2": "t2w"}


@pytest.fixture
def cohorts(tmp_path, msd_root):
    """One cohort of two cases in each naming that codes its masks in its own way."""
    for i in range(2):
        write_case(tmp_path / "brats2020", f"BraTS20_Training_00{i + 1}", seed=i)
        volumes, mask = tiny_volumes(i)
        arrays = {WORDS_2023[modality]: volume for modality, volume in volumes.items()}
        for word, array in (arrays | {"seg": relabelled(CODES["brats2023"])(mask)}).items():
            name = f"BraTS-GLI-0000{i}-000"
            save(array, tmp_path / "brats2023" / name / f"{name}-{word}.nii.gz")
    (msd_root / "imagesTr" / "BRATS_010.nii.gz").unlink()
    roots = {"brats2020": tmp_path / "brats2020", "brats2023": tmp_path / "brats2023", "msd": msd_root}
    return {name: Cohort.find(root) for name, root in roots.items()}


def predicted(cohort, folder, coding, ending="_seg", change=lambda labels: labels):
    """The truth itself as predictions."""
    for i, case in enumerate(cohort):
        save(relabelled(CODES[coding])(change(tiny_volumes(i)[1])), folder / f"{case.name}{ending}.nii.gz", case.affine)
    return folder


@pytest.mark.parametrize(
    ("truth", "coding", "ending"),
    [("brats2020", "brats", ""), ("brats2023", "brats2023", "-seg"), ("msd", "brats", "_seg"), ("msd", "nnunet", "")],
)
def test_perfect_predictions_score_one_where_it_is_known_what_numbers_mean(cohorts, tmp_path, truth, coding, ending):
    remarks = []
    scores = score_folder(predicted(cohorts[truth], tmp_path / "p", coding, ending), cohorts[truth], remarks=remarks)
    assert len(scores) == 10 and (scores["dice"] == 1).all()
    assert CODES[coding][ET] == 4 or "3 = ET" in remarks[0]


@pytest.mark.parametrize("coding", ["brats2023", "nnunet"])
def test_what_three_numbers_cannot_tell_is_asked_for_and_then_right(cohorts, tmp_path, coding):
    truth = cohorts["brats2020"]
    folder = predicted(truth, tmp_path / "p", coding)
    with pytest.raises(BratsError, match="whether 1 is NCR or ED.*--labels brats2023 where 1 = NCR.*--labels nnunet"):
        score_folder(folder, truth)
    assert (score_folder(folder, truth, labels=coding)["dice"] == 1).all()


def without_et(labels):
    return np.where(labels == ET, NCR, labels)


def test_predictions_without_et_follow_the_years_of_brats_and_are_asked_about_for_msd(cohorts, tmp_path):
    folder = predicted(cohorts["brats2023"], tmp_path / "p", "brats", change=without_et)
    dice = score_folder(folder, cohorts["brats2023"]).set_index("region")["dice"]
    assert (dice[["WT", "TC", "ED"]] == 1).all() and (dice["ET"] == 0).all()
    with pytest.raises(BratsError, match="whether 1 is ED, as in the truth, or NCR"):
        score_folder(predicted(cohorts["msd"], tmp_path / "q", "brats", change=without_et), cohorts["msd"])


def test_numbers_that_fit_much_better_when_exchanged_are_refused_unless_a_person_said_what_they_mean(cohorts, tmp_path):
    """MSD's numbers beside a truth of BraTS 2023: NCR and ED exchanged score 0, and 1 the other way round."""
    folder, remarks = predicted(cohorts["brats2023"], tmp_path / "p", "nnunet"), []
    with pytest.raises(BratsError, match="with NCR and ED exchanged, the mean of their Dice would be 1.00 higher"):
        score_folder(folder, cohorts["brats2023"])
    scores = score_folder(folder, cohorts["brats2023"], labels="brats2023", remarks=remarks)
    assert (scores[scores["region"] == "NCR"]["dice"] == 0).all()
    assert remarks[-1].startswith("WARNING: with NCR and ED exchanged")


def test_predictions_in_a_folder_each_are_found_and_other_images_passed_over(cohorts, tmp_path):
    cohort, remarks = cohorts["brats2020"], []
    for i, case in enumerate(cohort):
        save(tiny_volumes(i)[1], tmp_path / "p" / case.name / f"{case.name}_seg.nii.gz")
        save(tiny_volumes(i)[0]["t1"], tmp_path / "p" / case.name / f"{case.name}_probability.nii.gz")
    assert (score_folder(tmp_path / "p", cohort, remarks=remarks)["dice"] == 1).all()
    assert "2 other images were passed over (BraTS20_Training_001_probability.nii.gz" in remarks[0]


@pytest.mark.parametrize(
    ("year", "added", "message"),
    [
        ("brats2023", "BraTS-GLI-00001-000_seg.nii.gz", "00000-000 holds 3 and BraTS-GLI-00001-000 holds 4"),
        ("brats2020", "BraTS20_Training_001.nii", "BraTS20_Training_001_seg.nii.gz are predictions of one case"),
        ("", "result.nii.gz", "no prediction for 2 case.*its images are called result.nii.gz"),
    ],
)
def test_folders_with_two_codings_two_files_of_a_case_or_other_names_are_refused(
    cohorts, tmp_path, year, added, message
):
    truth = cohorts[year or "brats2020"]
    if year:
        predicted(truth, tmp_path / "p", "brats" if year == "brats2020" else year)
    save(tiny_volumes(1)[1], tmp_path / "p" / added)
    with pytest.raises(BratsError, match=message):
        score_folder(tmp_path / "p", truth)
