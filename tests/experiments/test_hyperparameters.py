"""The recorded studies of chapter 11, without their trainings: tables that the rule for verdicts can judge."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from conftest import write_case

from brats_lib.cases import Cohort
from brats_lib.recipes import PUBLISHED
from brats_lib.scores.comparison import verdicts
from brats_lib.studies import tuning
from brats_lib.studies.verdicts import SETTINGS, section_6
from experiments import hyperparameters

TINY = tuning.Plan(dataclasses.replace(PUBLISHED, size=16, first_slice=8, stop_slice=24))


class Guess:
    """A network that finds anything anywhere."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def predict_on_batch(self, images):
        return self.rng.random((*images.shape[:3], 4), np.float32)


@pytest.fixture
def saved(monkeypatch, tmp_path):
    """The tables that the studies save, and their facts."""
    for i in range(6):
        write_case(tmp_path / "cases", f"Case_{i}", seed=i)
    tables = {}

    def train_plan(plan, cases, folder, seed=0, precision="auto", callbacks=()):
        return pd.DataFrame([{"epoch": 1, tuning.SCORE: plan.recipe.dropout, "kept": True}]), Guess(seed)

    for name, value in {
        "make_cohort": lambda *_, **options: Cohort.find(tmp_path / "cases"), "train_plan": train_plan,
        "save": lambda name, table, **facts: tables.update({name: (table, facts)}),
        "FOLDER": str(tmp_path / "runs"), "PLAN": TINY, "SEEDS": (0, 1, 2), "TRIALS": 4,
    }.items():  # fmt: skip
        monkeypatch.setattr(hyperparameters, name, value)
    monkeypatch.setattr(tuning, "train_plan", train_plan)
    return tables


def test_every_statement_is_judged_over_seeds_and_cases_that_nothing_was_chosen_on(saved):
    hyperparameters.tune()
    hyperparameters.search_all()
    one, best = (saved[f"tuning_{name}"][0] for name in ("one_factor", "best"))
    judged = verdicts(*section_6(pd.concat([one, best])))
    assert len(judged) == len(SETTINGS) and (judged["seeds"] == 3).all() and (judged["cases"] == 1).all()
    assert set(one["case"]) == set(best["case"]) and len(set(one["case"])) == saved["tuning_best"][1]["cases"]["test"]
    # The search trained with seed 0 and chose by it.
    assert set(best["seed"]) == {1, 2, 3} and len(saved["tuning_search"][0]) == 4
