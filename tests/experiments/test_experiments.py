"""The experiments behind chapters 6 and 7, without their trainings: files, cards, and that a stopped study goes on."""

import dataclasses
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import LPS_AFFINE, tiny_volumes
from scipy import ndimage
from slices.test_patches import stack

from brats_lib.errors import BratsError
from brats_lib.models import build
from brats_lib.prediction import weights
from brats_lib.prediction.postprocess import regions_to_mask
from brats_lib.recipes import NATIVE
from brats_lib.scores.challenge import score_mask
from brats_lib.slices.patches import region_targets
from experiments import intake, record, shipped, studies

TINY = dataclasses.replace(
    NATIVE, patch=16, widths=(8, 8), batch_slices=4, slices_per_epoch=8, epochs=1, planes=("axial",), neighbours=0
)


REAL = [dataclasses.replace(stack(seed), name=f"patient_{seed}") for seed in (7, 8)]


def put(monkeypatch, module, **values):
    for name, value in values.items():
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def trainings():
    """Recipe, names, folder and first weights of every training that was asked for."""
    return []


@pytest.fixture
def small(monkeypatch, tmp_path, trainings):
    """Tiny recipe, tiny stacks, no training, which has tests of its own, and folders of their own."""

    def untrained(recipe, train, val, folder, *, seed, initial_weights=None, **options):
        trainings.append((recipe, train.names, folder, initial_weights))
        model = build(recipe, "float32", seed)
        if initial_weights is not None:
            model.set_weights(initial_weights)
        assert train[0][0].shape[-1] == recipe.channels
        return SimpleNamespace(model=model, seconds=60.0, history=pd.DataFrame({"seconds": [60.0]}))

    stacks, results, runs = [stack(seed) for seed in range(3)], tmp_path / "results", str(tmp_path / "runs")
    for module in (shipped, studies):
        put(monkeypatch, module, training_phantoms=lambda *_: stacks[:2], train=untrained, RUNS=runs)
    put(monkeypatch, shipped, test_phantoms=lambda: [stack(3)], NATIVE=TINY, FINE_TUNING=TINY)
    put(monkeypatch, shipped, WEIGHTS=tmp_path / "weights", FOLDER=results)
    put(monkeypatch, weights.packaged, FOLDER=tmp_path / "weights")
    put(monkeypatch, record, FOLDER=results, COMMIT="0123456", CHANGED=[])
    put(monkeypatch, studies, SEEDS=(0,))
    return results


def test_networks_are_made_scored_on_other_folds_and_written_with_cards(small, trainings, monkeypatch):
    folds = pd.DataFrame({"case": ["patient_7", "patient_8"], "fold": [0, 1], "grade": ["high", "low"]})
    put(monkeypatch, shipped, real_stacks=lambda _: REAL, find_patients=lambda _: folds, LOOKED_AT=(1,), SEEDS=(0, 1))
    shipped.make_phantom("data")
    assert [folder[-9:] for _, _, folder, _ in trainings] == ["phantom-0", "phantom-1"]
    alone = pd.read_csv(small / "phantom_on_real.csv")
    assert alone.groupby(["seed", "case"]).size().tolist() == [5] * 4
    # 5 x 5 x 5 voxels of 1 mm.
    assert alone["wt_ml"].unique().tolist() == [0.125]
    assert pd.read_csv(small / "transfer.csv").groupby(["seed", "epochs"]).size().tolist() == [6, 6]

    starts = [shipped.rounded(shipped.train_phantom(TINY, seed).model).get_weights()[0] for seed in (0, 1)]
    put(
        monkeypatch,
        shipped,
        train_phantom=lambda recipe, seed: SimpleNamespace(model=build(recipe, "float32", seed), seconds=60.0),
    )
    trainings.clear()
    shipped.make_real("data")
    # Each seed learns from one fold at a time, the first from both patients as well, which is what is written.
    tests = ["patient_7", "patient_8", "", "patient_7", "patient_8"]
    for (_, names, folder, initial), tested in zip(trainings, tests, strict=True):
        np.testing.assert_array_equal(initial[0], starts[int(folder.split("real-")[1][0])])
        assert {name for name in names if "patient" in name} == {"patient_7", "patient_8"} - {tested}
        # 2 phantoms are 15 % of 13 cases, the other 11 are patients again and again.
        assert (len(names), sum("patient" in name for name in names)) == (13, 11)
    tuned = pd.read_csv(small / "folds.csv")
    assert tuned.groupby(["case", "fold", "grade"]).size().index.tolist() == [*folds.itertuples(index=False, name=None)]
    assert tuned.groupby("seed").size().tolist() == [10, 10]
    first, second = (weights.read_card(name) for name in weights.available())
    # Two seeds cannot show that one is better, so the default, which is listed first, is the one without patients.
    assert (first.name, first.default, second.name, second.default) == ("phantom", True, "phantom+real", False)
    assert (second.data["patients"], second.training["slices"]) == (2, 16)
    # By seed: two phantoms and both patients.
    assert second.learnt_from == [f"{seed:016x}" for seed in (0, 1, 7, 8)]
    with pytest.raises(BratsError, match="Give --data"):
        shipped.make_real("")


