"""What section 6 of the paper claims of its hyper-parameters, and what a study says of each claim.

A claim compares two rows of `tuning.sweep`. It is decided only where all seeds agree and the mean difference is larger
than what a seed changes; with one seed nothing is.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["CLAIMS", "Claim", "compare", "judge", "kept_scores"]

SCORE = "val_region_dice"
# Fewer seeds than this decide nothing.
SEEDS = 3


@dataclass(frozen=True)
class Claim:
    """One sentence of section 6 as a comparison.

    Attributes
    ----------
    factor : str
        Of `tuning.FACTORS`.
    text : str
        What the paper says.
    better, worse : int, float, str or "baseline"
        The rows that the sentence compares. Numbers below 0 count from the factor's last value: -1 is the largest.
    """

    factor: str
    text: str
    better: object
    worse: object


CLAIMS = (
    Claim("learning_rate", "too slow: they'll take forever to learn", "baseline", 0.0001),
    Claim("learning_rate", "too fast: they might jump to conclusions", "baseline", 0.01),
    Claim("batch_slices", "smaller batch: better generalization and higher accuracy", 0, "baseline"),
    Claim("batch_slices", "very large batch: reduced accuracy on validation", "baseline", -1),
    Claim("dropout", "too little (10 %): may fixate on irrelevant details", "baseline", 0.1),
    Claim("dropout", "too much (50 %): could forget important characteristics", "baseline", 0.5),
    Claim("dropout", "forces it to learn multiple ways: better than none", "baseline", 0.0),
    Claim("optimizer", "the choice of optimizer counts: Adam before SGD", "baseline", "sgd"),
    Claim("optimizer", "the choice of optimizer counts: Adam before RMSprop", "baseline", "rmsprop"),
    Claim("betas", "tuning beta_1 can lead to better final accuracy: 0.5", "(0.5, 0.999)", "baseline"),
    Claim("betas", "tuning beta_2 can lead to better final accuracy: 0.99", "(0.9, 0.99)", "baseline"),
    Claim("width", "getting these numbers wrong: half as many filters", "baseline", 0),
    Claim("width", "getting these numbers wrong: twice as many filters", "baseline", -1),
)


def kept_scores(table):
    """One row per training of a sweep.

    Parameters
    ----------
    table : DataFrame
        Of `tuning.sweep`.

    Returns
    -------
    DataFrame
        factor, value, seed, and val_region_dice and val_accuracy of the epoch whose weights are kept.
    """
    return table.loc[table["kept"].astype(bool), ["factor", "value", "seed", SCORE, "val_accuracy"]].reset_index(
        drop=True
    )


def compare(scores, claim):
    """By how much a claim's better row is better, one number per seed.

    Parameters
    ----------
    scores : DataFrame
        Of `kept_scores`.
    claim : Claim

    Returns
    -------
    array of float, shape (seeds,)
        Differences of the score of the weights that are kept; empty where a row was not trained.
    """
    better, worse = (_row(scores, claim, which) for which in (claim.better, claim.worse))
    both = pd.concat([better, worse], axis=1, keys=["better", "worse"]).dropna()
    return (both["better"] - both["worse"]).to_numpy()


def judge(scores, claims=CLAIMS):
    """Confirmed, refuted or undecided, for each claim.

    Parameters
    ----------
    scores : DataFrame
        Of `kept_scores`.
    claims : sequence of Claim

    Returns
    -------
    DataFrame
        factor, claim, compared, difference (mean over seeds), seeds, verdict. A claim is confirmed where every one of
        at least three seeds has a difference above 0 and their mean exceeds their standard deviation, refuted where
        the same holds below 0, and undecided otherwise.
    """
    rows = []
    for claim in claims:
        gains = compare(scores, claim)
        names = [_name(scores, claim.factor, which) for which in (claim.better, claim.worse)]
        rows.append(
            {"factor": claim.factor, "section 6": claim.text, "compared": f"{names[0]} against {names[1]}",
             "difference": gains.mean() if len(gains) else np.nan, "seeds": len(gains),
             "verdict": _verdict(gains)}
        )  # fmt: skip
    return pd.DataFrame(rows)


def _verdict(gains):
    if len(gains) < SEEDS or abs(gains.mean()) <= gains.std(ddof=1):
        return "undecided"
    return "confirmed" if (gains > 0).all() else "refuted" if (gains < 0).all() else "undecided"


def _name(scores, factor, which):
    """The text of a value in the table."""
    if which == "baseline":
        return which
    if isinstance(which, int):
        values = sorted(set(scores.loc[scores["factor"] == factor, "value"]), key=float)
        return values[which] if values else "none"
    return str(which)


def _row(scores, claim, which):
    name = _name(scores, claim.factor, which)
    factor, value = ("baseline", "") if name == "baseline" else (claim.factor, name)
    rows = scores[(scores["factor"] == factor) & (scores["value"] == value)]
    return rows.set_index("seed")[SCORE]
