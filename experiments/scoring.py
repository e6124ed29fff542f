"""Scores of a network on standardised cases, on their native grid."""

import dataclasses
import itertools

import numpy as np
import pandas as pd

from brats_lib.prediction import fast
from brats_lib.prediction.inference import predict_stack
from brats_lib.prediction.networks import Network
from brats_lib.prediction.postprocess import regions_to_mask
from brats_lib.recipes import DecisionRule
from brats_lib.scores.challenge import score_mask

__all__ = ["choose_channels", "on_fast_engine", "score_stack_mask", "score_stacks"]

SPACING = (1.0, 1.0, 1.0)


def choose_channels(stacks, recipe, modalities):
    """The same stacks with the recipe's modalities alone."""
    wanted = [modalities.index(modality) for modality in recipe.modalities]
    return [dataclasses.replace(stack, images=np.asarray(stack.images)[..., wanted]) for stack in stacks]


def on_fast_engine(model, recipe, rule=None):
    """A trained network on OpenVINO where that is at hand: a study scores hundreds of cases.

    Returns
    -------
    brats_lib.prediction.networks.Network
    """
    rule = rule or DecisionRule()
    if fast.problem():
        return Network(model, recipe, rule)
    arrays = {variable.path: value for variable, value in zip(model.weights, model.get_weights(), strict=True)}
    precision = "bfloat16" if model.layers[1].dtype_policy.name == "mixed_bfloat16" else "float32"
    return Network(fast.FastNetwork(arrays, recipe, precision), recipe, rule)


def score_stack_mask(mask, stack):
    """Rows of `scores.csv` for one case, of a predicted mask."""
    return [{"case": stack.name, **row} for row in score_mask(mask, np.asarray(stack.labels), SPACING)]


def score_stacks(network, stacks):
    """Scores of a network on cases that have its recipe's modalities.

    Returns
    -------
    pandas.DataFrame
        The columns of `scores.csv`.
    """
    masks = (regions_to_mask(predict_stack(network, stack), network.rule) for stack in stacks)
    rows = (score_stack_mask(mask, stack) for mask, stack in zip(masks, stacks, strict=True))
    return pd.DataFrame(itertools.chain.from_iterable(rows))
