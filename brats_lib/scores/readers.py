"""Ratings of masks by readers: their table, how far readers agree, and simulated ones to try the analysis on."""

import itertools

import numpy as np
import pandas as pd

from brats_lib.errors import BratsError
from brats_lib.files import home_path
from brats_lib.scores.agreement import weighted_kappa

__all__ = [
    "COLUMNS", "LIKERT", "PREDICTION", "SIDES", "TRUTH", "agreement", "open_ratings", "read_ratings",
    "simulate_ratings",
]  # fmt: skip

TRUTH, PREDICTION = "truth", "prediction"
SIDES = (TRUTH, PREDICTION)
LIKERT = {
    1: "unusable",
    2: "poor, large corrections",
    3: "fair, several corrections",
    4: "good, small corrections",
    5: "excellent, no correction",
}
# One row for each reader, case and side.
COLUMNS = ("reader", "case", "side", "score", "comment", "rated_at", "revision", "simulated")


def read_ratings(path):
    """Read what the application exported.

    Parameters
    ----------
    path : str or Path
        CSV with the columns `COLUMNS`.

    Returns
    -------
    DataFrame

    Raises
    ------
    BratsError
        If it cannot be read, a column is missing, a score or side is none, or a reader rated a mask twice.
    """
    advice = "Export the ratings from the application again"
    try:
        # Readers and cases may have names that look like numbers.
        table = pd.read_csv(path, keep_default_na=False, dtype={"reader": str, "case": str})
    except (OSError, ValueError) as error:
        raise BratsError(path, f"it cannot be read ({error})", "ratings as CSV", advice) from None
    missing = [column for column in COLUMNS if column not in table]
    if missing or not len(table):
        found = f"there is no column '{missing[0]}'" if missing else "there are no rows"
        raise BratsError(path, found, f"columns {', '.join(COLUMNS)}", advice)
    for column, allowed in (("score", list(LIKERT)), ("side", list(SIDES))):
        unknown = sorted({str(value) for value in table[column] if value not in allowed})
        if unknown:
            found = f"its column '{column}' holds {', '.join(unknown[:3])}"
            raise BratsError(path, found, f"only {', '.join(map(str, allowed))}", advice)
    if (twice := table.duplicated(["reader", "case", "side"])).any():
        row = table[twice].iloc[0]
        raise BratsError(path, f"{row['reader']} rated a mask of {row['case']} twice", "one row for each", advice)
    return table[list(COLUMNS)]


def simulate_ratings(dice, readers=3, seed=0):
    """Ratings that nobody gave, to try the analysis on before physicians give theirs.

    A mask is as good as its whole-tumour Dice; the truth counts as .9, since experts reach .74 to .85 with each other
    (Menze et al. 2015, abstract) and readers find something to correct in any mask. A simulated reader maps Dice
    .3 to .95 on the grades 1 to 5, is stricter or milder than others (standard deviation .4 grades) and wavers (.6).

    Parameters
    ----------
    dice : dict or Series of str to float
        Whole-tumour Dice of each case.
    readers : int
    seed : int

    Returns
    -------
    DataFrame
        With the columns `COLUMNS`; `simulated` is 1 and the readers are called "simulated 1" and so on.
    """
    dice, rng, rows = dict(dice), np.random.default_rng(seed), []
    for reader in range(1, readers + 1):
        lean = rng.normal(0, 0.4)
        for case, side in itertools.product(dice, SIDES):
            quality = 0.9 if side == TRUTH else dice[case]
            grade = 1 + 4 * (quality - 0.3) / 0.65 + lean + rng.normal(0, 0.6)
            score = int(np.clip(round(grade), min(LIKERT), max(LIKERT)))
            rows.append((f"simulated {reader}", case, side, score, "", "", 1, 1))
    return pd.DataFrame(rows, columns=COLUMNS)


def open_ratings(path, dice, seed=0):
    """The ratings of a study where there are any, else simulated ones.

    Parameters
    ----------
    path : str or Path
        Where the export of the application is put.
    dice : dict of str to float
        Whole-tumour Dice of each case, for the simulation.
    seed : int

    Returns
    -------
    DataFrame
    """
    return read_ratings(path) if home_path(path).is_file() else simulate_ratings(dice, seed=seed)


def agreement(ratings):
    """Quadratic weighted kappa of every pair of readers, over the masks that both rated.

    Parameters
    ----------
    ratings : DataFrame
        With the columns `COLUMNS`.

    Returns
    -------
    DataFrame
        Columns first, second, masks, kappa. Kappa is NaN where the two share no mask or gave one grade throughout.
    """
    table = ratings.pivot(index=["case", "side"], columns="reader", values="score")
    rows = []
    for first, second in itertools.combinations(table.columns, 2):
        both = table[[first, second]].dropna()
        kappa = weighted_kappa(both[first].tolist(), both[second].tolist()) if len(both) else np.nan
        rows.append({"first": first, "second": second, "masks": len(both), "kappa": kappa})
    return pd.DataFrame(rows, columns=["first", "second", "masks", "kappa"])
