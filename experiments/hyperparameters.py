"""The hyper-parameter study of chapter 9 at a reduced size, on phantoms: 60 trainings, an hour or more on one core.

Slices of 64 x 64 pixels and half the paper's width, since what counts is the number of trainings. A study that was
stopped goes on where it was.
"""

import dataclasses

from brats_lib import runs
from brats_lib.cohort import split_cohort
from brats_lib.phantom import make_cohort
from brats_lib.tuning import Plan, prepare, sweep
from experiments.record import save

__all__ = ["PLAN", "tune"]

FOLDER = "runs/experiments/tuning"
PHANTOMS, SEEDS = 48, (0, 1, 2)
PLAN = Plan()


def tune():
    """Write `results/tuning_one_factor.csv`, anew after each seed."""
    cohort = make_cohort(runs.phantom_folder(0), cases=PHANTOMS, seed=0)
    split = split_cohort(cohort, seed=0)
    cases = prepare(cohort, split, PLAN, FOLDER)
    sizes = {"train": len(split.train), "val": len(split.val)}
    for count in range(1, len(SEEDS) + 1):
        table = sweep(PLAN, cases, FOLDER, seeds=SEEDS[:count])
        save("tuning_one_factor", table, seeds=SEEDS[:count], plan=dataclasses.asdict(PLAN), cases=sizes)
