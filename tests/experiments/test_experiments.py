"""The experiments behind chapter 6, without their trainings: files, cards, and that a stopped study goes on."""

import dataclasses
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import LPS_AFFINE, tiny_volumes
from slices.test_patches import CHANGED, stack

from brats_lib.errors import BratsError
from brats_lib.models import build
from brats_lib.prediction import weights
from brats_lib.prediction.networks import Network
from brats_lib.recipes import NATIVE
from brats_lib.slices.patches import PatchBatches, region_targets
from experiments import accelerated, ahead, comparisons, intake, record, shipped, studies, thresholds

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
        put(monkeypatch, module, training_phantoms=lambda *_: stacks[:2], choice_phantoms=lambda *_: stacks[2:])
        put(monkeypatch, module, train=untrained, RUNS=runs)
    put(monkeypatch, shipped, test_phantoms=lambda: [stack(3)], NATIVE=TINY, FINE_TUNING=TINY)
    put(monkeypatch, shipped, WEIGHTS=tmp_path / "weights")
    put(monkeypatch, comparisons, FINE_TUNING=TINY)
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
    # Without averages, from where the others began, too.
    start = weights.load("phantom", precision="float32")[0].get_weights()
    comparisons.compare_tuning(REAL)
    for table in ("leave_one_out", "fine_tuning"):
        assert sorted(set(pd.read_csv(small / f"{table}.csv")["case"])) == ["patient_7", "patient_8"]
    assert [recipe.averaging for recipe, *_ in trainings[1:]] == [TINY.averaging] * 3 + [0, 0]
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


def test_stopped_study_goes_on_with_what_is_missing(small, trainings, monkeypatch):
    def run():
        trainings.clear()
        studies.ablate_recipe(REAL[:1])
        return [folder for _, _, folder, _ in trainings]

    steps = ("full resolution, classes, cross-entropy", "Dice loss", "large pieces")
    put(monkeypatch, studies, SMALL=TINY, STEPS={name: studies.STEPS[name] for name in steps})
    first, path = run(), small / "ablation_recipe.csv"
    table = pd.read_csv(path)
    # Three steps and four modalities, on phantoms and on patients, three regions each.
    assert len(table) == 4 * 2 * 3
    table[table["step"] != "Dice loss"].to_csv(path, index=False)
    assert run() == [first[1]] and len(pd.read_csv(path)) == len(table)
    # Rows on phantoms of another stream, on other patients or of another version are not gone on with.
    pd.read_csv(path).replace("case_2", "patients-1-0000").to_csv(path, index=False)
    assert run() == first
    put(monkeypatch, record, DATA={"ablation_recipe": {"fingerprint": "of others", "cases": 1}})
    assert run() == first and run() == []
    for module in (record, studies):
        put(monkeypatch, module, VERSION=-1)
    again = run()
    assert len(again) == 4 and not set(again) & set(first)


def test_accelerated_trainings_are_scored_once_with_the_machine_that_trained_them(small, eager, monkeypatch, tmp_path):
    folder, path = tmp_path / "accelerated", small / "accelerated.json"
    rows = {"all effects": (2, shipped.MIXED), "without rims": (2, ())}
    put(monkeypatch, accelerated, NATIVE=TINY, ROWS=rows, FOLDER=str(folder))
    put(monkeypatch, accelerated, training_phantoms=lambda *_: [stack(0), stack(1)])
    accelerated.train_accelerated("all effects", 3)
    accelerated.score_accelerated(REAL[:1])
    first = json.loads(path.read_text())
    path.write_text(json.dumps(first | {"trained_on": [first["trained_on"][0] | {"commit": "another"}]}))
    # What was scored before is not scored again: its folder is gone.
    shutil.rmtree(folder)
    accelerated.train_accelerated("without rims", 0)
    accelerated.score_accelerated(REAL[:1])
    table = pd.read_csv(path.with_suffix(".csv"))
    assert table[["row", "seed"]].values.tolist() == [["all effects", 3]] * 3 + [["without rims", 0]] * 3
    another, trained_on = json.loads(path.read_text())["trained_on"]
    assert another == trained_on | {"commit": "another"} and trained_on["deterministic"] is True
    assert table["device"].unique().tolist() == [trained_on["device"]["devices"]]


def test_batches_made_ahead_are_the_same_in_the_same_order(monkeypatch):
    # In a thread: a new process would import TensorFlow first, which takes longer than all batches.
    monkeypatch.setattr(
        ahead, "ProcessPoolExecutor", lambda workers, context, *first: ThreadPoolExecutor(1, "", *first)
    )

    def make():
        return PatchBatches([stack(0), stack(1)], CHANGED, 0)

    batches, ahead_of_time = make(), ahead.AheadBatches(make, 1)
    assert (ahead_of_time.names, len(ahead_of_time)) == (batches.names, 3)
    # Keras looks at the first batch before it begins, and a training may begin in a later epoch.
    for epoch, number in ((0, 0), (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (4, 0)):
        batches.epoch = ahead_of_time.epoch = epoch
        for made, expected in zip(ahead_of_time[number], batches[number], strict=True):
            np.testing.assert_array_equal(made, expected)
    ahead_of_time.close()


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
