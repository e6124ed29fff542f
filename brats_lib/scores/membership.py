"""Does a generator give away whom it learnt from? Attacks that guess membership, and how often they are right."""

import numpy as np
from scipy import stats

__all__ = ["attack_auc", "auc_interval", "nearest_distances"]


def attack_auc(members, others):
    """Chance that a member scores higher than somebody who is not (Mann and Whitney 1947); a draw counts half.

    Parameters
    ----------
    members, others : arrays of float, shapes (n,) and (m,)
        An attack's scores, higher for whom it takes for a member.

    Returns
    -------
    float
        Area under the ROC curve: 0.5 is guessing, 1 is certainty.
    """
    ranked = stats.mannwhitneyu(members, others).statistic
    return float(ranked / (len(members) * len(others)))


def auc_interval(members, others, member_case, other_case, draws=1000, seed=0):
    """95 % bootstrap interval of `attack_auc`, drawing cases and not slices, which are alike within a case.

    Parameters
    ----------
    members, others : arrays of float, shapes (n,) and (m,)
    member_case, other_case : arrays, shapes (n,) and (m,)
        Which case each slice is of.
    draws : int
    seed : int

    Returns
    -------
    (float, float)
    """
    rng = np.random.default_rng(seed)
    sides = []
    for scores, cases in ((members, member_case), (others, other_case)):
        scores, cases = np.asarray(scores, float), np.asarray(cases)
        sides.append([scores[cases == case] for case in np.unique(cases)])
    found = []
    for _ in range(draws):
        drawn = [np.concatenate([side[i] for i in rng.integers(len(side), size=len(side))]) for side in sides]
        found.append(attack_auc(*drawn))
    low, high = np.percentile(found, (2.5, 97.5))
    return float(low), float(high)


def nearest_distances(pictures, others):
    """Root mean square difference of each picture to the nearest of others.

    Parameters
    ----------
    pictures : array of float, shape (n, ...)
    others : array of float, shape (m, ...)

    Returns
    -------
    distances : array of float, shape (n,)
    nearest : array of int, shape (n,)
        Index into `others`.
    """
    one, other = (np.reshape(each, (len(each), -1)).astype(np.float32) for each in (pictures, others))
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    nearest = squares.argmin(1)
    # Once more, directly, for the nearest alone: the difference of large sums has lost the last digits.
    exact = np.array([np.square(a - other[i]).mean() for a, i in zip(one, nearest, strict=True)])
    return np.sqrt(exact), nearest
