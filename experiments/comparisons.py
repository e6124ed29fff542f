"""The shipped network beside its alternatives: seeds, planes, mirrorings and windows."""

import dataclasses

import pandas as pd

from brats_lib.cases import MODALITIES
from brats_lib.prediction import weights
from brats_lib.recipes import NATIVE, PLANES, DecisionRule
from experiments.record import save
from experiments.scoring import choose_channels, on_fast_engine, score_stacks
from experiments.shipped import FINE_TUNING, choice_phantoms, mean_dice, rounded, train_phantom, train_real

__all__ = ["compare_averaging", "compare_seeds", "compare_tuning"]

# Planes, and what is changed in the rule. Windows of 256 hold every slice as a whole; those of 128, four to a slice,
# are about as large as the rule's.
AVERAGING = {
    "axial": (("axial",), {}),
    "axial, mirrored": (("axial",), {"flips": True}),
    "three planes": (tuple(PLANES), {}),
    "three planes, windows of 96": (tuple(PLANES), {"window": (96, 96)}),
    "three planes, windows of 128": (tuple(PLANES), {"window": (128, 128)}),
    "three planes, windows of 256": (tuple(PLANES), {"window": (256, 256)}),
}
SEEDS = (0, 1, 2)
SEED = 0


def compare_seeds(real):
    """The network `phantom` from other seeds, which change its first weights and the patches: `results/seeds.csv`."""
    # The threshold of WT was chosen for one of them.
    rule = dataclasses.replace(weights.read_card("phantom").rule, wt_above=DecisionRule.wt_above)
    stacks, parts = choose_channels(real, NATIVE, MODALITIES), []
    for seed in SEEDS:
        network = on_fast_engine(rounded(train_phantom(NATIVE, seed).model), NATIVE, rule)
        scores = score_stacks(network, stacks)
        print(seed, mean_dice(scores), flush=True)
        parts.append(scores.assign(seed=seed))
    save("seeds", pd.concat(parts)[["seed", "case", "region", "dice", "hd95_mm"]])


def compare_averaging(real):
    """What is averaged at prediction, with one and the same network: `results/averaging.csv`.

    On phantoms as well, which may choose for patients without having met them.
    """
    model, recipe, card = weights.load("phantom")
    shipped, parts = on_fast_engine(model, recipe, card.rule), []
    for data, cases in {"real": real, "phantom": choice_phantoms()}.items():
        stacks = choose_channels(cases, recipe, MODALITIES)
        for name, (planes, change) in AVERAGING.items() if stacks else ():
            network = dataclasses.replace(
                shipped,
                recipe=dataclasses.replace(recipe, planes=planes),
                rule=dataclasses.replace(shipped.rule, **change),
            )
            scores = score_stacks(network, stacks)
            print(data, name, mean_dice(scores), flush=True)
            parts.append(scores.assign(data=data, averaging=name))
    save("averaging", pd.concat(parts)[["data", "averaging", "case", "region", "dice", "hd95_mm"]], network_seed=SEED)


def compare_tuning(real):
    """What of the fine-tuning is left out, beside `results/leave_one_out.csv`: `results/fine_tuning.csv`."""
    model, recipe, card = weights.load("phantom", precision="float32")
    start, parts = model.get_weights(), []
    # The network that met patients keeps one half.
    rule = dataclasses.replace(card.rule, wt_above=DecisionRule.wt_above)
    last = dataclasses.replace(FINE_TUNING, averaging=0.0)
    for stack in real:
        tuned = rounded(train_real(last, start, real, stack.name, name="real-last-weights").model)
        scores = score_stacks(on_fast_engine(tuned, recipe, rule), choose_channels([stack], recipe, MODALITIES))
        print(stack.name, mean_dice(scores), flush=True)
        parts.append(scores.assign(change="weights not averaged"))
    save("fine_tuning", pd.concat(parts)[["change", "case", "region", "dice", "hd95_mm"]], seed=SEED)
