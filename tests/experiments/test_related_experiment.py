"""The experiment behind chapter 10 with a system of two convolutions: done once, gathered, put in tables."""

import dataclasses
import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from slices.test_patches import stack
from studies.related.stand_ins import FLAT, cases

from brats_lib.labels import ED
from brats_lib.models import build
from brats_lib.recipes import PUBLISHED
from brats_lib.slices.stacks import Stack
from brats_lib.studies.related.tables import read_masks
from experiments import published, record, related


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A system of two convolutions, tiny cases, and folders of their own."""
    stacks = cases(3)
    for name, value in {
        "SYSTEMS": {"flat": dataclasses.replace(FLAT, matched=True)},
        "training_phantoms": lambda count: stacks[:2], "test_phantoms": lambda count: stacks[2:],
        "FOLDER": tmp_path / "runs", "NNUNET": tmp_path / "nnunet",
    }.items():  # fmt: skip
        monkeypatch.setattr(related, name, value)
    for name, value in {"FOLDER": tmp_path / "results", "COMMIT": "0123456", "CHANGED": []}.items():
        monkeypatch.setattr(record, name, value)
    return tmp_path / "results"


def test_systems_are_trained_and_scored_once(small, monkeypatch):
    real = [dataclasses.replace(stack(9), name="patient")]
    related.compare_related(real, ["flat"])
    monkeypatch.setattr(related, "fit_system", None)
    monkeypatch.setattr(related, "_examine", None)
    related.compare_related(real, ["flat"])
    scores = pd.read_csv(small / "related_scores.csv")
    found = scores[["seed", "data", "case"]].drop_duplicates().values.tolist()
    cases_of_seed = [("phantoms", "case_2"), ("real patients", "patient")]
    assert found == [[seed, *case] for seed in (0, 1, 2) for case in cases_of_seed] and set(scores["system"]) == {
        "flat"
    }
    # Each seed is a training of its own.
    assert scores.groupby("seed")["dice"].mean().nunique() == 3
    facts, *others = pd.read_csv(small / "related.csv").to_dict("records")
    assert [row["seed"] for row in (facts, *others)] == [0, 1, 2]
    # 3 x 3 x 4 x 8 + 8 and 3 x 3 x 8 x 4 + 4; of 12 x 12 voxels that are read, 10 x 10 and 8 x 8 are weighed.
    assert facts["parameters"] == 296 + 292 and facts["steps"] == FLAT.steps
    assert facts["multiply_adds"] == pytest.approx((100 * 288 + 64 * 288) / 64)
    # Of the slices with most tumour, 25 voxels each, the first, row by row.
    masks, tested = pd.read_csv(small / "related_masks.csv", dtype={"classes": str}), cases(3)[2].labels
    assert (len(masks), *set(masks["classes"].str.len())) == tested.shape[:2]
    about = json.loads((small / "related_masks.json").read_text())
    assert (about["axial_slice"], about["case"]) == ((tested > 0).sum((0, 1)).argmax(), "case_2")


def test_nnunet_is_gathered_from_its_own_files(small, tmp_path):
    related.compare_related([], ["flat"], seeds=[0])
    folder = tmp_path / "nnunet"
    (folder / "predictions/phantoms").mkdir(parents=True)
    facts = {
        "train_minutes": 30, "train_steps": 200, "parameters": 5, "multiply_adds_per_voxel": 7, "seconds_per_case": 9,
    }  # fmt: skip
    (folder / "facts.json").write_text(json.dumps(facts))
    scores = pd.DataFrame({"case": ["case_2", "case_7"], "region": "WT", "dice": 0.5, "hd95_mm": 1.0})
    scores.to_csv(folder / "scores_phantoms.csv", index=False)
    scores.iloc[:1].replace("case_2", "patient").to_csv(folder / "scores_real.csv", index=False)
    # nnU-Net writes 1 for ED, 2 for NCR and 3 for ET.
    truth = cases(3)[2].labels
    written = np.array([0, 2, 1, 0, 3], np.uint8)[truth]
    nib.save(nib.Nifti1Image(written, np.eye(4)), folder / "predictions/phantoms/case_2.nii.gz")
    related.gather()
    # A phantom that the others were not tried on is left out.
    scores = pd.read_csv(small / "related_scores.csv").query("system == 'nnunet'")
    assert list(scores["case"]) == ["case_2", "patient"] and set(scores["seed"]) == {0}
    (row,) = pd.read_csv(small / "related.csv").query("system == 'nnunet'").to_dict("records")
    assert (row["minutes"], row["multiply_adds"], row["case_seconds"]) == (30, 7, 9)
    masks = read_masks(pd.read_csv(small / "related_masks.csv", dtype={"classes": str}))
    np.testing.assert_array_equal(masks["nnunet"], truth[:, :, int((truth > 0).sum((0, 1)).argmax())])


def test_a_stack_is_a_case_of_the_published_recipe_again(monkeypatch):
    """A brain of 20 x 24 x 110 voxels in the middle of a volume of 40 x 40 x 130, with an edema."""
    labels = np.zeros((20, 24, 110), np.uint8)
    labels[5:15, 5:15, 40:60] = ED
    images = np.random.default_rng(0).normal(0, 1, (*labels.shape, 4)).astype(np.float16)
    brain = Stack("brain", images, labels, (slice(10, 30), slice(8, 32), slice(10, 120)), (40, 40, 130))
    case = published.StackAsCase(brain)
    volume, inside = case.volume("flair"), np.zeros((40, 40, 130), bool)
    inside[brain.box] = True
    assert volume.shape == inside.shape and (volume[inside] > 0).all() and (volume[~inside] == 0).all()
    assert case.mask()[15, 13, 50] == ED and case.mask().sum() == ED * 10 * 10 * 20
    recipe = dataclasses.replace(PUBLISHED, size=16, width=2)
    monkeypatch.setattr(published, "PUBLISHED", recipe)
    first, again = (published.PublishedSlices([brain], 2, batch_slices=30, seed=1)[1] for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    assert first[0].shape == (30, 16, 16, 2) and 0 <= first[0].min() and first[0].max() <= 1
    # Edema fills 20 of the 100 slices: in 30 drawn ones there is some.
    assert first[1].shape == (30, 16, 16, 4) and first[1][..., 2].any()
    # Answers are on the grid of the stack.
    assert published.predict_published(build(recipe, seed=0), brain).shape == (20, 24, 110)
