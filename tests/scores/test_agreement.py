"""Weighted kappa against a value worked out by hand and against another library."""

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from brats_lib.scores.agreement import weighted_kappa


def test_kappa_worked_out_by_hand():
    """Observed: squares 0, 1, 0, 4, mean 5/4. Expected: over all 16 pairs of 1 2 3 5 and 1 3 3 3.

    From 1: 0 4 4 4; from 2: 1 1 1 1; from 3: 4 0 0 0; from 5: 16 4 4 4. Together 48, mean 3. Kappa 1 - (5/4) / 3.
    """
    assert weighted_kappa([1, 2, 3, 5], [1, 3, 3, 3]) == pytest.approx(7 / 12)
    assert math.isnan(weighted_kappa([4, 4], [4, 4]))


def test_kappa_is_that_of_another_library():
    rng = np.random.default_rng(0)
    for _ in range(50):
        first = rng.integers(1, 6, 30)
        second = np.clip(first + rng.integers(-2, 3, 30), 1, 5)
        expected = cohen_kappa_score(first, second, labels=range(1, 6), weights="quadratic")
        assert weighted_kappa(first.tolist(), second.tolist()) == pytest.approx(expected, abs=1e-12)
