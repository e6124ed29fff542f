"""What the judges of chapter 7 add to the scores."""

import numpy as np

from experiments.judge import auc_interval


def test_the_interval_is_wider_where_slices_of_a_case_are_alike():
    rng = np.random.default_rng(0)
    scores = np.repeat(rng.normal(size=(2, 6)), 20, axis=1) + 0.01 * rng.normal(size=(2, 120))
    by_case = auc_interval(*scores, np.repeat(range(6), 20), np.repeat(range(6), 20), draws=200)
    by_slice = auc_interval(*scores, range(120), range(120), draws=200)
    assert by_case[1] - by_case[0] > 2 * (by_slice[1] - by_slice[0])
