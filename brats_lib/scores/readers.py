"""Ratings of masks by readers: their table, and how far readers agree."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from brats_lib.errors import BratsError

TRUTH, PREDICTION = "truth", "prediction"
SIDES = (TRUTH, PREDICTION)
LIKERT = {
    1: "unusable",
    2: "poor, large corrections",
    3: "fair, several corrections",
    4: "good, small corrections",
    5: "excellent, no correction",
}
# One row for each reader, case and side; `revision` counts how often the reader rated that mask.
COLUMNS = ("reader", "case", "side", "score", "comment", "rated_at", "revision")


def read_ratings(path: str | Path) -> pd.DataFrame:
    """Read what the application exported: the columns `COLUMNS`, no mask twice by one reader."""
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


def grade_counts(ratings: pd.DataFrame) -> pd.DataFrame:
    """How many of the true and of the predicted masks got each grade: a row for each reader and side."""
    counts = pd.crosstab([ratings["reader"], ratings["side"]], ratings["score"])
    return counts.reindex(columns=list(LIKERT), fill_value=0).rename(columns=lambda grade: f"{grade} {LIKERT[grade]}")


def agreement(ratings: pd.DataFrame) -> pd.DataFrame:
    """Quadratic weighted kappa of every pair of readers, over the masks that both rated.

    Columns are first, second, masks and kappa, which is NaN where two share no mask or gave one grade throughout.
    """
    table = ratings.pivot(index=["case", "side"], columns="reader", values="score")
    rows = []
    for first, second in itertools.combinations(table.columns, 2):
        both = table[[first, second]].dropna()
        kappa = weighted_kappa(both[first].tolist(), both[second].tolist()) if len(both) else np.nan
        rows.append({"first": first, "second": second, "masks": len(both), "kappa": kappa})
    return pd.DataFrame(rows, columns=["first", "second", "masks", "kappa"])


def weighted_kappa(first: Sequence[float], second: Sequence[float]) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968): 1 - observed over expected squared disagreement.

    The grades are numbers, of the same items in the same order. 1 is perfect agreement, 0 what two readers reach who
    give grades as often as these and know nothing, below 0 less than that. NaN where both gave one and the same grade
    throughout: chance explains everything then.
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    # Over all pairs of items: what is expected of readers without regard to the item.
    expected = np.mean((a[:, None] - b) ** 2)
    return float(1 - np.mean((a - b) ** 2) / expected) if expected > 0 else float("nan")
