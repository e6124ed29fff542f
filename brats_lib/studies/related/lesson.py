"""The related systems in minutes: trained for a few steps, tried on one case."""

import time
from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from brats_lib.errors import BratsError
from brats_lib.labels import REGIONS
from brats_lib.scores.challenge import score_mask
from brats_lib.slices.stacks import Stack
from brats_lib.studies.related.fitting import fit_system
from brats_lib.studies.related.histograms import learn_landmarks, match_stacks
from brats_lib.studies.related.predicting import predict_classes, to_mask
from brats_lib.studies.related.systems import SYSTEMS

__all__ = ["train_briefly"]


def train_briefly(
    names: Sequence[str], stacks: Sequence[Stack], tested: Stack, steps: int, seed: int = 0
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Train systems for so many steps each and segment one case with them.

    Parameters
    ----------
    names
        Keys of `SYSTEMS`; what a system is built on comes before it.
    stacks, tested
        What to learn from and what to segment, with labels and all four modalities.
    seed
        Of weights, blocks and dropout.

    Returns
    -------
    table
        A row per system: its title, parameters, loss of the first and of the last batches, seconds of training and of
        prediction, Dice of WT, TC and ET.
    masks
        Title to labels of the tested case.
    """
    models: dict[str, keras.Model] = {}
    landmarks, rows, masks = learn_landmarks(stacks), [], {}
    for name in tqdm(names, desc="Training systems", unit="system"):
        system = SYSTEMS.get(name)
        if system is None or (system.built_on and system.built_on not in models):
            found = "there is none of that name" if system is None else f"{system.built_on} does not come before it"
            advice = f"Choose of {', '.join(SYSTEMS)}"
            raise BratsError(f"system '{name}'", found, "a system, after the one that it is built on", advice)
        *learning, case = match_stacks([*stacks, tested], landmarks) if system.matched else [*stacks, tested]
        fitted = fit_system(system, learning, steps, seed, models.get(system.built_on))
        models[name] = fitted.model
        start = time.perf_counter()
        mask = masks[system.title] = to_mask(predict_classes(system.dense(fitted.model), case.images, system))
        seconds = time.perf_counter() - start
        dice = {row["region"]: row["dice"] for row in score_mask(mask, np.asarray(tested.labels), (1.0, 1.0, 1.0))}
        rows.append({
            "system": system.title, "parameters": fitted.model.count_params(), "first loss": fitted.losses[0],
            "last losses": fitted.losses[-5:].mean(), "training (s)": 60 * fitted.minutes, "prediction (s)": seconds,
            **{f"Dice {region}": dice[region] for region in REGIONS},
        })  # fmt: skip
    return pd.DataFrame(rows), masks
