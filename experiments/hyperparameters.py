"""The hyper-parameter studies of chapter 9 at a reduced size, on phantoms: an hour or more on one core each.

Slices of 64 x 64 pixels and half the paper's width, since what counts is the number of trainings. A study that was
stopped goes on where it was.
"""

import dataclasses

import pandas as pd

from brats_lib.cases import split_cohort
from brats_lib.phantom import make_cohort
from brats_lib.studies.tuning import Plan, importance, open_study, prepare, search, sweep, train_plan, trials_table
from experiments.record import save

__all__ = ["LONG", "PLAN", "SEARCH", "search_all", "train_long", "tune"]

FOLDER = "runs/experiments/tuning"
PHANTOMS, SEEDS = 48, (0, 1, 2)
PLAN = Plan()
# A search stops most trials early, so each may be longer. In the first epochs most networks find nothing.
SEARCH, TRIALS, SPARED = PLAN.change(epochs=10), 40, 5
# Few cases, seen often enough to be learnt by heart: 22 times each.
LONG, FEW = PLAN.change(epochs=60), 8


def _prepared():
    cohort = make_cohort(f"{FOLDER}/phantoms", cases=PHANTOMS, stream="choices")
    split = split_cohort(cohort, seed=0)
    return prepare(cohort, split, PLAN, FOLDER)


def _sizes(cases):
    return {"train": len(cases.train), "val": len(cases.val)}


def tune():
    """One factor at a time: write `results/tuning_one_factor.csv`, anew after each seed."""
    cases = _prepared()
    for count in range(1, len(SEEDS) + 1):
        table = sweep(PLAN, cases, FOLDER, seeds=SEEDS[:count])
        save("tuning_one_factor", table, seeds=SEEDS[:count], plan=dataclasses.asdict(PLAN), cases=_sizes(cases))


def search_all():
    """All factors at once: write `results/tuning_search.csv`, the trials, and their importance beside it."""
    cases = _prepared()
    study = open_study(f"{FOLDER}/search.db", spared=SPARED)
    missing = max(0, TRIALS - len(trials_table(study)))
    search(study, SEARCH, cases, f"{FOLDER}/trials", missing, report=lambda trial: print(trial.number, trial.value))
    save(
        "tuning_search",
        trials_table(study),
        plan=dataclasses.asdict(SEARCH),
        cases=_sizes(cases),
        importance=importance(study),
    )


def train_long():
    """Many epochs on few cases, with the paper's dropout, none and much: `results/tuning_long.csv`."""
    cases = _prepared()
    cases = dataclasses.replace(cases, train=cases.train[:FEW])
    own, parts = LONG.recipe.dropout, []
    for seed in SEEDS:
        for dropout in (own, 0.0, 0.5):
            history = train_plan(LONG.change(dropout=dropout), cases, f"{FOLDER}/long", seed)
            factor, value = ("baseline", "") if dropout == own else ("dropout", str(dropout))
            parts.append(history.assign(factor=factor, value=value, seed=seed))
            save("tuning_long", pd.concat(parts), plan=dataclasses.asdict(LONG), cases=_sizes(cases))
