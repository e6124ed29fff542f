"""The hyper-parameter studies of chapter 11 at a reduced size, on phantoms: an hour and a half on two cores.

Slices of 64 x 64 pixels and half the paper's width, since what can be concluded depends on the number of trainings. A
study that was stopped goes on where it was.
"""

import dataclasses

import pandas as pd

from brats_lib.cases import split_cohort
from brats_lib.phantom import make_cohort
from brats_lib.studies.tuning import (
    Plan,
    best_plan,
    importance,
    open_study,
    prepare,
    score_cases,
    search,
    sweep,
    train_plan,
    trials_table,
)
from brats_lib.studies.verdicts import SEARCHED
from experiments.record import save

__all__ = ["PLAN", "search_all", "tune"]

FOLDER = "runs/experiments/tuning"
PHANTOMS, SEEDS = 96, (0, 1, 2, 3, 4)
# As many steps as the baseline needs to find most of the tumours, in epochs long enough that the plateau rule does not
# take their noise for the end of the learning.
PLAN = Plan(batch_slices=5, slices_per_epoch=1000, epochs=7, val_slices=500)
# In the first epochs most networks find nothing.
TRIALS, SPARED = 20, 3


def _prepared():
    cohort = make_cohort(f"{FOLDER}/phantoms", cases=PHANTOMS, stream="choices")
    return prepare(cohort, split_cohort(cohort, seed=0), PLAN, FOLDER)


def _save(name, table, cases, **facts):
    sizes = {subset: len(getattr(cases, subset)) for subset in ("train", "val", "test")}
    save(name, table, plan=dataclasses.asdict(PLAN), cases=sizes, **facts)


def tune():
    """One factor at a time: write `results/tuning_one_factor.csv`, anew after each seed."""
    cases, tables = _prepared(), []
    for seed in SEEDS:
        tables.append(sweep(PLAN, cases, FOLDER, seeds=[seed])[0])
        _save("tuning_one_factor", pd.concat(tables), cases)


def search_all():
    """All factors at once: write `results/tuning_search.csv`, the trials, and their importance beside it.

    The best setting is trained with other seeds than the trials and scored on cases that the search has not seen:
    `results/tuning_best.csv`.
    """
    cases, tables = _prepared(), []
    study = open_study(f"{FOLDER}/search.db", spared=SPARED)
    missing = max(0, TRIALS - len(trials_table(study)))
    search(study, PLAN, cases, f"{FOLDER}/trials", missing, report=lambda trial: print(trial.number, trial.value))
    _save("tuning_search", trials_table(study), cases, importance=importance(study))
    best = best_plan(study, PLAN)
    for seed in range(1, len(SEEDS) + 1):
        _, model = train_plan(best, cases, f"{FOLDER}/trainings", seed)
        tables.append(score_cases(model, cases).assign(factor=SEARCHED, value="", seed=seed))
        _save("tuning_best", pd.concat(tables), cases)
