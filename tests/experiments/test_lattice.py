"""Sums on the lattice are those of all pairs of points."""

import numpy as np
import pytest

from experiments.lattice import Lattice


@pytest.mark.parametrize(("dimensions", "origin"), [(1, 0), (3, -300), (7, 0)])
def test_means_are_close_to_those_of_all_pairs(dimensions, origin):
    points = np.random.default_rng(dimensions).uniform(0, 2.5, (1500, dimensions))
    # A wave in space, so that means over a neighbourhood differ from place to place.
    values = np.stack([np.sin(points[:, -1] + 1), np.cos(2 * points[:, 0])], axis=1)
    kernel = np.exp(-((points[:, None] - points[None]) ** 2).sum(-1) / 2)
    lattice = Lattice(origin + points)

    def mean(sums):
        return sums(values) / sums(np.ones((len(points), 1)))

    found, expected = mean(lattice), mean(lambda given: kernel @ given)
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.04 < 0.2 < expected.std()


def test_points_far_apart_do_not_see_each_other():
    sums = Lattice(np.array([[0.0, 0], [50, 0], [0, -50]]))(np.array([[1.0], [0], [0]]))
    assert sums[0] > 0.1 and (sums[1:] == 0).all()
