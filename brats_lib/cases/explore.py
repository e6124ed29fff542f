"""Tables about a cohort's cases with masks: tumour volumes, intensities per tissue, the case that is most typical."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from brats_lib.cases import MODALITIES, Cohort
from brats_lib.cases.brain import zscore
from brats_lib.labels import BACKGROUND, LABEL_NAMES, SCORED, region
from brats_lib.recipes import Recipe

HEALTHY = "healthy brain"


def region_volumes(cohort: Cohort) -> pd.DataFrame:
    """Volume of every region and label in every case, as columns case, region (WT, TC, ET, NCR, ED) and volume_ml."""
    rows = []
    for case in tqdm(cohort.labelled(), desc="Measuring tumours", unit="case"):
        mask, voxel_ml = case.mask(), np.prod(case.spacing) / 1000
        rows += [(case.name, name, region(mask, name).sum() * voxel_ml) for name in SCORED]
    return pd.DataFrame(rows, columns=["case", "region", "volume_ml"])


def typical_case(volumes: pd.DataFrame, names: Sequence[str] | None = None) -> str:
    """The case whose whole, core and enhancing volumes are nearest to the cohort's medians.

    Distance is the sum of absolute differences of log volumes, so that a factor of two counts the same for a small
    region as for a large one. `volumes` is as `region_volumes` returns it; `names` are the only cases to choose from.
    """
    table = volumes.pivot(index="case", columns="region", values="volume_ml")[["WT", "TC", "ET"]]
    logs = np.log10(table.clip(lower=0.01))
    distance = (logs - logs.median()).abs().sum(axis=1)
    return distance.loc[list(names) if names is not None else distance.index].idxmin()


def intensity_samples(cohort: Cohort, per_tissue: int = 200, seed: int = 0) -> pd.DataFrame:
    """Random voxels of each tissue in each modality, as z-scores within the brain of their volume.

    Columns case, modality, tissue and intensity; `per_tissue` voxels are drawn per case, modality and tissue, fewer
    where a tissue has fewer.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for case in tqdm(cohort.labelled(), desc="Sampling intensities", unit="case"):
        mask, volumes = case.mask(), case.volumes(MODALITIES)
        brain = np.all([volume > 0 for volume in volumes.values()], axis=0)
        scores = {modality: zscore(volume).ravel() for modality, volume in volumes.items()}
        for label, name in LABEL_NAMES.items():
            voxels = np.flatnonzero((mask == label) & brain)
            voxels = rng.choice(voxels, min(per_tissue, voxels.size), replace=False)
            tissue = HEALTHY if label == BACKGROUND else name
            for modality, score in scores.items():
                columns = {"case": case.name, "modality": modality, "tissue": tissue, "intensity": score[voxels]}
                frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def background_share(cohort: Cohort, recipe: Recipe) -> float:
    """Share of background among all voxels of a recipe's slices, 0-1, which is what predicting nothing scores."""
    slices = slice(recipe.first_slice, recipe.stop_slice)
    return float(np.mean([np.mean(case.mask()[:, :, slices] == BACKGROUND) for case in cohort.labelled()]))
