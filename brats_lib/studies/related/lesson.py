"""The related systems in minutes: trained for a few steps, tried on one case."""

import dataclasses
import time

import numpy as np
import pandas as pd
from tqdm import tqdm

from brats_lib.errors import BratsError
from brats_lib.labels import REGIONS
from brats_lib.scores.challenge import score_mask
from brats_lib.studies.related.fitting import fit_system
from brats_lib.studies.related.histograms import learn_landmarks, match_landmarks
from brats_lib.studies.related.predicting import predict_classes, to_mask
from brats_lib.studies.related.systems import SYSTEMS

__all__ = ["match_stacks", "train_briefly"]


def match_stacks(stacks, landmarks):
    """Stacks with their intensities matched, see `related.histograms`; as small in memory as before."""
    return [
        dataclasses.replace(stack, images=match_landmarks(stack.images, landmarks).astype(np.float16))
        for stack in stacks
    ]


def train_briefly(names, stacks, tested, steps, seed=0):
    """Train systems for so many steps each and segment one case with them.

    Parameters
    ----------
    names : sequence of str
        Keys of `SYSTEMS`; what a system is built on comes before it.
    stacks : sequence of brats_lib.slices.stacks.Stack
        To learn from, with labels and all four modalities.
    tested : brats_lib.slices.stacks.Stack
        With labels.
    steps : int
        Of each training.
    seed : int
        Of weights, blocks and dropout.

    Returns
    -------
    table : pandas.DataFrame
        A row per system: its title, parameters, loss of the first and of the last batches, seconds of training and of
        prediction, Dice of WT, TC and ET.
    masks : dict of str to array of uint8, shape (x, y, z)
        Title to labels of the tested case.

    Raises
    ------
    BratsError
        If a name is not known, or what a system is built on does not come before it.
    """
    landmarks, models, rows, masks = learn_landmarks(stacks), {}, [], {}
    for name in tqdm(names, desc="Training systems", unit="system"):
        system = SYSTEMS.get(name)
        if system is None or (system.built_on and system.built_on not in models):
            found = "there is none of that name" if system is None else f"{system.built_on} does not come before it"
            advice = f"Choose of {', '.join(SYSTEMS)}"
            raise BratsError(f"system '{name}'", found, "a system, after the one that it is built on", advice)
        learning, case = list(stacks), tested
        if system.matched:
            *learning, case = match_stacks([*stacks, tested], landmarks)
        fitted = fit_system(system, learning, steps, seed, models.get(system.built_on))
        models[name] = fitted.model
        start = time.perf_counter()
        mask = to_mask(predict_classes(system.dense(fitted.model), case.images, system))
        seconds = time.perf_counter() - start
        masks[system.title] = mask
        dice = {row["region"]: row["dice"] for row in score_mask(mask, tested.labels, (1.0, 1.0, 1.0))}
        rows.append(
            {
                "system": system.title,
                "parameters": fitted.model.count_params(),
                "first loss": fitted.losses[0],
                "last losses": fitted.losses[-5:].mean(),
                "training (s)": 60 * fitted.minutes,
                "prediction (s)": seconds,
                **{f"Dice {region}": dice[region] for region in REGIONS},
            }
        )
    return pd.DataFrame(rows), masks
