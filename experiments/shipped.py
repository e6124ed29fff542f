"""The two networks that ship: trained on phantoms alone, and trained on with the real cases at hand."""

import dataclasses
import itertools

import numpy as np
import pandas as pd

from brats_lib.cohort import MODALITIES, Cohort
from brats_lib.patches import PatchBatches
from brats_lib.phantom import PATIENTS, WIDE
from brats_lib.recipes import NATIVE
from brats_lib.stacks import build_stacks, simulate_stacks
from brats_lib.training import train
from experiments.record import save
from experiments.scoring import choose_channels, score_stacks

__all__ = ["FINE_TUNING", "real_stacks", "train_phantom", "train_real", "training_phantoms", "validation_phantoms"]

STACKS = "runs/stacks"
RUNS = "runs/experiments"
SEED, VALIDATION_SEED = 0, 1
PHANTOMS, VALIDATION_PHANTOMS = 160, 6

# A tenth of the training's length and a quarter of its learning rate, on patients and phantoms in equal parts: enough
# to meet real tissue, too little to learn seven patients by heart.
FINE_TUNING = dataclasses.replace(NATIVE, learning_rate=5e-4, slices_per_epoch=1200, epochs=2)


def training_phantoms(cases=PHANTOMS, variety=WIDE, seed=SEED):
    """Phantoms to learn from."""
    return simulate_stacks(seed, cases, STACKS, variety)


def validation_phantoms(cases=VALIDATION_PHANTOMS):
    """Phantoms as the patients are, of another seed: what is decided on simulated patients is decided on these."""
    return simulate_stacks(VALIDATION_SEED, cases, STACKS, PATIENTS)


def real_stacks(data):
    """The labelled cases of a folder."""
    return build_stacks(Cohort.find(data), STACKS)


def train_phantom(seed=SEED, recipe=NATIVE):
    """Train the network that never saw a patient.

    Returns
    -------
    brats_lib.training.TrainingResult
    """
    batches = PatchBatches(training_phantoms(), recipe, seed)
    val = PatchBatches(validation_phantoms(), recipe, seed, slices_per_epoch=320, augment=False)
    return train(recipe, batches, val, f"{RUNS}/phantom-{seed}", seed=seed)


def train_real(weights, stacks, left_out=None, seed=SEED, recipe=FINE_TUNING):
    """Train a phantom network on with real cases.

    Parameters
    ----------
    weights : list of array
        Of the phantom network.
    stacks : list of Stack
        Real cases.
    left_out : str, optional
        The case that is kept for testing.

    Returns
    -------
    brats_lib.training.TrainingResult
    """
    chosen = [stack for stack in stacks if stack.name != left_out]
    phantoms = training_phantoms()
    repeated = list(itertools.islice(itertools.cycle(chosen), len(phantoms)))
    batches = PatchBatches(repeated + phantoms, recipe, seed)
    folder = f"{RUNS}/real-{seed}-{left_out or 'all'}"
    return train(recipe, batches, None, folder, seed=seed, initial_weights=weights)


def leave_one_out(weights, stacks, seed=SEED):
    """Scores of each real case by a network that was trained on with the others: `results/leave_one_out.csv`."""
    parts = []
    for stack in stacks:
        model = train_real(weights, stacks, stack.name, seed).model
        parts.append(score_stacks(model, choose_channels([stack], NATIVE, MODALITIES), NATIVE))
        print(parts[-1][["case", "region", "dice"]].head(3).to_string(index=False, header=False), flush=True)
    table = pd.concat(parts, ignore_index=True)
    save("leave_one_out", table, seed=seed, recipe=dataclasses.asdict(FINE_TUNING))
    return table


def mean_dice(table):
    """Mean Dice per region, as a dict."""
    means = table.groupby("region")["dice"].mean()
    return {region: round(float(np.float64(means[region])), 4) for region in ("WT", "TC", "ET")}
