"""Distances of sets of features: the closed formulas, and plain loops."""

import numpy as np
import pytest
from scipy import linalg

from brats_lib.scores.frechet import frechet_distance, kernel_distance


def test_frechet_distance_is_the_formula_with_a_matrix_root():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4))
    second = rng.normal(size=(60, 4)) + 0.5
    one, other = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    gap = np.square(first.mean(0) - second.mean(0)).sum()
    expected = gap + np.trace(one + other - 2 * linalg.sqrtm(one @ other).real)
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    # Of one feature: means 1 and 8, sample deviations sqrt(2) and sqrt(18).
    single = frechet_distance(np.array([[0.0], [2.0]]), np.array([[5.0], [11.0]]))
    assert single == pytest.approx(49 + (np.sqrt(2) - np.sqrt(18)) ** 2)


def test_fewer_samples_than_features_give_the_distance_in_the_space_that_they_span():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 9, 3))
    turned, _ = np.linalg.qr(rng.normal(size=(40, 3)))
    assert frechet_distance(first @ turned.T, second @ turned.T) == pytest.approx(frechet_distance(first, second))


def test_the_kernel_distance_counts_pairs_of_different_samples():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))

    def kernel(a, b):
        return (a @ b / 3 + 1) ** 3

    within = [
        np.mean([kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j]) for s in (first, second)
    ]
    across = np.mean([kernel(a, b) for a in first for b in second])
    assert kernel_distance(first, second) == pytest.approx(sum(within) - 2 * across)
