"""Does a generator give away whom it learnt from? Attacks that guess membership, and how often they are right."""

import numpy as np
from scipy import stats

__all__ = ["attack_auc", "nearest_distances"]


def attack_auc(members: np.ndarray, others: np.ndarray) -> float:
    """Chance that a member scores higher than somebody who is not (Mann and Whitney 1947); a draw counts half.

    This is the area under the ROC curve of an attack that gives higher scores to whom it takes for a member: 0.5 is
    guessing, 1 is certainty.
    """
    return float(stats.mannwhitneyu(members, others).statistic / (len(members) * len(others)))


def nearest_distances(pictures: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Root mean square difference of each of `pictures` to the nearest of `others`, and which of those it is."""
    one, other = (np.reshape(each, (len(each), -1)).astype(np.float32) for each in (pictures, others))
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    nearest = squares.argmin(1)
    # Once more, directly, for the nearest alone: the difference of large sums has lost the last digits.
    exact = np.array([np.square(a - other[i]).mean() for a, i in zip(one, nearest, strict=True)])
    return np.sqrt(exact), nearest
