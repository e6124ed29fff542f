"""How far readers agree beyond chance."""

from collections.abc import Sequence

import numpy as np

__all__ = ["weighted_kappa"]


def weighted_kappa(first: Sequence, second: Sequence, grades: Sequence) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968): 1 - observed over expected squared disagreement.

    A step of two grades counts four times as much as one of one grade. 1 is perfect agreement, 0 what two readers
    reach who give grades as often as these and know nothing, below 0 less than that.

    Parameters
    ----------
    first, second
        Grades of the same items by two readers, in the same order.
    grades
        All grades there are, from worst to best, equally far apart.

    Returns
    -------
    float
        NaN where both readers gave one and the same grade throughout: chance explains everything then.
    """
    if len(first) != len(second) or not len(first):
        raise ValueError(f"the readers graded {len(first)} and {len(second)} items; the same ones are needed")
    places = {grade: place for place, grade in enumerate(grades)}
    if unknown := {*first, *second} - set(places):
        raise ValueError(f"grades hold {', '.join(map(str, unknown))}; they are {list(grades)}")
    a, b = (np.array([places[grade] for grade in side], float) for side in (first, second))
    # Over all pairs of items: what is expected of readers without regard to the item.
    expected = np.mean((a[:, None] - b) ** 2)
    return float(1 - np.mean((a - b) ** 2) / expected) if expected > 0 else float("nan")
