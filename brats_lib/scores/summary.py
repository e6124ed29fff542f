"""Scores over cases, with intervals, and over training seeds, with their range; nothing is left out of a mean."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from brats_lib.errors import BratsError

RESAMPLES = 10_000


def bootstrap_interval(values: ArrayLike) -> tuple[float, float, float]:
    """Mean over cases and the bounds of its 95 % bootstrap percentile interval (Efron & Tibshirani 1993, chapter 13).

    The interval says how much the mean would vary with other patients of the same kind. It does not know about another
    training seed or another hospital, and is too narrow below about ten cases; that of a single case has no width. The
    same values have the same interval. A value that is no finite number is refused, not dropped.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"values have shape {values.shape}; one score per case is needed")
    if not np.isfinite(values).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(values))} of {values.size} values are not finite numbers")
    mean = float(values.mean())
    if values.size == 1:
        return mean, mean, mean
    rng = np.random.default_rng(0)
    resampled = stats.bootstrap((values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=rng)
    low, high = resampled.confidence_interval
    return mean, float(low), float(high)


def spread(table: pd.DataFrame, by: Sequence[str] = ("region",)) -> pd.DataFrame:
    """Mean, standard deviation and range over training seeds, of the mean Dice over cases.

    The table has a row per seed, or per seed and case, with columns `seed`, `dice` and those of `by`, which tell groups
    apart. The result has one per group, in order of appearance: the columns of `by`, `runs` (how many seeds), `mean`,
    `sd` (n - 1; NaN for a single seed), `min` and `max`.

    Refused are rows without a finite Dice, and seeds of a group that have different cases.
    """
    by = list(by)
    if holes := np.count_nonzero(~np.isfinite(table["dice"].to_numpy(float))):
        found = f"'dice' is no finite number in {holes} of {len(table)} rows"
        raise BratsError("scores", found, "a finite number", "Score the cases again; an empty region has a score too")
    seeds = table.groupby([*by, "seed"], sort=False, dropna=False)
    if "case" in table and "case" not in by:
        cases = seeds["case"].agg(lambda names: tuple(sorted(map(str, names))))
        unlike = cases.groupby(level=by, sort=False, dropna=False).nunique() > 1
        if unlike.any():
            found = f"the seeds of {unlike.idxmax()} have different cases"
            raise BratsError("scores", found, "every case once for every seed", "Score the cases again")
    groups = seeds["dice"].mean().groupby(level=by, sort=False, dropna=False)
    return groups.agg(runs="size", mean="mean", sd="std", min="min", max="max").reset_index()
