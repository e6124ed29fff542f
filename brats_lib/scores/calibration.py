"""Calibration: whether of all voxels that are given a probability of 0.8, eight in ten are tumour.

A case's table has a row per bin of probability. Tables of several cases add up to the one that pooling their voxels
would have given, so no more than one case need be in memory.
"""

import numpy as np
import pandas as pd

__all__ = ["expected_calibration_error", "pooled", "reliability"]

# Voxels worked on at once; bounds memory, not the result.
_VOXELS_AT_ONCE = 1_000_000


def reliability(probabilities, truth, bins=10, inside=None):
    """Compare the probability of a region with how often it is there, in bins of probability.

    Parameters
    ----------
    probabilities : array of float, any shape
        Probability of the region in each voxel, in 0-1; float16 is enough.
    truth : array of bool, same shape
        Where the region is.
    bins : int
        Bins of equal width; each holds its lower bound, the last one 1 as well.
    inside : array of bool, same shape, optional
        Voxels that count, usually the brain: outside it nothing is in doubt.

    Returns
    -------
    pandas.DataFrame
        One row per bin: `lower` and `upper` bound, mean `probability` and observed `frequency` (0-1, NaN where the bin
        is empty), and number of `voxels`.

    Raises
    ------
    ValueError
        If the shapes differ, `bins` is not at least 1, or a probability that counts is outside 0-1.
    """
    probabilities, truth = np.asarray(probabilities), np.asarray(truth, bool)
    inside = ... if inside is None else np.asarray(inside, bool)
    shapes = [probabilities.shape, truth.shape, truth.shape if inside is ... else inside.shape]
    if len(set(shapes)) > 1:
        raise ValueError(f"probabilities, truth and inside have shapes {', '.join(map(str, shapes))}; they must agree")
    if bins < 1:
        raise ValueError(f"bins is {bins}; it must be at least 1")
    probabilities, truth = probabilities[inside].ravel(), truth[inside].ravel()
    edges = np.linspace(0, 1, bins + 1)
    voxels, expected, observed = np.zeros((3, bins))
    for start in range(0, truth.size, _VOXELS_AT_ONCE):
        part = slice(start, start + _VOXELS_AT_ONCE)
        # Sums of float16 would lose what is counted.
        chance, there = probabilities[part].astype(np.float64), truth[part]
        # A softmax may exceed 1 by rounding; the negated form also catches NaN.
        if not (chance.min() >= 0 and chance.max() <= 1 + 1e-3):
            raise ValueError(f"probabilities range from {chance.min()} to {chance.max()}; they must be within 0-1")
        chance = np.minimum(chance, 1)
        at = np.searchsorted(edges[1:-1], chance, side="right")
        voxels += np.bincount(at, minlength=bins)
        expected += np.bincount(at, chance, minlength=bins)
        observed += np.bincount(at, there, minlength=bins)
    return _table(edges[:-1], edges[1:], voxels, expected, observed)


def pooled(tables):
    """Add up the tables of several cases.

    Parameters
    ----------
    tables : iterable of pandas.DataFrame
        As `reliability` returns them, all with the same bins.

    Returns
    -------
    pandas.DataFrame
        The table of all their voxels together. Large brains weigh more; a mean over cases would not be a frequency.

    Raises
    ------
    ValueError
        If there is no table or the bins differ.
    """
    tables = list(tables)
    if not tables:
        raise ValueError("there are no tables to pool")
    lower, upper = tables[0]["lower"].to_numpy(), tables[0]["upper"].to_numpy()
    if any(not np.array_equal(table["lower"], lower) for table in tables):
        raise ValueError(f"the tables have {', '.join(str(len(table)) for table in tables)} bins that differ")
    voxels = sum(table["voxels"].to_numpy(np.float64) for table in tables)
    expected, observed = (
        sum((table[name].fillna(0) * table["voxels"]).to_numpy() for table in tables)
        for name in ("probability", "frequency")
    )
    return _table(lower, upper, voxels, expected, observed)


def expected_calibration_error(table):
    """Mean distance between probability and frequency over the bins, weighted by voxels (Naeini et al. 2015).

    Hides the tumour where the whole brain counts: most voxels are healthy, and a probability near 0 is right for
    them. It is comparable between networks on the same voxels only, and says nothing about how many of them are found:
    giving every voxel the region's share of the brain scores 0.

    Parameters
    ----------
    table : pandas.DataFrame
        As `reliability` or `pooled` returns it.

    Returns
    -------
    float
        In 0-1, 0 for perfect calibration; NaN where there are no voxels.
    """
    voxels = table["voxels"].to_numpy(np.float64)
    if not voxels.sum():
        return float("nan")
    gaps = (table["probability"] - table["frequency"]).abs().fillna(0).to_numpy()
    return float(np.average(gaps, weights=voxels))


def _table(lower, upper, voxels, expected, observed):
    filled = np.where(voxels > 0, voxels, np.nan)
    return pd.DataFrame({
        "lower": lower, "upper": upper, "probability": expected / filled, "frequency": observed / filled,
        "voxels": voxels.astype(np.int64),
    })  # fmt: skip
