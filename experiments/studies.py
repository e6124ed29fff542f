"""Studies of many short trainings: which step of the recipe, which property of the phantoms, how many of them.

Each training is a twentieth as long as that of the network that ships and has few of its phantoms, so that three seeds
of every row take an hour or two on two cores; rows compare with each other, not with that network. What they leave open
`ablate_full` answers with trainings as long as that network's, half an hour each. A study that was stopped goes on
where it was.
"""

import dataclasses
import functools
import hashlib
import itertools

import pandas as pd

from brats_lib.cases import MODALITIES
from brats_lib.labels import REGIONS
from brats_lib.phantom import EFFECTS, MIXED, PATIENTS, VERSION, WIDE
from brats_lib.recipes import NATIVE, PLANES, DecisionRule
from brats_lib.slices.patches import PatchBatches
from brats_lib.training.fitting import train
from experiments import record
from experiments.record import save
from experiments.scoring import choose_channels, on_fast_engine, score_stacks
from experiments.shipped import PHANTOMS, choice_phantoms, mean_dice, plain_mixture, training_phantoms

__all__ = [
    "KINDS", "SMALL", "STEPS", "ablate_effects", "ablate_full", "ablate_phantoms", "ablate_recipe", "count_phantoms",
    "effect_mixtures", "lengthen", "recipes", "recorded", "study",
]  # fmt: skip

RUNS = "runs/experiments"
SEEDS = (0, 1, 2)
SMALL = dataclasses.replace(NATIVE, epochs=2)
CASES, SCORED = 24, 3
# Effects of phantoms are compared on more of them: with few, luck outweighs an effect.
CASES_FOR_EFFECTS = 48
COUNTS = (3, 12, 48, 192, 384)
# Epochs of 1600 slices, up to twice as long as the network that ships.
LENGTHS = (2, 5, 10, NATIVE.epochs, 2 * NATIVE.epochs)

# One step after the other on top of the one before; the last row is the recipe.
_PLAIN = {
    "planes": ("axial",), "neighbours": 0, "regions": False, "dice": False, "augmentation": (), "averaging": 0.0,
    "rule": DecisionRule(smallest_piece=0.0, et_above=0.5),
}  # fmt: skip
STEPS = {
    "full resolution, classes, cross-entropy": {},
    "neighbouring slices": {"neighbours": 1},
    "regions instead of classes": {"regions": True},
    "Dice loss": {"dice": True},
    "mirrored": {"augmentation": ("mirror",)},
    "changed intensities": {"augmentation": ("mirror", "intensity")},
    "averaged weights": {"averaging": NATIVE.averaging},
    "three planes": {"planes": tuple(PLANES)},
    "large pieces": {"rule": DecisionRule(et_above=0.5)},
    "enhancement from .3": {"rule": DecisionRule()},
}

# Those that the mixture is made of, each alone.
KINDS = {"as the patients": (PATIENTS,), "any size and place": (MIXED[1],), "wide": (WIDE,), "mixed": MIXED}


def recipes():
    """The recipe and the rule of each row: the steps added up."""
    settings = dict(_PLAIN)
    for name, step in [*STEPS.items(), ("four modalities", {"modalities": MODALITIES})]:
        settings |= step
        training = {key: value for key, value in settings.items() if key != "rule"}
        yield name, (dataclasses.replace(SMALL, **training), settings["rule"])


# What the phantoms are compared with: one plane takes a third of the time.
AXIAL = dataclasses.replace(SMALL, planes=("axial",))


def ablate_recipe(real):
    """One row per step of the recipe, trained on the same phantoms: `results/ablation_recipe.csv`."""
    phantoms = functools.partial(training_phantoms, CASES)
    rows = {name: (recipe, phantoms, rule) for name, (recipe, rule) in recipes()}
    study("ablation_recipe", "step", rows, {"phantom": choice_phantoms(SCORED), "real": real})


def ablate_phantoms(real):
    """One row per kind of phantoms: `results/ablation_phantom.csv`."""
    rows = {name: (AXIAL, functools.partial(training_phantoms, CASES, kinds)) for name, kinds in KINDS.items()}
    study("ablation_phantom", "phantoms", rows, {"real": real})


def effect_mixtures():
    """The kinds of phantoms that networks learn from, with all effects and with each of them left out."""
    mixtures = {"all effects": MIXED} | {f"without {effect}": plain_mixture(effect) for effect in EFFECTS}
    for name in ("infiltration", "vessels"):
        mixtures[f"without {name}"] = tuple(dataclasses.replace(kind, **{name: False}) for kind in MIXED)
    return mixtures


def ablate_effects(real):
    """One row per effect that is left out of the same phantoms: `results/ablation_effects.csv`."""
    rows = {
        name: (AXIAL, functools.partial(training_phantoms, CASES_FOR_EFFECTS, kinds))
        for name, kinds in effect_mixtures().items()
    }
    study("ablation_effects", "effects", rows, {"real": real})


