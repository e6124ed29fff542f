"""Tables about a cohort: tumour volumes, intensities per tissue, the case that stands for the rest."""

import numpy as np
import pandas as pd
from tqdm import tqdm

from brats_lib.cases import MODALITIES
from brats_lib.cases.brain import zscore
from brats_lib.labels import BACKGROUND, LABEL_NAMES, SCORED, region

__all__ = ["background_share", "intensity_samples", "region_volumes", "typical_case"]

HEALTHY = "healthy brain"


def region_volumes(cohort):
    """Volume of every region and label in every case that has a mask.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    pandas.DataFrame
        Columns case, region (WT, TC, ET, NCR, ED) and volume_ml; the voxel size comes from the header.
    """
    rows = []
    for case in tqdm(cohort.labelled(), desc="Measuring tumours", unit="case"):
        mask, voxel_ml = case.mask(), np.prod(case.spacing) / 1000
        rows += [(case.name, name, region(mask, name).sum() * voxel_ml) for name in SCORED]
    return pd.DataFrame(rows, columns=["case", "region", "volume_ml"])


def typical_case(volumes, names=None):
    """The case whose whole, core and enhancing volumes are nearest to the cohort's medians.

    Parameters
    ----------
    volumes : pandas.DataFrame
        As `region_volumes` returns it.
    names : sequence of str, optional
        Choose among these cases only.

    Returns
    -------
    str
        Name of the case. Distance is the sum of absolute differences of log volumes, so that a factor of two
        counts the same for a small region as for a large one.
    """
    table = volumes.pivot(index="case", columns="region", values="volume_ml")[["WT", "TC", "ET"]]
    logs = np.log10(table.clip(lower=0.01))
    distance = (logs - logs.median()).abs().sum(axis=1)
    return distance.loc[list(names) if names is not None else distance.index].idxmin()


def intensity_samples(cohort, per_tissue=200, seed=0):
    """Random voxels of each tissue in each modality, as z-scores within the brain of their volume.

    Parameters
    ----------
    cohort : Cohort
        Cases with masks.
    per_tissue : int
        Voxels drawn per case, modality and tissue; fewer where a tissue has fewer.
    seed : int
        Seed of the draw.

    Returns
    -------
    pandas.DataFrame
        Columns case, modality, tissue and intensity (standard deviations from the mean of the brain).
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


def background_share(cohort, recipe):
    """Share of background among all voxels of a recipe's slices, which is what predicting nothing scores.

    Parameters
    ----------
    cohort : Cohort
        Cases with masks.
    recipe : Recipe
        Says which slices count.

    Returns
    -------
    float
        Between 0 and 1.
    """
    shares = [
        np.mean(case.mask()[:, :, recipe.first_slice : recipe.stop_slice] == BACKGROUND) for case in cohort.labelled()
    ]
    return float(np.mean(shares))
