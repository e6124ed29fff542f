"""The hyper-parameter study of chapter 9 at a reduced size, on phantoms: an hour on one core.

Slices of 64 x 64 pixels and half the paper's width, since what counts is the number of trainings. A study that was
stopped goes on where it was.
"""

import dataclasses
import time

import numpy as np
import pandas as pd

from brats_lib import models, runs
from brats_lib.cohort import split_cohort
from brats_lib.devices import choose_precision
from brats_lib.objectives import compile_model
from brats_lib.phantom import make_cohort
from brats_lib.tuning import (
    BASELINE,
    Plan,
    importance,
    one_factor,
    open_study,
    prepare,
    search,
    sweep,
    train_plan,
    trials_table,
)  # fmt: skip
from experiments.record import save

__all__ = ["time_batches", "tune"]

FOLDER = "runs/experiments/tuning"
PHANTOMS, SEEDS = 48, (0, 1, 2)
PLAN = Plan()
# For what takes many or long trainings: half the pixels and filters of that.
SMALL = PLAN.change(size=32, width=8)
TRIALS = 12
# Few cases and every slice of them in each epoch: here an epoch is one pass, as in the paper, and can be one too many.
FEW, LONG = 2, 20


def tune():
    """Write `results/tuning_*.csv`: one factor at a time, a search, the number of epochs, and the time of batches."""
    cohort = make_cohort(runs.phantom_folder(0), cases=PHANTOMS, seed=0)
    split = split_cohort(cohort, seed=0)
    cases, small = (prepare(cohort, split, plan, FOLDER) for plan in (PLAN, SMALL))
    sizes = {"train": len(split.train), "val": len(split.val)}
    for count in range(1, len(SEEDS) + 1):
        table = sweep(PLAN, cases, FOLDER, seeds=SEEDS[:count])
        save("tuning_one_factor", table, seeds=SEEDS[:count], plan=dataclasses.asdict(PLAN), cases=sizes)
    study = open_study(f"{FOLDER}/study.db")
    search(study, SMALL, small, f"{FOLDER}/trainings", TRIALS - len(trials_table(study)))
    facts = {"plan": dataclasses.asdict(SMALL), "cases": sizes, "importance": importance(study)}
    save("tuning_search", trials_table(study), seed=0, **facts)
    _epochs(dataclasses.replace(small, train=split.train[:FEW]))
    time_batches()


def time_batches():
    """Write `results/tuning_batch_time.csv`: seconds of the processor for the slices of an epoch, by batch.

    Of the processor, and not by the clock, since other programs may run beside it; three times, in turns.
    """
    rng = np.random.default_rng(0)
    rows = one_factor(PLAN, [BASELINE, "batch_slices"])
    networks = []
    for _, _, plan in rows:
        model = models.build(plan.recipe, choose_precision(), 0)
        compile_model(model, plan.recipe, choose_precision(), 1)
        networks.append(model)
    size, slices = PLAN.recipe.size, PLAN.slices_per_epoch
    images = rng.random((slices, size, size, 2), np.float32)
    targets = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (slices, size, size))]
    table = []
    # The first round compiles.
    for repeat in range(-1, len(SEEDS)):
        for (factor, value, plan), model in zip(rows, networks, strict=True):
            began = time.process_time()
            model.fit(images, targets, batch_size=plan.batch_slices, verbose=0)
            table.append({"factor": factor, "value": value, "seed": repeat, "seconds": time.process_time() - began})
    save("tuning_batch_time", pd.DataFrame(table).query("seed >= 0"), slices=slices, plan=dataclasses.asdict(PLAN))


def _epochs(cases):
    long = dataclasses.replace(SMALL, epochs=LONG, slices_per_epoch=None)
    table = pd.concat(train_plan(long, cases, f"{FOLDER}/trainings", seed).assign(seed=seed) for seed in SEEDS)
    save(
        "tuning_epochs", table, seeds=SEEDS, plan=dataclasses.asdict(long), cases={"train": FEW, "val": len(cases.val)}
    )
