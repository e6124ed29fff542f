"""What section 6 of the paper claims of its hyper-parameters, and what a study says of each claim.

A claim compares two rows of `tuning.sweep`. It is decided only where all seeds agree and the mean difference is larger
than what a seed changes; with fewer than three seeds nothing is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

SCORE, BASELINE = "val_region_dice", "baseline"
# Fewer seeds than this decide nothing.
SEEDS = 3


class Claim(NamedTuple):
    """One sentence of section 6: with one value of a factor of `tuning.FACTORS` the score is better than with another.

    A value is as in the table, or the position among the factor's values in their order: -1 is the largest.
    """

    factor: str
    text: str
    better: float | str
    worse: float | str


CLAIMS = (
    Claim("learning_rate", "too slow: they'll take forever to learn", BASELINE, 0.0001),
    Claim("learning_rate", "too fast: they might jump to conclusions", BASELINE, 0.01),
    Claim("batch_slices", "smaller batch: better generalization and higher accuracy", 0, BASELINE),
    Claim("batch_slices", "very large batch: reduced accuracy on validation", BASELINE, -1),
    Claim("dropout", "too little (10 %): may fixate on irrelevant details", BASELINE, 0.1),
    Claim("dropout", "too much (50 %): could forget important characteristics", BASELINE, 0.5),
    Claim("dropout", "forces it to learn multiple ways: better than none", BASELINE, 0.0),
    Claim("optimizer", "the choice of optimizer counts: Adam before SGD", BASELINE, "sgd"),
    Claim("optimizer", "the choice of optimizer counts: Adam before RMSprop", BASELINE, "rmsprop"),
    Claim("betas", "tuning beta_1 can lead to better final accuracy: 0.5", "(0.5, 0.999)", BASELINE),
    Claim("betas", "tuning beta_2 can lead to better final accuracy: 0.99", "(0.9, 0.99)", BASELINE),
    Claim("width", "getting these numbers wrong: half as many filters", BASELINE, 0),
    Claim("width", "getting these numbers wrong: twice as many filters", BASELINE, -1),
)


def kept_scores(table: pd.DataFrame) -> pd.DataFrame:
    """One row per training of a `tuning.sweep`: that of the epoch whose weights are kept."""
    kept = table[table["kept"].astype(bool)]
    return kept[["factor", "value", "seed", SCORE, "val_accuracy"]].reset_index(drop=True)


def judge(scores: pd.DataFrame, claims: Sequence[Claim] = CLAIMS) -> pd.DataFrame:
    """Confirmed, refuted or undecided, for each claim, from the scores of `kept_scores`.

    A claim is confirmed where every one of at least three seeds has a difference above 0 and their mean exceeds their
    standard deviation, refuted where the same holds below 0, and undecided otherwise. Columns are factor, section 6,
    compared, difference (mean over seeds), seeds, verdict.
    """
    by_seed, rows = scores.pivot(index="seed", columns=["factor", "value"], values=SCORE), []
    for factor, text, *values in claims:
        names = [_as_in_table(scores, factor, value) for value in values]
        pair = by_seed.reindex(columns=[(BASELINE, "") if name == BASELINE else (factor, name) for name in names])
        gains = (pair.iloc[:, 0] - pair.iloc[:, 1]).dropna()
        rows.append({
            "factor": factor, "section 6": text, "compared": " against ".join(names),
            "difference": gains.mean() if len(gains) else np.nan, "seeds": len(gains), "verdict": _verdict(gains),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _as_in_table(scores, factor, value):
    """The text of a claim's value in the table."""
    if not isinstance(value, int):
        return str(value)
    values = sorted(set(scores.loc[scores["factor"] == factor, "value"]), key=float)
    return values[value] if values else "none"


def _verdict(gains):
    if len(gains) < SEEDS or abs(gains.mean()) <= gains.std(ddof=1):
        return "undecided"
    return "confirmed" if (gains > 0).all() else "refuted" if (gains < 0).all() else "undecided"
