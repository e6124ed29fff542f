"""Systems on the same cases: how much one gains over another, and whether chance could have done it."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from brats_lib.errors import BratsError, some
from brats_lib.labels import SCORED
from brats_lib.scores.summary import RESAMPLES, bootstrap_interval

# Up to this many cases every assignment of signs is looked at: 65,536 of them.
_EXACT_CASES = 16
_LEVEL = 0.05
# Fewer trainings than this show too little of what a seed changes.
_FEWEST_SEEDS = 3


class Claim(NamedTuple):
    """A statement that the first of two systems is better than the second."""

    text: str
    first: str
    second: str


def verdicts(scores: pd.DataFrame, claims: Sequence[Claim], score: str = "dice") -> pd.DataFrame:
    """Decide what may be called better: with other trainings and with other cases, by one rule for a whole chapter.

    The table has columns system, seed, case and `score`, a row per training and case; without a column case, a row per
    training. Larger scores are better.

    The variance of a mean difference is the sum of three: that of each system's seeds, and that of the cases'
    differences. What seed and case do together counts twice, which errs on the safe side (Owen 2007). The degrees of
    freedom are Satterthwaite's (1946), the seeds of both systems having no more than those of the one with fewer, so
    that the level holds whatever the ratio of their variances (Hsu 1938). Seeds are not paired: trainings
    of different systems are independent, and where they are not the test is conservative. The analysis of variance of
    Dorfman, Berbaum & Metz (1992) pairs them; with three seeds, the degrees of freedom that Hillis (2007) gives it are
    too many for the small p-values that a correction asks for.

    A row per claim: claim, first, second, `difference` (first minus second), its 95 % interval `low` and `high`,
    `cases`, `seeds` (of the system with fewer), `p_value`, `corrected_p` (by Holm's method for all claims of the call)
    and `verdict`: "better" or "worse" where that is below .05, else "undecided". With fewer than three seeds nothing is
    tested, and interval and p-values are NaN.

    A `BratsError` names systems without scores, and cases that only some trainings of a pair have.
    """
    names = {name for claim in claims for name in claim[1:]}
    scores = scores[scores["system"].isin(names)]
    if "case" not in scores:
        scores = scores.assign(case="all")
    table = scores.pivot(index=["system", "seed"], columns="case", values=score)
    of = {name: part.to_numpy(np.float64) for name, part in table.groupby(level="system")}
    missing, rows = [str(name) for name in sorted(names - set(of))], []
    for claim in [] if missing else claims:
        first, second = of[claim.first], of[claim.second]
        met = ~(np.isnan(first).all(axis=0) & np.isnan(second).all(axis=0))
        for name in claim[1:]:
            for training, case in np.argwhere(np.isnan(of[name]) & met):
                missing.append(f"{name}, seed {table.loc[name].index[training]}, case {table.columns[case]}")
        rows.append(claim._asdict() | _contrast(first[:, met], second[:, met]))
    if missing:
        found = f"scores are missing: {some(dict.fromkeys(missing))}"
        raise BratsError("scores", found, "every case for every training of both systems", "Score them too")
    result = pd.DataFrame(rows)
    result = result.rename(columns={"text": "claim"}).assign(corrected_p=_holm(result["p_value"]))
    words = np.where(result["difference"] > 0, "better", "worse")
    return result.assign(verdict=np.where(result["corrected_p"] < _LEVEL, words, "undecided"))


def _contrast(first, second):
    """Mean difference of two systems, from scores of their seeds (rows) for the same cases (columns)."""
    seeds, cases = min(len(first), len(second)), first.shape[1]
    gains = first.mean(axis=0) - second.mean(axis=0)
    difference, half, p_value = gains.mean(), np.nan, np.nan
    if seeds >= _FEWEST_SEEDS:
        of_seeds = sum(scores.mean(axis=1).var(ddof=1) / len(scores) for scores in (first, second))
        of_cases = gains.var(ddof=1) / cases if cases > 1 else 0.0
        variance = of_seeds + of_cases
        half, p_value = 0.0, 1.0
        # What never varies, but for rounding, was not repeated.
        if variance > 1e-24:
            freedom = variance**2 / (of_seeds**2 / (seeds - 1) + of_cases**2 / max(cases - 1, 1))
            half = stdtrit(freedom, 1 - _LEVEL / 2) * variance**0.5
            p_value = 2 * stdtr(freedom, -abs(difference) / variance**0.5)
    return {
        "difference": difference, "low": difference - half, "high": difference + half, "cases": cases, "seeds": seeds,
        "p_value": p_value,
    }  # fmt: skip


def _holm(p_values):
    """P-values corrected for being several (Holm 1979); those that are NaN count among them and stay NaN."""
    p_values = np.asarray(p_values, np.float64)
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected = np.empty_like(steps)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


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

    From tables in the form of `scores.csv`, one row per region: `region`, `cases`, means `first` and `second`, as in
    `paired_test` `difference` (second minus first), `low`, `high` and `p_value`, and `corrected_p`, by Holm's method
    for all regions of the table.

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
    result = pd.DataFrame(rows)[["region", "cases", "first", "second", "difference", "low", "high", "p_value"]]
    return result.assign(corrected_p=_holm(result["p_value"]))


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
