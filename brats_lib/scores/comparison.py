"""Two networks on the same cases: how much the second gains, and whether chance could have done it."""

import itertools

import numpy as np
import pandas as pd

from brats_lib.errors import BratsError
from brats_lib.labels import SCORED
from brats_lib.scores.summary import bootstrap_interval, summarise

__all__ = ["compare", "paired_test"]

# Up to this many cases every assignment of signs is looked at: 65,536 of them.
_EXACT_CASES = 16
_SIGNS_AT_ONCE = 4_000_000


def paired_test(first, second, seed=0, draws=10_000):
    """Mean difference of paired scores, its bootstrap interval and a sign-flip permutation test.

    The test asks how often a mean difference this far from 0, in either direction, would come from chance alone: if
    the two networks were equal, each case's difference could as well have had the other sign (Fisher 1935, section 21).
    With n cases no p-value can be below 2 to the power of 1 - n: .0078 for eight.

    Parameters
    ----------
    first, second : sequence of float
        Scores of the same cases in the same order.
    seed : int
        Seed of the bootstrap, and of the test where it is not exact.
    draws : int
        Bootstrap samples, and random assignments of signs where there are more than 16 cases.

    Returns
    -------
    dict
        `cases`; `difference`, the mean of second minus first, with its 95 % interval `low` and `high`; `p_value`
        (two-sided), exact for up to 16 cases.

    Raises
    ------
    ValueError
        If the lengths differ, there are no scores, or one is not a finite number.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape:
        raise ValueError(f"the scores have shapes {first.shape} and {second.shape}; they must be of the same cases")
    differences = second - first
    mean, low, high = bootstrap_interval(differences, resamples=draws, seed=seed)
    p_value = _sign_flip(differences, seed, draws)
    return {"cases": differences.size, "difference": mean, "low": low, "high": high, "p_value": p_value}


def compare(scores_a, scores_b, score="dice", seed=0, draws=10_000):
    """Compare two networks case by case in every region.

    The p-values are of one comparison each. Regions overlap and are not independent; whoever reads five of them and
    quotes the smallest has tested five times.

    Parameters
    ----------
    scores_a, scores_b : pandas.DataFrame
        Long form as in `scores.csv`: case, region and the score, for the same cases and regions.
    score : str
        Column to compare.
    seed, draws
        See `paired_test`.

    Returns
    -------
    pandas.DataFrame
        One row per region: `region`, `cases`, means `first` and `second`, and as in `paired_test` `difference` (second
        minus first), `low`, `high` and `p_value`.

    Raises
    ------
    BratsError
        If a column or a finite score is missing, a case occurs twice, or the two have different cases or regions: a
        comparison over the cases in common could be chosen to flatter.
    """
    first, second = (_by_case(scores, score) for scores in (scores_a, scores_b))
    for axis, what in ((0, "cases"), (1, "regions")):
        odd = sorted(map(str, first.axes[axis].symmetric_difference(second.axes[axis])))
        if odd:
            found = f"{what} are in one of them only: {', '.join(odd[:3])}{' ...' if len(odd) > 3 else ''}"
            raise BratsError("scores", found, f"the same {what} in both", "Score both networks on the same cases")
    rows = []
    for region in first.columns:
        a, b = first[region], second[region].loc[first.index]
        row = {"region": region, "first": a.mean(), "second": b.mean()} | paired_test(a, b, seed, draws)
        rows.append(row)
    columns = ["region", "cases", "first", "second", "difference", "low", "high", "p_value"]
    return pd.DataFrame(rows, columns=columns)


def _by_case(scores, score):
    """A row per case and a column per region, in the order of `SCORED`; refuses what `summarise` refuses."""
    wanted = ["case", "region", score]
    missing = [name for name in wanted if name not in scores]
    if missing:
        found = f"there is no column '{missing[0]}'"
        raise BratsError("scores", found, f"columns {', '.join(wanted)}", "Give the tables that scoring writes")
    scores = scores[wanted]
    summarise(scores, resamples=1)
    table = scores.pivot(index="case", columns="region", values=score)
    return table[sorted(table.columns, key=lambda name: (*SCORED, name).index(name))]


def _sign_flip(differences, seed, draws):
    """Share of the assignments of signs whose sum is at least as far from 0 as the one seen."""
    # Sums of the same numbers in another order differ by rounding, and must count as equal.
    seen = abs(differences.sum()) - 1e-12 * np.abs(differences).sum()
    n = differences.size
    if n <= _EXACT_CASES:
        # Flipping all signs changes no distance from 0, so one sign can stay as it is.
        signs = np.array(list(itertools.product((1.0,), *[(1.0, -1.0)] * (n - 1))))
        return float(np.mean(np.abs(signs @ differences) >= seen))
    rng = np.random.default_rng(seed)
    hits, step = 0, max(1, _SIGNS_AT_ONCE // n)
    for start in range(0, draws, step):
        signs = rng.choice((-1.0, 1.0), size=(min(step, draws - start), n))
        hits += np.count_nonzero(np.abs(signs @ differences) >= seen)
    # What was seen is one of the assignments, so p is never 0 (Phipson & Smyth 2010).
    return (hits + 1) / (draws + 1)
