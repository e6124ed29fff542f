"""Calibration: whether of all voxels that are given a probability of 0.8, eight in ten are tumour.

A case's table has a row per bin of probability: its `lower` and `upper` bound, the mean `probability` and the observed
`frequency` of the region (0-1, NaN where the bin is empty), and the number of `voxels`. Tables of several cases add up
to the one that pooling their voxels would have given, so no more than one case need be in memory.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd


def reliability(
    probabilities: np.ndarray, truth: np.ndarray, bins: int = 10, inside: np.ndarray | None = None
) -> pd.DataFrame:
    """Compare the probability of a region with how often it is there, in bins of probability.

    Parameters
    ----------
    probabilities, truth
        Probability of the region in each voxel, 0-1, of which float16 is enough, and where the region is.
    bins
        Bins of equal width; each holds its lower bound, the last one 1 as well.
    inside
        Voxels that count, usually the brain: outside it nothing is in doubt. All where omitted.
    """
    inside = np.ones_like(truth, bool) if inside is None else inside
    # Sums of float16 would lose what is counted.
    chance, there = probabilities[inside].astype(np.float64), truth[inside]
    # A softmax may exceed 1 by rounding; the negated form also catches NaN.
    if chance.size and not (chance.min() >= 0 and chance.max() <= 1 + 1e-3):
        raise ValueError(f"probabilities range from {chance.min()} to {chance.max()}; they must be within 0-1")
    edges = np.linspace(0, 1, bins + 1)
    at = np.searchsorted(edges[1:-1], chance, side="right")
    sums = (np.bincount(at, weights, bins) for weights in (None, np.minimum(chance, 1), there))
    return _table(edges[:-1], edges[1:], *sums)


def pooled(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The table of all voxels of several cases together; large brains weigh more."""
    voxels = pd.concat(tables)
    for name in ("probability", "frequency"):
        voxels[name] = voxels[name].fillna(0) * voxels["voxels"]
    sums = voxels.groupby(["lower", "upper"], as_index=False).sum()
    return _table(*(sums[name].to_numpy() for name in ("lower", "upper", "voxels", "probability", "frequency")))


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Mean distance between probability and frequency over the bins, weighted by voxels (Naeini et al. 2015).

    In 0-1, 0 for perfect calibration, NaN where there are no voxels. It hides the tumour where the whole brain counts:
    most voxels are healthy, and a probability near 0 is right for them. It is comparable between networks on the same
    voxels only, and giving every voxel the region's share of the brain scores 0.
    """
    if not table["voxels"].sum():
        return float("nan")
    gaps = (table["probability"] - table["frequency"]).abs().fillna(0)
    return float(np.average(gaps, weights=table["voxels"]))


def _table(lower, upper, voxels, expected, observed):
    filled = np.where(voxels > 0, voxels, np.nan)
    return pd.DataFrame({
        "lower": lower, "upper": upper, "probability": expected / filled, "frequency": observed / filled,
        "voxels": voxels.astype(np.int64),
    })  # fmt: skip
