"""The experiments behind chapter 6, without their trainings: files, cards, and that a stopped study goes on."""

import dataclasses
import functools
import json
import multiprocessing
import shutil
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
from brats_lib.slices.patches import PatchBatches
from experiments import accelerated, ahead, comparisons, intake, record, shipped, studies, thresholds

TINY = dataclasses.replace(
    NATIVE, patch=16, widths=(8, 8), batch_slices=4, slices_per_epoch=8, epochs=1, planes=("axial",), neighbours=0
)


def patient(seed=7):
    return dataclasses.replace(stack(seed), name=f"patient_{seed}")


def untrained(recipe, train, val, folder, *, seed, verbose=None, initial_weights=None, data_fingerprint=""):
    """Stands in for `training.train`, which has tests of its own: the network as it begins."""
    model = build(recipe, "float32", seed)
    if initial_weights is not None:
        model.set_weights(initial_weights)
    assert train[0][0].shape[-1] == recipe.channels
    return SimpleNamespace(model=model, seconds=60.0)


def put(monkeypatch, module, **values):
    for name, value in values.items():
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Tiny recipe, tiny stacks, no training, and folders of their own."""
    stacks, results, runs = [stack(seed) for seed in range(3)], tmp_path / "results", str(tmp_path / "runs")
    for module in (shipped, studies):
        put(monkeypatch, module, training_phantoms=lambda *_: stacks[:2], choice_phantoms=lambda *_: stacks[2:])
        put(monkeypatch, module, train=untrained, RUNS=runs)
    put(monkeypatch, shipped, test_phantoms=lambda: [stack(3)], NATIVE=TINY, FINE_TUNING=TINY)
    put(monkeypatch, shipped, WEIGHTS=tmp_path / "weights")
    put(monkeypatch, weights.packaged, FOLDER=tmp_path / "weights")
    put(monkeypatch, record, FOLDER=results)
    put(monkeypatch, studies, FOLDER=results, SEEDS=(0,))
    return tmp_path


def test_both_networks_are_made_scored_and_written_with_cards(small):
    real = [patient(7), patient(8)]
    shipped.make_phantom(real)
    shipped.make_real(real)
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
    # Each patient was left out once.
    table = pd.read_csv(small / "results" / "leave_one_out.csv")
    assert sorted(set(table["case"])) == ["patient_7", "patient_8"]
    # Every threshold of both networks is on record; the cards have the one that was chosen.
    for name, scores in pd.read_csv(small / "results" / "thresholds.csv").groupby("network"):
        assert scores["wt_above"].unique().tolist() == list(thresholds.WT_ABOVE)
        assert weights.read_card(name).rule.wt_above == thresholds.decide(scores.drop(columns="network"))[0]
    alone = pd.read_csv(small / "results" / "phantom_on_real.csv")
    # 5 x 5 x 5 voxels of 1 mm.
    assert alone["wt_ml"].unique().tolist() == [0.125]


def test_fine_tuning_without_averages_starts_where_the_other_does_and_tests_each_patient_once(small, monkeypatch):
    real = [patient(7), patient(8)]
    shipped.make_phantom(real)
    start, learnt = weights.load("phantom", precision="float32")[0].get_weights(), []

    def noted(recipe, train, val, folder, **rest):
        assert recipe == dataclasses.replace(TINY, averaging=0.0)
        np.testing.assert_array_equal(rest["initial_weights"][0], start[0])
        learnt.append((folder[-9:], {name for name in train.names if "patient" in name}))
        return untrained(recipe, train, val, folder, **rest)

    put(monkeypatch, shipped, train=noted)
    put(monkeypatch, comparisons, FINE_TUNING=TINY)
    comparisons.compare_tuning(real)
    assert learnt == [("patient_7", {"patient_8"}), ("patient_8", {"patient_7"})]
    table = pd.read_csv(small / "results" / "fine_tuning.csv")
    assert table.groupby("case")["region"].nunique().to_dict() == {"patient_7": 5, "patient_8": 5}


def test_rules_are_chosen_where_they_help_and_left_out_where_they_do_not(monkeypatch):
    case = stack()
    probabilities = np.stack([np.isin(case.labels, codes) for codes in ((1, 2, 4), (1, 4), (4,))], -1).astype(float)
    monkeypatch.setattr(shipped, "predict_stack", lambda *arguments: probabilities)
    network = Network(None, TINY)
    rule, _ = shipped.choose_rules(network, [case])
    assert (rule.smallest_piece, rule.smallest_et_ml) == (0, 0)
    # A second piece far from the tumour, smaller than it: only the rule removes it.
    probabilities[-3:, -3:, -3:, 0] = 1
    rule, table = shipped.choose_rules(network, [case])
    assert rule.smallest_piece == 1
    assert table.loc[table["smallest_piece"] == 1, "WT"].unique().tolist() == [1]
    # 125 voxels found rightly and 27 wrongly: Dice = 250 / (125 + 152).
    assert table.loc[table["smallest_piece"] == 0, "WT"].unique() == pytest.approx([0.9025], abs=1e-4)


def test_stopped_study_goes_on_with_what_is_missing(small, monkeypatch):
    steps = ("full resolution, classes, cross-entropy", "Dice loss", "large pieces")
    put(monkeypatch, studies, SMALL=TINY, STEPS={name: studies.STEPS[name] for name in steps})
    real = [patient()]
    studies.ablate_recipe(real)
    path = small / "results" / "ablation_recipe.csv"
    table = pd.read_csv(path)
    # Three steps and four modalities, on phantoms and on patients, three regions each.
    assert len(table) == 4 * 2 * 3
    table[table["step"] != "Dice loss"].to_csv(path, index=False)
    trained, original = [], studies.trained
    monkeypatch.setattr(studies, "trained", lambda recipe, *rest: trained.append(recipe) or original(recipe, *rest))
    studies.ablate_recipe(real)
    assert [recipe.dice for recipe in trained] == [True]
    assert len(pd.read_csv(path)) == len(table)
    # Rows on phantoms of another version, or of another stream, are of other patients: all are trained again.
    about = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(about | {"phantom_version": -1}))
    for _ in range(2):
        trained.clear()
        studies.ablate_recipe(real)
        assert len(trained) == 4
        pd.read_csv(path).replace("case_2", "patients-1-0000").to_csv(path, index=False)


def test_accelerated_trainings_are_scored_once_with_the_machine_that_trained_them(small, monkeypatch):
    folder = small / "runs" / "accelerated"
    rows = {"all effects": (2, shipped.MIXED), "without rims": (2, ())}
    put(monkeypatch, accelerated, NATIVE=TINY, ROWS=rows, FOLDER=str(folder))
    put(monkeypatch, accelerated, training_phantoms=lambda *_: [stack(0), stack(1)])
    real = [patient()]
    with pytest.raises(BratsError, match="nothing is trained there"):
        accelerated.score_accelerated(real)
    with pytest.raises(BratsError, match="none of that name"):
        accelerated.train_accelerated("without brains", 0)
    accelerated.train_accelerated("all effects", 3)
    accelerated.score_accelerated(real)
    path = small / "results" / "accelerated.json"
    first = json.loads(path.read_text())
    [facts] = first["trained_on"]
    path.write_text(json.dumps(first | {"trained_on": [facts | {"commit": "another"}]}))
    shutil.rmtree(folder)
    scored, original = [], accelerated.score_stacks
    put(monkeypatch, accelerated, score_stacks=lambda *rest: scored.append(rest) or original(*rest))
    accelerated.train_accelerated("without rims", 0)
    accelerated.score_accelerated(real)
    assert len(scored) == 1
    table = pd.read_csv(small / "results" / "accelerated.csv")
    assert table[["row", "seed"]].values.tolist() == [["all effects", 3]] * 3 + [["without rims", 0]] * 3
    # The first training's folder was gone; who trained it stays on record.
    another, trained_on = json.loads(path.read_text())["trained_on"]
    assert another == trained_on | {"commit": "another"} and trained_on["deterministic"] is True
    assert table["device"].unique().tolist() == [trained_on["device"]["devices"]]


@pytest.mark.filterwarnings("ignore:.*fork")
def test_batches_made_ahead_are_the_same_in_the_same_order(monkeypatch):
    # A new process would import TensorFlow first, which takes longer than all batches.
    forked = multiprocessing.get_context("fork")
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: forked)
    make = functools.partial(PatchBatches, [stack(0), stack(1)], CHANGED, 0)
    batches, ahead_of_time = make(), ahead.AheadBatches(make, 1)
    assert (ahead_of_time.names, len(ahead_of_time)) == (batches.names, 3)
    # Keras looks at the first batch before it begins, and a training may begin in a later epoch.
    for epoch, number in ((0, 0), (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (4, 0)):
        batches.epoch = ahead_of_time.epoch = epoch
        for made, expected in zip(ahead_of_time[number], batches[number], strict=True):
            np.testing.assert_array_equal(made, expected)
    ahead_of_time.close()


def test_training_on_phantoms_of_another_version_is_another_training(small, monkeypatch):
    folders = []

    def note(recipe, batches, val, folder, **rest):
        folders.append(folder)
        return SimpleNamespace(model=None, seconds=0)

    monkeypatch.setattr(studies, "train", note)
    for version in (1, 1, 2):
        monkeypatch.setattr(studies, "VERSION", version)
        studies.trained(TINY, [stack(0)], 0)
    assert folders[0] == folders[1] != folders[2]


def test_layers_around_a_brain_have_their_thickness_and_signal():
    cube = np.zeros((20, 20, 20), np.float32)
    cube[5:15, 5:15, 5:15] = 100
    shell = intake.Shell(liquid=1, bone=2, scalp=1)
    head = intake.wrap({"flair": cube}, shell)["flair"]
    # Cropped to 10 voxels and padded by 1 + 2 + 1 + 2; from the middle of a face outwards.
    ray = head[:6, 11, 11][::-1] / 100
    np.testing.assert_allclose(ray, [0.3, 0.12, 0.12, 0.9, 0, 0], rtol=0.1 + 1e-6)
    assert head.shape == (22, 22, 22) and head[11, 11, 11] == 100


def test_skull_rule_is_measured_on_brains_and_on_heads(monkeypatch, tmp_path):
    volumes, _ = tiny_volumes(shape=(72, 60, 54))
    put(monkeypatch, intake, PHANTOMS=1, simulate=lambda *_, **__: SimpleNamespace(volumes=volumes))
    put(monkeypatch, record, FOLDER=tmp_path)
    head = intake.wrap(volumes, intake.SHELLS["head, thick layers"])["t1ce"]
    nib.save(nib.Nifti1Image(head, LPS_AFFINE), tmp_path / "head.nii.gz")
    intake.measure_skull_rule(heads=[tmp_path / "head.nii.gz"])
    table = pd.read_csv(tmp_path / "intake.csv").set_index("image")
    assert not table.loc["brain", "refused_by_layer"] and table.loc["head, thick layers", "refused_by_layer"]
    assert table.loc["brain", "ml"] == pytest.approx(np.count_nonzero(volumes["flair"]) / 1000, rel=1e-3)
    assert (table["data"] == "real head").sum() == len(intake.BACKGROUNDS)
    assert table[table["data"] == "real head"]["refused_by_layer"].all()
    assert json.loads((tmp_path / "intake.json").read_text())["real_heads"] == ["head.nii.gz"]
