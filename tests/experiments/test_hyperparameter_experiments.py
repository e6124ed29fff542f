"""The studies behind chapter 9, without their trainings: what they ask for and what they write."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from brats_lib.studies.tuning import Cases
from experiments import hyperparameters, record


@pytest.fixture
def results(monkeypatch, tmp_path):
    """Twelve training cases that nobody reads, and a folder for results."""
    names = tuple(f"case_{number}" for number in range(12))
    monkeypatch.setattr(hyperparameters, "_prepared", lambda: Cases(SimpleNamespace(), names, names[:2]))
    monkeypatch.setattr(hyperparameters, "FOLDER", str(tmp_path / "runs"))
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    return tmp_path


def test_long_trainings_see_few_cases_often_and_differ_in_dropout_alone(results, monkeypatch):
    asked = []

    def train_plan(plan, cases, folder, seed):
        asked.append((plan, cases.train, seed))
        return pd.DataFrame({"epoch": [1, 2], "val_region_dice": [0.1, plan.recipe.dropout]})

    monkeypatch.setattr(hyperparameters, "train_plan", train_plan)
    hyperparameters.train_long()
    table = pd.read_csv(results / "tuning_long.csv", keep_default_na=False)
    assert {len(train) for _, train, _ in asked} == {8}
    assert {(plan.epochs, plan.recipe.dropout, seed) for plan, _, seed in asked} == {
        (60, dropout, seed) for dropout in (0.2, 0.0, 0.5) for seed in (0, 1, 2)
    }
    # 60 epochs of 300 slices, of 8 x 100.
    assert hyperparameters.LONG.epochs * hyperparameters.LONG.slices_per_epoch / 800 == 22.5
    last = table[table["epoch"] == 2].groupby(["factor", "value"])["val_region_dice"].mean()
    assert last.to_dict() == pytest.approx({("baseline", ""): 0.2, ("dropout", "0.0"): 0.0, ("dropout", "0.5"): 0.5})


def test_a_search_goes_on_to_its_number_of_trials_and_is_recorded_with_its_importance(results, monkeypatch):
    trials = pd.DataFrame({"number": range(3), "score": [0.5, 0.1, 0.2]})
    asked = []
    monkeypatch.setattr(hyperparameters, "open_study", lambda storage, spared: asked.append(spared) or "the study")
    monkeypatch.setattr(hyperparameters, "trials_table", lambda study: trials)
    monkeypatch.setattr(hyperparameters, "importance", lambda study: {"loss": 1.0})
    monkeypatch.setattr(
        hyperparameters, "search", lambda study, plan, cases, folder, count, report: asked.append(count)
    )
    hyperparameters.search_all()
    assert asked == [5, 40 - 3]
    assert pd.read_csv(results / "tuning_search.csv")["score"].tolist() == [0.5, 0.1, 0.2]
    about = json.loads((results / "tuning_search.json").read_text())
    assert about["importance"] == {"loss": 1.0} and about["plan"]["epochs"] == 10
