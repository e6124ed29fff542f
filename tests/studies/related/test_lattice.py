"""Sums on the lattice are those of all pairs of points."""

import numpy as np
import pytest

from brats_lib.studies.related.lattice import Lattice


@pytest.mark.parametrize("origin", [0, -300])
@pytest.mark.parametrize("dimensions", [1, 2, 3, 5, 7])
def test_means_are_close_to_those_of_all_pairs(dimensions, origin):
    rng = np.random.default_rng(dimensions)
    points = rng.uniform(0, 2.5, (1500, dimensions))
    # A wave in space, so that means over a neighbourhood differ from place to place.
    values = np.stack([np.sin(points[:, -1] + 1), np.cos(2 * points[:, 0])], axis=1)
    kernel = np.exp(-((points[:, None] - points[None]) ** 2).sum(-1) / 2)
    lattice = Lattice(origin + points)

    def mean(sums):
        return sums(values) / sums(np.ones((len(points), 1)))

    found, expected = mean(lattice), mean(lambda given: kernel @ given)
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.04 < 0.2 < expected.std()


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_spread_of_one_point_is_centred_with_the_variance_of_the_gaussian(dimensions):
    step = {1: 0.02, 2: 0.1, 3: 0.3}[dimensions]
    axis = np.arange(-4.5, 4.5, step)
    points = np.stack(np.meshgrid(*[axis] * dimensions, indexing="ij"), axis=-1).reshape(-1, dimensions)
    lattice = Lattice(points)
    # The spread depends on where in its simplex a point lies, so it is averaged over some points.
    rng = np.random.default_rng(0)
    middle = np.flatnonzero((np.abs(points) < 1).all(1))
    chosen = rng.choice(middle, 30)
    values = np.zeros((len(points), len(chosen)), np.float32)
    values[chosen, range(len(chosen))] = 1
    spread = lattice(values)
    spread /= spread.sum(0)
    assert (spread >= 0).all()
    offsets = points[:, None] - points[chosen]
    means = (spread[..., None] * offsets).sum(0)
    np.testing.assert_allclose(means.mean(0), 0, atol=0.1)
    np.testing.assert_allclose((spread[..., None] * offsets**2).sum(0).mean(0), 1, atol=0.15)


def test_points_far_apart_do_not_see_each_other():
    sums = Lattice(np.array([[0.0, 0], [50, 0], [0, -50]]))(np.array([[1.0], [0], [0]]))
    assert sums[0] > 0.1 and (sums[1:] == 0).all()
