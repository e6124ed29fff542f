"""Studies of many short trainings: which step of the recipe, which property of the phantoms, how many of them.

Each training is small (a narrow network, 3200 patches of 96 x 96) so that three seeds of every row fit into an hour on
two cores; rows compare with each other, not with the networks that ship. A study that was stopped goes on where it was.
"""

import dataclasses
import functools
import hashlib
import time

import pandas as pd

from brats_lib.cohort import MODALITIES
from brats_lib.patches import PatchBatches
from brats_lib.phantom import PATIENTS, WIDE, Variety
from brats_lib.recipes import NATIVE, PLANES
from brats_lib.training import train
from experiments.record import FOLDER, save
from experiments.scoring import choose_channels, score_stacks
from experiments.shipped import training_phantoms, validation_phantoms

__all__ = ["EFFECTS", "SMALL", "STEPS", "ablate_phantoms", "ablate_recipe", "count_phantoms"]

SEEDS = (0, 1, 2)
SMALL = dataclasses.replace(NATIVE, patch=96, widths=(16, 32, 64, 128), slices_per_epoch=800, epochs=4)
CASES = 32

# One step after the other on top of the one before; the last row is the recipe.
_PLAIN = {
    "planes": ("axial",), "neighbours": 0, "regions": False, "dice": False, "augmentation": (), "averaging": 0.0,
    "flips": False, "largest_piece": False,
}  # fmt: skip
STEPS = {
    "full resolution, classes, cross-entropy": {},
    "neighbouring slices": {"neighbours": 1},
    "regions instead of classes": {"regions": True},
    "Dice loss": {"dice": True},
    "mirrored": {"augmentation": ("mirror",)},
    "changed intensities": {"augmentation": ("mirror", "intensity")},
    "averaged weights": {"averaging": 0.99},
    "three planes": {"planes": tuple(PLANES)},
    "averaged over mirrorings": {"flips": True},
    "largest piece": {"largest_piece": True},
}

EFFECTS = {
    "as the patients": PATIENTS,
    "all wider": WIDE,
    **{
        f"without wider {field.name}": dataclasses.replace(WIDE, **{field.name: False})
        for field in dataclasses.fields(Variety)
    },
}


def _recipes():
    """The recipe of each row: the steps added up."""
    settings = dict(_PLAIN)
    for name, step in STEPS.items():
        settings |= step
        yield name, dataclasses.replace(SMALL, **settings)
    yield "four modalities", dataclasses.replace(SMALL, **settings, modalities=MODALITIES)


def ablate_recipe(real):
    """One row per step of the recipe, trained on the same phantoms: `results/ablation_recipe.csv`."""
    phantoms, validation = training_phantoms(CASES), validation_phantoms()
    rows = {name: functools.partial(_trained, recipe, phantoms) for name, recipe in _recipes()}
    _study("ablation_recipe", "step", rows, dict(_recipes()), {"phantom": validation, "real": real})


def ablate_phantoms(real):
    """One row per property of the phantoms that is left out: `results/ablation_phantom.csv`."""
    recipe = dict(_recipes())["largest piece"]
    rows = {name: functools.partial(_trained_on, recipe, CASES, variety) for name, variety in EFFECTS.items()}
    _study(
        "ablation_phantom",
        "phantoms",
        rows,
        dict.fromkeys(rows, recipe),
        {"phantom": validation_phantoms(), "real": real},
    )


def count_phantoms(real):
    """Dice against the number of phantoms, trained for the same time: `results/transfer_phantoms.csv`."""
    recipe = dict(_recipes())["largest piece"]
    rows = {count: functools.partial(_trained_on, recipe, count, WIDE) for count in (1, 4, 16, 64, 160)}
    _study(
        "transfer_phantoms",
        "phantoms",
        rows,
        dict.fromkeys(rows, recipe),
        {"phantom": validation_phantoms(), "real": real},
    )


def _trained_on(recipe, cases, variety, seed):
    return _trained(recipe, training_phantoms(cases, variety), seed)


def _trained(recipe, stacks, seed):
    """A small network and the minutes that it took."""
    folder = f"runs/experiments/{_fingerprint(recipe, stacks)}-{seed}"
    began = time.perf_counter()
    model = train(recipe, PatchBatches(stacks, recipe, seed), None, folder, seed=seed, verbose=0).model
    return model, (time.perf_counter() - began) / 60


def _fingerprint(recipe, stacks):
    content = repr((dataclasses.asdict(recipe), [stack.name for stack in stacks]))
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _study(name, column, rows, recipes, cohorts):
    """Train and score every row with every seed that the table does not have yet."""
    path = FOLDER / f"{name}.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=[column, "seed"])
    for seed in SEEDS:
        for row, make in rows.items():
            if ((table[column].astype(str) == str(row)) & (table["seed"] == seed)).any():
                continue
            model, minutes = make(seed)
            for data, stacks in cohorts.items():
                scores = score_stacks(model, choose_channels(stacks, recipes[row], MODALITIES), recipes[row])
                scores = scores[scores["region"].isin(["WT", "TC", "ET"])][["case", "region", "dice", "hd95_mm"]]
                scores = scores.assign(**{column: row}, seed=seed, data=data, minutes=round(minutes, 2))
                table = pd.concat([table, scores], ignore_index=True)
                print(name, row, seed, data, scores.groupby("region")["dice"].mean().round(3).to_dict(), flush=True)
            columns = [column, "seed", "data", "case", "region", "dice", "hd95_mm", "minutes"]
            save(name, table[columns], recipe=dataclasses.asdict(SMALL), seeds=list(SEEDS), phantoms=CASES)