def test_a_rule_is_chosen_on_the_other_folds_and_scores_as_it_would_be_applied(monkeypatch):
    put(monkeypatch, shipped, ABSENCE={})
    first, second = (dataclasses.replace(stack(), name=name) for name in ("a", "b"))
    targets = region_targets(first.labels).astype(np.float32)
    # The first tumour is faint everywhere, the second has a faint plane beside it that is none.
    faint, beside = targets * (0.45, 1, 1), targets.copy()
    beside[..., 0] = np.maximum(beside[..., 0], 0.35 * (ndimage.binary_dilation(targets[..., 0] > 0)))
    by_rule = shipped.score_rules(beside, second.labels)
    for rule, score in zip(shipped.rules(), by_rule, strict=True):
        dice = [row["dice"] for row in score_mask(regions_to_mask(beside, rule), second.labels, (1.0, 1.0, 1.0))[:3]]
        assert score == pytest.approx(np.mean(dice))
    folds = pd.DataFrame({"case": ["a", "b"], "fold": [0, 1], "grade": ["high", "low"]})
    rule, scores = shipped.cross_fit([faint, beside], [first, second], folds)
    # .4 alone is right for both. Of those that are right for the other one, .5 comes first, which misses the first
    # tumour, and .4, which is right for the second.
    assert rule.wt_above == 0.4
    assert scores.query("region == 'WT'")["dice"].tolist() == [0, 1]


def test_stopped_study_of_steps_goes_on_with_what_is_missing(small, trainings, monkeypatch):
    def run():
        trainings.clear()
        studies.compare_steps(REAL[:1])
        return [folder for _, _, folder, _ in trainings]

    steps = ("without Dice loss", "axial slices alone", "the recipe")
    put(monkeypatch, studies, SHORT=TINY, STEPS={step: studies.STEPS[step] for step in steps})
    first, path = run(), small / "steps.csv"
    table = pd.read_csv(path)
    # On one patient, three regions.
    assert table.groupby("step", sort=False).size().to_dict() == dict.fromkeys(steps, 3)
    table[table["step"] != "without Dice loss"].to_csv(path, index=False)
    assert run() == [first[0]] and len(pd.read_csv(path)) == len(table)
    # Rows on other patients or of another version are not gone on with.
    put(monkeypatch, record, DATA={"steps": {"fingerprint": "of others", "cases": 1}})
    assert run() == first and run() == []
    for module in (record, studies):
        put(monkeypatch, module, VERSION=-1)
    again = run()
    assert len(again) == 3 and not set(again) & set(first)


def test_each_row_of_the_steps_leaves_one_thing_out_of_the_recipe(small, trainings, monkeypatch):
    put(monkeypatch, studies, SHORT=TINY)
    kinds = []
    put(monkeypatch, studies, training_phantoms=lambda cases, mixture: kinds.append(mixture) or [stack(0)])
    studies.compare_steps(REAL[:1])
    *changed, last = [dataclasses.asdict(recipe) for recipe, *_ in trainings]
    assert last == dataclasses.asdict(TINY)
    differ = [{name for name in last if recipe[name] != last[name]} for recipe in changed]
    # The tiny recipe itself has one plane alone.
    assert differ == [{"augmentation"}, {"dice"}, {"regions"}, set(), set()]
    assert [mixture == shipped.MIXED for mixture in kinds] == [True] * 4 + [False, True]


def test_skull_rule_is_measured_on_brains_and_on_heads(monkeypatch, tmp_path):
    volumes, _ = tiny_volumes(shape=(72, 60, 54))
    put(monkeypatch, intake, PHANTOMS=1, simulate=lambda *_, **__: SimpleNamespace(volumes=volumes))
    put(monkeypatch, record, FOLDER=tmp_path, COMMIT="0123456", CHANGED=[])
    head = intake.wrap(volumes, intake.SHELLS["head, thick layers"])["t1ce"]
    nib.save(nib.Nifti1Image(head, LPS_AFFINE), tmp_path / "head.nii.gz")
    intake.measure_skull_rule(heads=[tmp_path / "head.nii.gz"])
    table = pd.read_csv(tmp_path / "intake.csv").set_index("image")
    assert not table.loc["brain", "refused_by_layer"] and table.loc["head, thick layers", "refused_by_layer"]
    assert table.loc["brain", "ml"] == pytest.approx(np.count_nonzero(volumes["flair"]) / 1000, rel=1e-3)
    real = table[table["data"] == "real head"]
    assert len(real) == len(intake.BACKGROUNDS) and real["refused_by_layer"].all()
