"""How alike two sets of pictures are, by features of theirs: the Fréchet distance and the kernel distance.

On the features of Inception-v3 they are called FID (Heusel et al. 2017) and KID (Bińkowski et al. 2018); on those of
another network they are other numbers and have another name. Features have the shape (pictures, features), with two
rows or more.
"""

import numpy as np

__all__ = ["frechet_distance", "kernel_distance"]


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of the normal distributions with the mean and covariance of two sets of features.

    ``|m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2))`` (Dowson and Landau 1982); 0 for equal sets. It is biased upwards
    for few samples, so compare only sets of equal size.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    gap = first.mean(0) - second.mean(0)
    one, other = ((each - each.mean(0)) / np.sqrt(len(each) - 1) for each in (first, second))
    # C1 is one.T @ one, so the last trace is the sum of these singular values: no matrix has to have a root.
    shared = np.linalg.norm(one @ other.T, "nuc")
    return float(gap @ gap + np.square(one).sum() + np.square(other).sum() - 2 * shared)


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy with the cubic kernel ``(x.y / features + 1)^3``.

    About 0 for sets of one distribution, by chance below. Bińkowski et al. 2018, section 4: unlike the Fréchet
    distance, it is not biased for few samples.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)

    def kernel(one, other):
        return (one @ other.T / one.shape[1] + 1) ** 3

    def within(rows):
        pairs = kernel(rows, rows)
        return (pairs.sum() - np.trace(pairs)) / (len(rows) * (len(rows) - 1))

    return float(within(first) + within(second) - 2 * kernel(first, second).mean())
