"""Two networks on the same cases: how much the second gains, and whether chance could have done it."""

import itertools

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from brats_lib.errors import BratsError, some
from brats_lib.labels import SCORED
from brats_lib.scores.summary import RESAMPLES, bootstrap_interval

__all__ = ["compare", "paired_test"]

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

    Raises
    ------
    BratsError
        If a column or a finite score is missing, a case occurs twice, or the two have different cases or regions: a
        comparison over the cases in common could be chosen to flatter.
    """
    first, second = _by_case(first), _by_case(second)
    for axis, what in ((0, "cases"), (1, "regions")):
        if odd := sorted(map(str, first.axes[axis].symmetric_difference(second.axes[axis]))):
            found = f"{what} are in one of them only: {some(odd)}"
            raise BratsError("scores", found, f"the same {what} in both", "Score both networks on the same cases")
    rows = []
    for region in first:
        a, b = first[region], second[region].loc[first.index]
        rows.append({"region": region, "first": a.mean(), "second": b.mean()} | paired_test(a, b))
    return pd.DataFrame(rows)[["region", "cases", "first", "second", "difference", "low", "high", "p_value"]]


def _by_case(scores):
    """A row per case and a column per region, in the order of `SCORED`, without a hole."""
    wanted = ["case", "region", "dice"]
    if missing := [name for name in wanted if name not in scores]:
        found = f"there is no column '{missing[0]}'"
        raise BratsError("scores", found, f"columns {', '.join(wanted)}", "Give the tables that scoring writes")
    if len(twice := scores[scores.duplicated(["case", "region"])]):
        found = f"case {twice['case'].iloc[0]} occurs twice in region {twice['region'].iloc[0]}"
        raise BratsError("scores", found, "one row per case and region", "Remove one of the rows")
    if not len(scores):
        raise BratsError("scores", "there are no rows", "one row per case and region", "Score at least one case first")
    # A table that was read may have texts where it has holes.
    table = scores.assign(dice=pd.to_numeric(scores["dice"], errors="coerce"))
    table = table.pivot(index="case", columns="region", values="dice")
    if len(holes := np.argwhere(~np.isfinite(table.to_numpy()))):
        case, region = table.index[holes[0][0]], table.columns[holes[0][1]]
        found = f"case {case} has no finite Dice of region {region}"
        raise BratsError("scores", found, "one for every case and region", "Score the cases again")
    return table[sorted(table.columns, key=lambda name: (*SCORED, name).index(name))]


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
