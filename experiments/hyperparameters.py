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
from brats_lib.slices import build_cache
from brats_lib.tuning import (
    BASELINE,
    Cases,
    Plan,
    importance,
    one_factor,
    open_study,
    search,
    sweep,
    train_plan,
    trials_table,
)
from experiments.record import save

__all__ = ["time_batches", "tune"]

FOLDER = "runs/experiments/tuning"
PHANTOMS, SEEDS = 48, (0, 1, 2)
PLAN = Plan()
TRIALS = 12
# Few cases and every slice of them in each epoch: here an epoch is one pass, as in the paper, and can be one too many.
FEW, LONG = 2, 20


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


def _epochs(cases, facts):
    long = dataclasses.replace(PLAN, epochs=LONG, slices_per_epoch=None)
    table = pd.concat(train_plan(long, cases, f"{FOLDER}/trainings", seed).assign(seed=seed) for seed in SEEDS)
    save("tuning_epochs", table, seeds=list(SEEDS), **facts | {"plan": dataclasses.asdict(long), "train": FEW})