def ablate_full(real):
    """What short trainings did not settle, in trainings as long as the shipped network's: `results/ablation_full.csv`.

    One seed each, to be seen beside those of `results/seeds.csv`, and three of what changes too little for one to tell.
    """
    rows = {
        "intensities unchanged": (dataclasses.replace(NATIVE, augmentation=("mirror",)), training_phantoms),
        "weights not averaged": (dataclasses.replace(NATIVE, averaging=0.0), training_phantoms),
        "all pieces kept": (NATIVE, training_phantoms, DecisionRule(smallest_piece=0.0)),
        "enhancement from .5": (NATIVE, training_phantoms, DecisionRule(et_above=0.5)),
        "four modalities": (dataclasses.replace(NATIVE, modalities=MODALITIES), training_phantoms),
    }
    half_way = functools.partial(training_phantoms, PHANTOMS, plain_mixture("outlines"))
    rows["phantoms outlined half way up"] = (NATIVE, half_way)
    rows["phantoms as the patients"] = (NATIVE, functools.partial(training_phantoms, PHANTOMS, (PATIENTS,)))
    cohorts, unclear = {"real": real}, "weights not averaged"
    study("ablation_full", "change", rows, cohorts, seeds=(0,), epochs=NATIVE.epochs)
    study("ablation_full", "change", {unclear: rows[unclear]}, cohorts, seeds=SEEDS, epochs=NATIVE.epochs)


def count_phantoms(real):
    """Dice against the number of phantoms, trained for the same time: `results/transfer_phantoms.csv`."""
    rows = {count: (AXIAL, functools.partial(training_phantoms, count)) for count in COUNTS}
    study("transfer_phantoms", "phantoms", rows, {"real": real})


def lengthen(real):
    """Dice against the length of the training, on the phantoms of the network that ships: `transfer_minutes.csv`."""
    rows = {epochs: (dataclasses.replace(NATIVE, epochs=epochs), training_phantoms) for epochs in LENGTHS}
    study("transfer_minutes", "epochs", rows, {"real": real}, seeds=(0,), epochs=LENGTHS)


def study(name, column, rows, cohorts, seeds=None, epochs=None):
    """Train and score every row with every seed that the table does not have yet.

    Parameters
    ----------
    name : str
        Of the table in `results/`, which is written after every row.
    column : str
        What the rows differ in.
    rows : dict of str to (NativeRecipe, callable) or (NativeRecipe, callable, DecisionRule)
        What is trained, what makes the phantoms that it is trained on, and how it is applied.
    cohorts : dict of str to list of Stack
        What is scored; may be empty lists.
    seeds, epochs : optional
        Those of the short trainings where omitted; the epochs are for the record alone.
    """
    table = recorded(name, {stack.name for stack in cohorts.get("phantom", ())})
    if table is None:
        table = pd.DataFrame(columns=[column, "seed"])
    for seed, (row, (recipe, phantoms, *rule)) in itertools.product(SEEDS if seeds is None else seeds, rows.items()):
        if ((table[column].astype(str) == str(row)) & (table["seed"] == seed)).any():
            continue
        model, minutes = trained(recipe, phantoms(), seed)
        network = on_fast_engine(model, recipe, *rule)
        for data, stacks in cohorts.items():
            if stacks:
                scores = score_stacks(network, choose_channels(stacks, recipe, MODALITIES))
                scores = scores.loc[scores["region"].isin(REGIONS), ["case", "region", "dice", "hd95_mm"]]
                found = {column: row, "seed": seed, "data": data, "minutes": round(minutes, 2)}
                table = pd.concat([table, scores.assign(**found)], ignore_index=True)
                print(name, row, seed, data, mean_dice(scores), flush=True)
        columns = [column, "seed", "data", "case", "region", "dice", "hd95_mm", "minutes"]
        epochs = SMALL.epochs if epochs is None else epochs
        save(name, table[columns], epochs=epochs, slices_per_epoch=SMALL.slices_per_epoch)


def recorded(name, phantoms=None):
    """What a study found; None where nothing, on another phantom or other patients, or others than these phantoms."""
    if not record.is_current(name):
        return None
    table = pd.read_csv(record.FOLDER / f"{name}.csv")
    met = () if phantoms is None else table.loc[table["data"].str.startswith("phantom"), "case"]
    return table if set(met) <= set(phantoms or ()) else None


def trained(recipe, stacks, seed):
    """A small network and the minutes that its training took; rows that differ in the prediction alone share it."""
    content = repr((dataclasses.asdict(recipe), [stack.name for stack in stacks], VERSION, seed))
    folder = f"{RUNS}/{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    result = train(recipe, PatchBatches(stacks, recipe, seed), None, folder, seed=seed, verbose=0)
    return result.model, result.seconds / 60
