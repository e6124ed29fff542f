"""The threshold of the whole tumour: chosen on some of the real cases, reported on the others.

Phantoms are outlined as exactly as the network learns, so they cannot say how much it hesitates before the faint edema
of patients. Eight cases are few: what is chosen on all of them flatters when it is reported on them. So each case is
scored with the threshold that four of the other seven would have chosen, in all 35 ways to name the four. Where that is
no better than one half, one half it is.
"""

import dataclasses
import itertools

import pandas as pd

from brats_lib.labels import REGIONS
from brats_lib.prediction.inference import predict_stack
from brats_lib.prediction.postprocess import regions_to_mask
from experiments.scoring import score_stack_mask

__all__ = ["WT_ABOVE", "best_threshold", "chosen_by_others", "decide", "score_thresholds"]

# The first of equals is chosen: one half, unless another is better.
WT_ABOVE = (0.5, 0.4, 0.3)
JUDGES = 4


def decide(table):
    """Choose the threshold, and scores of each case that had no part in choosing it.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `score_thresholds`.

    Returns
    -------
    wt_above : float
    scores : pandas.DataFrame
        The columns of `scores.csv`.
    how : str
        How the threshold of those scores came about.
    """
    by_convention = table[table["wt_above"] == WT_ABOVE[0]].drop(columns="wt_above").reset_index(drop=True)
    others = min(JUDGES, table["case"].nunique() - 1)
    if others:
        by_others = chosen_by_others(table, others)
        if _mean_dice(by_others) > _mean_dice(by_convention):
            how = f"WT from the probability that {others} others would choose, all ways averaged"
            return best_threshold(table), by_others, how
    return WT_ABOVE[0], by_convention, "WT from one half"


def _mean_dice(scores):
    return scores.loc[scores["region"].isin(REGIONS), "dice"].mean()


def score_thresholds(network, stacks):
    """Scores of a network with every threshold.

    Parameters
    ----------
    network : Network
        Of a `NativeRecipe`.
    stacks : list of Stack
        Labelled, with the recipe's modalities.

    Returns
    -------
    pandas.DataFrame
        The columns of `scores.csv`, and `wt_above`.
    """
    rows = []
    for stack in stacks:
        found = predict_stack(network, stack)
        for above in WT_ABOVE:
            mask = regions_to_mask(found, dataclasses.replace(network.rule, wt_above=above))
            rows += [{"wt_above": above, **row} for row in score_stack_mask(mask, stack)]
    return pd.DataFrame(rows)


def best_threshold(table, cases=None):
    """The threshold with the highest mean Dice of the three regions.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `score_thresholds`.
    cases : collection of str, optional
        Those that it is chosen on; all where omitted.

    Returns
    -------
    float
    """
    chosen = table[table["region"].isin(REGIONS) & (True if cases is None else table["case"].isin(cases))]
    return float(chosen.groupby("wt_above", sort=False)["dice"].mean().idxmax())


def chosen_by_others(table, judges):
    """Scores of each case with thresholds that it had no part in choosing.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `score_thresholds`.
    judges : int
        How many of the other cases choose together.

    Returns
    -------
    pandas.DataFrame
        The columns of `scores.csv`: of each case and region the mean over all groups of so many others.
    """
    names, parts = table["case"].unique(), []
    for name in names:
        others = [other for other in names if other != name]
        groups = itertools.combinations(others, judges)
        own = table[table["case"] == name]
        parts += [own[own["wt_above"] == best_threshold(table, group)] for group in groups]
    scores = pd.concat(parts).drop(columns="wt_above")
    return scores.groupby(["case", "region"], sort=False).mean().reset_index()
