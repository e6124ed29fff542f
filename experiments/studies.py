"""What each step of the recipe is worth: the recipe, and without one step at a time, in trainings of the same length.

They are shorter than that of the network that ships and learn from fewer phantoms, so rows compare with each other.
"""

import dataclasses
import hashlib
import itertools

import pandas as pd

from brats_lib.phantom import MIXED, PATIENTS, VERSION
from brats_lib.recipes import NATIVE
from brats_lib.slices.patches import PatchBatches
from brats_lib.training.fitting import train
from experiments.record import recorded, save
from experiments.scoring import on_fast_engine
from experiments.shipped import mean_dice, predict_stacks, score_regions, training_phantoms

__all__ = ["STEPS", "compare_steps"]

RUNS = "runs/experiments"
SEEDS = (0, 1, 2)
PHANTOMS = 96
SHORT = dataclasses.replace(NATIVE, slices_per_epoch=1600, epochs=10)

# What is changed in the recipe, and the kinds of phantoms. The last row is the recipe.
STEPS = {
    "without changed intensities": ({"augmentation": ("mirror",)}, MIXED),
    "without Dice loss": ({"dice": False}, MIXED),
    "classes instead of regions": ({"regions": False}, MIXED),
    "axial slices alone": ({"planes": ("axial",)}, MIXED),
    "phantoms as the patients alone": ({}, (PATIENTS,)),
    "the recipe": ({}, MIXED),
}


def compare_steps(real):
    """Train and score every row with every seed that the table does not have yet: `results/steps.csv`.

    Parameters
    ----------
    real : list of Stack
        Cases that are scored, with the default decision rule.
    """
    columns = ["step", "seed", "case", "region", "dice"]
    table = recorded("steps", columns)
    for seed, step in itertools.product(SEEDS, STEPS):
        if ((table["step"] == step) & (table["seed"] == seed)).any():
            continue
        change, kinds = STEPS[step]
        recipe = dataclasses.replace(SHORT, **change)
        network = on_fast_engine(_trained(recipe, training_phantoms(PHANTOMS, kinds), seed), recipe)
        scores = score_regions(predict_stacks(network, real), real, network.rule).assign(step=step, seed=seed)
        print(step, seed, mean_dice(scores), flush=True)
        table = pd.concat([table, scores], ignore_index=True)[columns]
        save("steps", table, phantoms=PHANTOMS, epochs=SHORT.epochs, slices_per_epoch=SHORT.slices_per_epoch)


def _trained(recipe, stacks, seed):
    """A network, in a folder named for all that it depends on, so that a training that was stopped goes on."""
    content = repr((dataclasses.asdict(recipe), [stack.name for stack in stacks], VERSION, seed))
    folder = f"{RUNS}/{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    return train(recipe, PatchBatches(stacks, recipe, seed), None, folder, seed=seed, verbose=0).model
