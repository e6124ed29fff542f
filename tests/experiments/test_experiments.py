"""The experiments behind chapter 6, without their trainings: files, cards, and that a stopped study goes on."""

import dataclasses
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import LPS_AFFINE, tiny_volumes
from slices.test_patches import stack

from brats_lib.errors import BratsError
from brats_lib.models import build
from brats_lib.prediction import weights
from brats_lib.prediction.networks import Network
from brats_lib.recipes import NATIVE
from brats_lib.slices.patches import region_targets
from experiments import intake, record, shipped, studies, thresholds

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
        return SimpleNamespace(model=model, seconds=60.0)

    stacks, results, runs = [stack(seed) for seed in range(3)], tmp_path / "results", str(tmp_path / "runs")
    for module in (shipped, studies):
        put(monkeypatch, module, training_phantoms=lambda *_: stacks[:2], train=untrained, RUNS=runs)
    put(
        monkeypatch,
        shipped,
        choice_phantoms=lambda *_: stacks[2:],
        test_phantoms=lambda: [stack(3)],
        NATIVE=TINY,
        FINE_TUNING=TINY,
    )
    put(monkeypatch, shipped, WEIGHTS=tmp_path / "weights")
    put(monkeypatch, weights.packaged, FOLDER=tmp_path / "weights")
    put(monkeypatch, record, FOLDER=results, COMMIT="0123456", CHANGED=[])
    put(monkeypatch, studies, SEEDS=(0,))
    return results


def test_networks_are_made_scored_and_written_with_cards_and_tuned_on_all_but_one_patient(small, trainings):
    shipped.make_phantom(REAL)
    shipped.make_real(REAL)
    first, second = (weights.read_card(name) for name in weights.available())
    assert {first.name, second.name} == {"phantom", "phantom+real"}
    # The default, which is listed first, is the one with the higher Dice on the patients.
    assert (first.default, second.default) == (True, False)
    better, worse = (sum(row["mean"] for row in card.scores[-6::2]) for card in (first, second))
    assert better >= worse
    card = weights.read_card("phantom+real")
    assert (card.data["patients"], card.training["slices"]) == (2, 16)
    # By seed: two phantoms and both patients.
    assert card.learnt_from == [f"{seed:016x}" for seed in (0, 1, 7, 8)]
    with pytest.raises(BratsError, match="there are 0"):
        shipped.make_real([])
    # Every threshold of both networks is on record; the cards have the one that was chosen.
    for name, scores in pd.read_csv(small / "thresholds.csv").groupby("network"):
        assert scores["wt_above"].unique().tolist() == list(thresholds.WT_ABOVE)
        assert weights.read_card(name).rule.wt_above == thresholds.decide(scores.drop(columns="network"))[0]
    alone = pd.read_csv(small / "phantom_on_real.csv")
    # 5 x 5 x 5 voxels of 1 mm.
    assert alone["wt_ml"].unique().tolist() == [0.125]
    start = weights.load("phantom", precision="float32")[0].get_weights()
    assert sorted(set(pd.read_csv(small / "leave_one_out.csv")["case"])) == ["patient_7", "patient_8"]
    for _, names, folder, initial in trainings[1:]:
        np.testing.assert_array_equal(initial[0], start[0])
        assert {name for name in names if "patient" in name} == {"patient_7", "patient_8"} - {folder[-9:]}


def test_rules_are_chosen_where_they_help_and_left_out_where_they_do_not(monkeypatch):
    case = stack()
    probabilities = region_targets(case.labels).astype(float)
    monkeypatch.setattr(shipped, "predict_stack", lambda *arguments: probabilities)
    rule, _ = shipped.choose_rules(Network(None, TINY), [case])
    assert (rule.smallest_piece, rule.smallest_et_ml) == (0, 0)
    # A second piece far from the tumour, smaller than it: only the rule removes it.
    probabilities[-3:, -3:, -3:, 0] = 1
    rule, table = shipped.choose_rules(Network(None, TINY), [case])
    assert rule.smallest_piece == 1
    whole = table.groupby("smallest_piece")["WT"].unique()
    # 125 voxels found rightly and 27 wrongly: Dice = 250 / (125 + 152).
    assert whole[1].tolist() == [1] and whole[0] == pytest.approx([0.9025], abs=1e-4)


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
