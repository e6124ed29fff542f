"""Evaluation scores the network and the trivial predictor side by side, and writes what it scored."""

import shutil
from dataclasses import replace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import write_case
from painted import make_reader, paint, ramp

from brats_lib.cases import Cohort, split_cohort
from brats_lib.cli import main
from brats_lib.errors import BratsError
from brats_lib.labels import one_hot
from brats_lib.prediction import networks
from brats_lib.prediction.ledger import Ledger
from brats_lib.prediction.networks import Network
from brats_lib.recipes import PUBLISHED
from brats_lib.scores import evaluation
from brats_lib.scores.evaluation import challenge_scores, evaluate, read_scores, score_folder, write_scores
from brats_lib.slices.preprocess import case_labels

RECIPE = replace(PUBLISHED, first_slice=4, stop_slice=32, size=40)


class Oracle:
    """A network that knows the truth of the cases in the order in which it is asked."""

    def __init__(self, cases):
        self.answers = iter([one_hot(case_labels(case, RECIPE)) for case in cases])

    def predict(self, *_, **__):
        return next(self.answers)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Six cases, scored with a network that knows them."""
    root, folder = tmp_path_factory.mktemp("cases"), tmp_path_factory.mktemp("predictions")
    for i in range(6):
        write_case(root, f"Case_{i}", seed=i)
    cohort = Cohort.find(root)
    split = split_cohort(cohort, seed=0)
    cases = [cohort[name] for name in (*split.train, *split.val, *split.test)]
    # Of a case that an earlier split tested.
    Ledger(folder, cohort).save(cohort[split.train[0]], cohort[split.train[0]].mask())
    return cohort, split, folder, evaluate(Network(Oracle(cases), RECIPE), cohort, split, folder)


def test_a_perfect_network_scores_one_and_the_trivial_one_nothing_but_accuracy(evaluated):
    cohort, split, _, (published, challenge, background) = evaluated
    tables = {name: table.set_index("case") for name, table in published.groupby("predictor")}
    perfect, trivial = tables[evaluation.NETWORK], tables[evaluation.BACKGROUND_PREDICTOR]
    for table in (perfect, trivial):
        subsets = table.groupby("subset").groups
        assert all(sorted(subsets[name]) == sorted(getattr(split, name)) for name in ("train", "val", "test"))
    assert (perfect["accuracy"] == 1).all() and perfect["dice"].min() > 0.999
    for name in split.test:
        share = (case_labels(cohort[name], RECIPE) == 0).mean()
        assert trivial.loc[name, "accuracy"] == pytest.approx(share)
        assert trivial.loc[name, "dice_et"] == pytest.approx(0, abs=1e-3)
    assert challenge[challenge["region"] == "WT"]["dice"].min() > 0.95
    assert (background["dice"] == 0).all() and background["hd95_mm"].min() == pytest.approx(373.12866, abs=1e-4)


def test_predictions_of_exactly_the_test_cases_are_written_and_score_the_same_from_their_files(evaluated, tmp_path):
    cohort, split, folder, (_, challenge, _) = evaluated
    expected = [*(f"{name}_seg.nii.gz" for name in sorted(split.test)), "predictions.json"]
    assert sorted(path.name for path in folder.iterdir()) == expected
    again = score_folder(folder, cohort.subset(split.test))
    pd.testing.assert_frame_equal(again, challenge.sort_values("case", kind="stable", ignore_index=True))
    pd.testing.assert_frame_equal(read_scores(write_scores(again, tmp_path / "new" / "scores.csv")), again, atol=1e-6)


def test_cases_keep_their_names_in_the_table_of_scores(tmp_path):
    scores = pd.DataFrame({"case": ["007", "2020_01", "NA", "True"], "region": "WT", "dice": 0.5})
    pd.testing.assert_frame_equal(read_scores(write_scores(scores, tmp_path / "scores.csv")), scores)


def test_a_prediction_without_a_case_and_a_case_without_a_prediction_are_named(evaluated, tmp_path):
    cohort, split, folder, _ = evaluated
    folder = shutil.copytree(folder, tmp_path / "predictions")
    scores = score_folder(folder, cohort, names=split.test[:1])
    assert scores["case"].unique().tolist() == [split.test[0]]
    with pytest.raises(BratsError, match=f"no prediction for 1 case.s.: {split.train[0]}"):
        score_folder(folder, cohort, names=[split.test[0], split.train[0]])
    (folder / "Stranger_seg.nii.gz").write_bytes((folder / f"{split.test[0]}_seg.nii.gz").read_bytes())
    with pytest.raises(BratsError, match="no case with a mask for Stranger"):
        score_folder(folder, cohort.subset(split.test))


def test_predictions_that_an_evaluation_did_not_write_or_that_changed_since_are_kept(tiny_root, tmp_path):
    folder, cases = tmp_path / "predictions", list(Cohort.find(tiny_root))[:3]
    files = [folder / f"{case.name}_seg.nii.gz" for case in cases]
    ledger = Ledger(folder, [])
    for case in cases:
        ledger.save(case, case.mask())
    for path in (*files[1:], folder / "Own_seg.nii.gz"):
        path.write_text("drawn by hand")
    again = Ledger(folder, [])
    again.keep_only([cases[2].name])
    again.save(cases[2], cases[2].mask())
    aside = folder / f"{files[2].name}.previous-1"
    assert {*folder.iterdir()} == {*files[1:], aside, folder / "Own_seg.nii.gz", folder / "predictions.json"}
    assert aside.read_text() == files[1].read_text() == "drawn by hand"


def test_folder_with_files_of_the_cohort_gets_no_predictions(tmp_path, monkeypatch):
    """In a flat cohort all true masks lie side by side, called as predictions are."""
    root = write_case(tmp_path, "A")
    before = {path: path.read_bytes() for path in root.iterdir()}
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(BratsError, match="files of case .* are in it; expected a folder of its own"):
        challenge_scores(make_reader(), Cohort.find(root), "~/A")
    assert {path: path.read_bytes() for path in root.iterdir()} == before


@pytest.mark.parametrize("grid", ["1 mm LPS", "anisotropic"])
def test_case_on_any_grid_is_scored_with_the_mask_that_the_command_gives(grid, tmp_path, monkeypatch):
    affine, flair, truth = paint(grid)
    (tmp_path / "in" / "A_1").mkdir(parents=True)
    for ending, array in (("flair", flair), ("t1ce", ramp(flair)), ("seg", truth)):
        nib.save(nib.Nifti1Image(array, affine), tmp_path / "in" / "A_1" / f"A_1_{ending}.nii.gz")
    network, cohort = make_reader(), Cohort.find(tmp_path / "in")
    scores, reliable = challenge_scores(network, cohort, tmp_path / "scored")
    assert [table["voxels"].sum() for table in reliable.values()] == [(cohort[0].volume("flair") != 0).sum()] * 3
    monkeypatch.setattr(networks, "open_network", lambda name=None, engine="auto": network)
    assert main(["predict", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    ours, theirs = (cohort[0].read_mask_file(tmp_path / out / "A_1_seg.nii.gz") for out in ("scored", "out"))
    np.testing.assert_array_equal(ours, theirs)
    assert scores["dice"].min() > 0.9
    if grid == "anisotropic":
        with pytest.raises(BratsError, match="its voxels are 0.9 x 0.9 x 2.5 mm; expected 1 mm along the axes"):
            challenge_scores(Network(None, PUBLISHED), cohort)
