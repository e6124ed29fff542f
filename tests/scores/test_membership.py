"""Attacks on a generator: the area under the curve, and distances counted by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from brats_lib.scores.membership import attack_auc, nearest_distances


def test_the_auc_is_scikit_learns_with_draws():
    rng = np.random.default_rng(0)
    members, others = rng.integers(2, 8, 30), rng.integers(0, 6, 40)
    truth = np.repeat([1, 0], [30, 40])
    assert attack_auc(members, others) == pytest.approx(roc_auc_score(truth, np.concatenate([members, others])))
    assert attack_auc(np.array([1, 2]), np.array([1, 2])) == 0.5 and attack_auc(np.array([3]), np.array([1, 2])) == 1.0


def test_the_nearest_is_found_and_its_distance_is_the_root_mean_square():
    pictures = np.array([[[0.0, 1.0]], [[4.0, 4.0]]])
    others = np.array([[[0.0, 0.0]], [[4.0, 2.0]], [[9.0, 9.0]]])
    distances, nearest = nearest_distances(pictures, others)
    assert nearest.tolist() == [0, 1]
    assert distances == pytest.approx([np.sqrt(0.5), np.sqrt(2)])
