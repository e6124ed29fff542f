"""How far readers agree beyond chance."""

from collections.abc import Sequence

import numpy as np

__all__ = ["weighted_kappa"]


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
