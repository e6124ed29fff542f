"""Networks of runs can be chosen by their folder; what is unfinished or damaged is left out and said."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
from conftest import write_case
from tiny_runs import write_run

from brats_lib.cases import Case, Cohort
from brats_lib.cli import main
from brats_lib.errors import BratsError
from brats_lib.prediction import fast, weights
from brats_lib.prediction.inference import segment_case
from brats_lib.prediction.networks import Network, describe, learnt_from_warning, offered, open_network
from brats_lib.prediction.trained import TrainedCard
from brats_lib.recipes import GENERATION
from brats_lib.training.fitting import load_trained

NAMES = ["published (this book's run, workshop)", "lesson (this book's run, workshop)"]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Both networks of a run; not to be changed."""
    return write_run(tmp_path_factory.mktemp("original") / "runs")


@pytest.fixture
def run(original, tmp_path, monkeypatch):
    """A copy that may be damaged, in the working directory."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(original, tmp_path / "runs" / "workshop")


@pytest.fixture
def case(tmp_path):
    write_case(tmp_path / "cases", "BraTS20_Training_001")
    return Cohort.find(tmp_path / "cases")[0]


def test_both_networks_of_a_run_are_offered_after_those_that_ship(run):
    found, problems = offered(run.parent)
    assert list(found) == [*weights.available(), *NAMES] and problems == []
    assert [found[name] for name in NAMES] == [run / "training", run / "native"]
    published = describe(found[NAMES[0]])
    assert published.cases == ("BraTS20_Training_001", "BraTS20_Training_007")
    assert "trained for 1 epoch on 2 cases, validation included" in published.title


def test_folder_without_runs_offers_what_ships_and_is_no_training(tmp_path):
    assert offered(tmp_path / "runs") == ({name: name for name in weights.available()}, [])
    with pytest.raises(BratsError, match=r"there is no training.json; expected a training.*runs/workshop/training"):
        open_network(tmp_path)


def edited(change):
    def damage(folder):
        record = json.loads((folder / "training.json").read_text())
        change(record)
        (folder / "training.json").write_text(json.dumps(record))

    return damage


def with_recipe(recipe):
    return edited(lambda record: record["settings"].update(recipe=recipe))


def cut_short(folder):
    path = folder / "best.weights.h5"
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (edited(lambda record: record.update(finished=False)), "training is not finished; expected 1 finished epochs"),
        (lambda folder: (folder / "best.weights.h5").unlink(), "best.weights.h5: it is damaged or cannot be read"),
        (cut_short, "best.weights.h5: it is damaged or cannot be read .*truncated"),
        (with_recipe({"depth": 9}), "its recipe has the fields depth"),
        (with_recipe({"size": "128"}), "its recipe has the size '128'"),
        (with_recipe(asdict(GENERATION)), "'generation' makes images"),
    ],
    ids=["unfinished", "no weights", "cut short", "other recipe", "odd recipe", "generator"],
)
def test_what_cannot_be_used_is_left_out_and_the_rest_is_offered(run, damage, says):
    damage(run / "training")
    found, (problem,) = offered(run.parent)
    assert list(found) == [*weights.available(), NAMES[1]]
    with pytest.raises(BratsError, match=says) as caught:
        open_network(run / "training")
    assert str(caught.value) == problem


def test_published_network_of_a_run_answers_as_in_the_notebook(run, case):
    network = open_network(run / "training")
    assert (network.engine, network.card.name) == ("keras", NAMES[0])
    with pytest.raises(BratsError, match="OpenVINO's path does not know it.*--engine keras"):
        open_network(run / "training", "openvino")
    expected = segment_case(case, Network(load_trained(run / "training"), network.recipe))
    np.testing.assert_array_equal(segment_case(case, run / "training").probabilities, expected.probabilities)


def test_native_network_of_a_run_is_computed_by_openvino_with_keras_numbers(run, case):
    if reason := fast.problem():
        pytest.skip(f"{reason}; Keras computes every network here")
    assert open_network(run / "native").engine == "openvino"
    found, expected = (segment_case(case, open_network(run / "native", engine)) for engine in ("openvino", "keras"))
    assert expected.probabilities.astype(np.float32).std() > 0.01
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=2e-3)


def test_network_that_was_trained_again_is_another_one(run):
    before = open_network(run / "training")
    assert open_network(run / "training") is before
    shutil.rmtree(run / "training")
    shutil.copytree(run / "native", run / "training")
    assert open_network(run / "training").card.sha256 != before.card.sha256


def test_command_predicts_with_a_run_and_lists_it(run, case, tmp_path, capsys):
    assert main(["predict", "cases", "--out", "out", "--network", "runs/workshop/training"]) == 0
    record = json.loads((tmp_path / "out" / "BraTS20_Training_001.json").read_text())
    assert record["network"] == TrainedCard.read(run / "training").identity
    assert record["network"]["decision"] is None and record["engine"]["name"] == "keras"
    cut_short(run / "native")
    assert main(["predict", "cases", "--out", "out", "--network", "runs/workshop/native"]) == 2
    capsys.readouterr()
    assert main(["weights"]) == 0
    listed = capsys.readouterr().out
    assert f"{NAMES[0]}: " in listed and "--network runs/workshop/training" in listed
    assert "A trained network is left out: " in listed and "truncated" in listed


def test_case_that_a_run_learnt_from_is_known_by_its_voxels_and_without_them_by_its_name(run):
    card = describe(run / "training")
    case = Case("BraTS20_Training_007", {"flair": run / "flair.nii.gz"})
    assert "was trained or validated on BraTS20_Training_007" in learnt_from_warning(card, case, "0" * 16)
    assert learnt_from_warning(card, replace(case, name="BraTS20_Training_003"), "0" * 16) is None
    card = replace(card, flair_hashes=("1" * 16, "2" * 16))
    assert learnt_from_warning(card, case, "0" * 16) is None
    assert learnt_from_warning(card, replace(case, name="renamed"), "2" * 16)


def test_shipped_name_wins_over_a_folder_of_that_name(run, tmp_path):
    shutil.copytree(run / "training", tmp_path / "phantom")
    assert describe("phantom").name == "phantom"
    assert describe("./phantom").name == "published (phantom)"
