"""The hyper-parameter study of chapter 9 at a reduced size, on phantoms: an hour on one core.

Slices of 64 x 64 pixels and half the paper's width, since what counts is the number of trainings. A study that was
stopped goes on where it was.
"""

import dataclasses

import pandas as pd

from brats_lib import runs
from brats_lib.cohort import split_cohort
from brats_lib.phantom import make_cohort
from brats_lib.slices import build_cache
from brats_lib.tuning import Cases, Plan, importance, open_study, search, sweep, train_plan, trials_table
from experiments.record import save

__all__ = ["tune"]

FOLDER = "runs/experiments/tuning"
PHANTOMS, SEEDS = 48, (0, 1, 2)
PLAN = Plan()
TRIALS = 16
# Few cases and every slice of them in each epoch: here an epoch is one pass, as in the paper, and can be one too many.
FEW, LONG = 4, 20


def tune():
    """Write `results/tuning_*.csv`: one factor at a time, a search, and the number of epochs."""
    cohort = make_cohort(runs.phantom_folder(0), cases=PHANTOMS, seed=0)
    split = split_cohort(cohort, seed=0)
    cases = Cases(build_cache(cohort, PLAN.recipe, f"{FOLDER}/cache", workers=1), split.train, split.val)
    facts = {"plan": dataclasses.asdict(PLAN), "cases": {"train": len(split.train), "val": len(split.val)}}
    for count in range(1, len(SEEDS) + 1):
        save("tuning_one_factor", sweep(PLAN, cases, FOLDER, seeds=SEEDS[:count]), seeds=SEEDS[:count], **facts)
    study = open_study(f"{FOLDER}/study.db")
    search(study, PLAN, cases, f"{FOLDER}/trainings", TRIALS - len(trials_table(study)))
    save("tuning_search", trials_table(study), seed=0, importance=importance(study), **facts)
    _epochs(dataclasses.replace(cases, train=split.train[:FEW]), facts)


def _epochs(cases, facts):
    long = dataclasses.replace(PLAN, epochs=LONG, slices_per_epoch=None)
    table = pd.concat(train_plan(long, cases, f"{FOLDER}/trainings", seed).assign(seed=seed) for seed in SEEDS)
    save("tuning_epochs", table, seeds=list(SEEDS), **facts | {"plan": dataclasses.asdict(long), "train": FEW})
