"""Two networks on the same cases: how much the second gains, and whether chance could have done it."""

import itertools

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from brats_lib.errors import BratsError, some
from brats_lib.labels import SCORED
from brats_lib.scores.summary import RESAMPLES, bootstrap_interval

# Up to this many cases every assignment of signs is looked at: 65,536 of them.
_EXACT_CASES = 16


def paired_test(first: ArrayLike, second: ArrayLike) -> dict[str, float]:
    """Mean difference of paired scores, its bootstrap interval and a sign-flip permutation test.

    The test asks how often a mean difference this far from 0, in either direction, would come from chance alone: if
    the two networks were equal, each case's difference could as well have had the other sign (Fisher 1935, section 21).
    It is exact for up to 16 cases and draws 10,000 assignments of signs, always the same, for more. With n cases no
    p-value can be below 2 to the power of 1 - n: .0078 for eight.

    From finite scores of the same cases in the same order: `cases`; `difference`, the mean of second minus first, with
    its 95 % interval `low` and `high`; `p_value` (two-sided).
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape:
        raise ValueError(f"the scores have shapes {first.shape} and {second.shape}; they must be of the same cases")
    differences = second - first
    mean, low, high = bootstrap_interval(differences)
    return {
        "cases": differences.size, "difference": mean, "low": low, "high": high, "p_value": _sign_flip(differences),
    }  # fmt: skip


def compare(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Compare the Dice of two networks case by case in every region.

    The p-values are of one comparison each. Regions overlap and are not independent; whoever reads five of them and
    quotes the smallest has tested five times.

    From tables in the form of `scores.csv`, one row per region: `region`, `cases`, means `first` and `second`, and as
    in `paired_test` `difference` (second minus first), `low`, `high` and `p_value`.

    Cases or regions that only one of them has are refused: a comparison over those in common could be chosen to
    flatter.
    """
    first, second = (scores.pivot(index="case", columns="region", values="dice") for scores in (first, second))
    for axis, what in ((0, "cases"), (1, "regions")):
        if odd := sorted(map(str, first.axes[axis].symmetric_difference(second.axes[axis]))):
            found = f"{what} are in one of them only: {some(odd)}"
            raise BratsError("scores", found, f"the same {what} in both", "Score both networks on the same cases")
    rows = []
    for region in sorted(first, key=list(SCORED).index):
        a, b = first[region], second[region]
        rows.append({"region": region, "first": a.mean(), "second": b.mean()} | paired_test(a, b))
    return pd.DataFrame(rows)[["region", "cases", "first", "second", "difference", "low", "high", "p_value"]]


def _sign_flip(differences):
    """Share of the assignments of signs whose sum is at least as far from 0 as the one seen."""
    # Sums of the same numbers in another order differ by rounding, and must count as equal.
    seen = abs(differences.sum()) - 1e-12 * np.abs(differences).sum()
    n = differences.size
    if n <= _EXACT_CASES:
        # Flipping all signs changes no distance from 0, so one sign can stay as it is.
        signs = np.array(list(itertools.product((1.0,), *[(1.0, -1.0)] * (n - 1))))
        return float(np.mean(np.abs(signs @ differences) >= seen))
    signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(RESAMPLES, n))
    hits = np.count_nonzero(np.abs(signs @ differences) >= seen)
    # What was seen is one of the assignments, so p is never 0 (Phipson & Smyth 2010).
    return (hits + 1) / (RESAMPLES + 1)
