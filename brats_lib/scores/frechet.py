"""How alike two sets of pictures are, by features of theirs: the Fréchet distance and the kernel distance.

On the features of Inception-v3 they are called FID (Heusel et al. 2017) and KID (Bińkowski et al. 2018); on those of
another network they are other numbers and have another name.
"""

import numpy as np
from scipy import linalg

__all__ = ["frechet_distance", "kernel_distance", "position"]


def frechet_distance(first, second):
    """Fréchet distance of the normal distributions with the mean and covariance of two sets of features.

    ``|m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2))`` (Dowson and Landau 1982). It is biased upwards for few samples,
    so compare only sets of equal size.

    Parameters
    ----------
    first, second : arrays of float, shape (n, features)
        At least two rows each.

    Returns
    -------
    float
        0 for equal sets.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    gap = first.mean(0) - second.mean(0)
    one, other = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (first, second))
    # The product has the eigenvalues of sqrt(C1) C2 sqrt(C1), which is symmetric: no complex roots from rounding.
    root = _root(one)
    values = linalg.eigvalsh(root @ other @ root)
    return float(gap @ gap + np.trace(one) + np.trace(other) - 2 * np.sqrt(np.clip(values, 0, None)).sum())


def kernel_distance(first, second):
    """Unbiased squared maximum mean discrepancy with the cubic kernel ``(x.y / features + 1)^3``.

    Bińkowski et al. 2018, section 4: unlike the Fréchet distance, not biased for few samples.

    Parameters
    ----------
    first, second : arrays of float, shape (n, features)
        At least two rows each.

    Returns
    -------
    float
        About 0 for sets of one distribution, by chance below.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)

    def within(rows):
        kernel = _kernel(rows, rows)
        return (kernel.sum() - np.trace(kernel)) / (len(rows) * (len(rows) - 1))

    return float(within(first) + within(second) - 2 * _kernel(first, second).mean())


def position(score, floor, ceiling):
    """Where a score lies between its floor and its ceiling: 0 at the floor, 1 at the ceiling.

    Parameters
    ----------
    score, floor, ceiling : float

    Returns
    -------
    float
    """
    return (score - floor) / (ceiling - floor)


def _kernel(one, other):
    return (one @ other.T / one.shape[1] + 1) ** 3


def _root(matrix):
    values, vectors = linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
