"""The experiment behind chapter 8 with a system of two convolutions: done once, gathered, put in tables."""

import dataclasses
import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from slices.test_patches import stack
from studies.related.stand_ins import FLAT, cases

from brats_lib.cases import MODALITIES
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
    monkeypatch.setattr(record, "FOLDER", tmp_path / "results")
    return tmp_path


def patient():
    return dataclasses.replace(stack(9), name="patient")


def test_systems_are_trained_and_scored_once(small, monkeypatch):
    related.compare_related([patient()], ["flat"])
    monkeypatch.setattr(related, "fit_system", None)
    monkeypatch.setattr(related, "_examine", None)
    related.compare_related([patient()], ["flat"])
    scores = pd.read_csv(small / "results/related_scores.csv")
    assert list(scores.columns) == ["system", "data", "case", "region", "dice", "hd95_mm"]
    assert set(zip(scores["data"], scores["case"], strict=True)) == {
        ("phantoms", "case_2"), ("real patients", "patient"),
    }  # fmt: skip
    (facts,) = pd.read_csv(small / "results/related.csv").to_dict("records")
    # 3 x 3 x 4 x 8 + 8 and 3 x 3 x 8 x 4 + 4; of 12 x 12 voxels that are read, 10 x 10 and 8 x 8 are weighed.
    assert facts["parameters"] == 296 + 292 and facts["steps"] == FLAT.steps
    assert facts["multiply_adds"] == pytest.approx((100 * 288 + 64 * 288) / 64)
    assert facts["case_seconds"] > 0
    # Of the slices with most tumour, 25 voxels each, the first, row by row.
    masks, tested = pd.read_csv(small / "results/related_masks.csv", dtype={"classes": str}), cases(3)[2].labels
    assert (len(masks), *set(masks["classes"].str.len())) == tested.shape[:2]
    about = json.loads((small / "results/related_masks.json").read_text())
    assert (about["axial_slice"], about["case"]) == ((tested > 0).sum((0, 1)).argmax(), "case_2")


def test_nnunet_is_gathered_from_its_own_files(small):
    related.compare_related([], ["flat"])
    folder = small / "nnunet"
    folder.mkdir()
    facts = {
        "train_minutes": 30, "train_steps": 200, "parameters": 5, "multiply_adds_per_voxel": 7, "seconds_per_case": 9,
    }  # fmt: skip
    (folder / "facts.json").write_text(json.dumps(facts))
    for name, names in (("scores_phantoms", ["case_2", "case_7"]), ("scores_real", ["patient"])):
        rows = [{"case": case, "region": "WT", "dice": 0.5, "hd95_mm": 1.0, "iou": 0.3} for case in names]
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    # nnU-Net writes 1 for ED, 2 for NCR and 3 for ET.
    truth = cases(3)[2].labels
    written = np.select([truth == 1, truth == 2, truth == 4], [2, 1, 3]).astype(np.uint8)
    (folder / "predictions/phantoms").mkdir(parents=True)
    nib.save(nib.Nifti1Image(written, np.eye(4)), folder / "predictions/phantoms/case_2.nii.gz")
    related.gather()
    scores = pd.read_csv(small / "results/related_scores.csv").query("system == 'nnunet'")
    # A phantom that the others were not tried on is left out.
    assert list(scores["case"]) == ["case_2", "patient"]
    row = pd.read_csv(small / "results/related.csv").query("system == 'nnunet'").to_dict("records")[0]
    assert (row["minutes"], row["multiply_adds"], row["case_seconds"]) == (30, 7, 9)
    masks = read_masks(pd.read_csv(small / "results/related_masks.csv", dtype={"classes": str}))
    np.testing.assert_array_equal(masks["nnunet"], truth[:, :, int((truth > 0).sum((0, 1)).argmax())])


def brain(name="brain"):
    """A brain of 20 x 24 x 110 voxels in the middle of a volume of 40 x 40 x 130, with an edema."""
    labels = np.zeros((20, 24, 110), np.uint8)
    labels[5:15, 5:15, 40:60] = ED
    images = np.random.default_rng(0).normal(0, 1, (*labels.shape, 4)).astype(np.float16)
    return Stack(name, images, labels, (slice(10, 30), slice(8, 32), slice(10, 120)), (40, 40, 130))


def test_a_stack_is_a_case_again_with_intensities_above_zero():
    one = published.StackAsCase(brain())
    volume = one.volume(MODALITIES[0])
    assert volume.shape == (40, 40, 130) and volume.min() == 0
    inside = np.zeros(volume.shape, bool)
    inside[10:30, 8:32, 10:120] = True
    assert (volume[inside] > 0).all() and (volume[~inside] == 0).all()
    assert one.mask()[15, 13, 50] == ED and one.mask().sum() == ED * 10 * 10 * 20


def test_published_slices_are_those_of_the_recipe_and_repeat(monkeypatch):
    recipe = dataclasses.replace(PUBLISHED, size=16, width=2)
    monkeypatch.setattr(published, "PUBLISHED", recipe)
    first, again = (published.PublishedSlices([brain()], 2, batch_slices=30, seed=1) for _ in range(2))
    images, targets = first[1]
    np.testing.assert_array_equal(images, again[1][0])
    assert images.shape == (30, 16, 16, 2) and targets.shape == (30, 16, 16, 4)
    assert 0 <= images.min() and images.max() <= 1
    # Edema fills 20 of the 100 slices: in 30 drawn ones there is some.
    assert targets[..., 2].sum() > 0 and len(first) == 2
    # Answers are on the grid of the stack.
    mask = published.predict_published(build(recipe, seed=0), brain())
    assert mask.shape == (20, 24, 110) and set(np.unique(mask)) <= {0, 1, 2, 4}
