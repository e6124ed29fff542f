"""DeepMedic has the paths and the field of view of its paper."""

import keras
import numpy as np
import pytest

from brats_lib.studies.related.deepmedic import FACTOR, build_deepmedic

WIDTHS = (30, 30, 40, 40, 40, 40, 50, 50)


@pytest.fixture(scope="module")
def network():
    return build_deepmedic(1, 4, seed=0)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).normal(size=(1, 54, 51, 51, 1)).astype(np.float32)


def test_parameters_are_those_counted_by_hand():
    # 3x3x3 kernels without bias; behind each layer a scale, a shift and a slope per filter.
    path = 27 * (4 * 30 + 30 * 30 + 30 * 40 + 3 * 40 * 40 + 40 * 50 + 50 * 50) + 3 * sum(WIDTHS)
    joint = 2 * 50 * 150 + 150 * 150 + 3 * 2 * 150
    trained = 2 * path + joint + 150 * 4 + 4
    # Mean and variance of each filter, for prediction.
    statistics = 2 * (2 * sum(WIDTHS) + 2 * 150)
    model = build_deepmedic(4, 4)
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == trained == 663_004
    assert model.count_params() == trained + statistics == 664_884


def test_network_sees_51_voxels_shared_by_three_outputs(network, image):
    # The first three outputs see coarse voxels 0 to 16, which are voxels 0 to 50; the next three 3 to 53.
    for axis, voxel, seen in ((1, 2, [0, 1, 2]), (1, 3, [0, 1, 2, 3, 4, 5]), (1, 51, [3, 4, 5]), (3, 50, [0, 1, 2])):
        place = [0, 27, 25, 25, 0]
        place[axis] = voxel
        other = image.copy()
        other[tuple(place)] += 1000
        changed = np.asarray(network(other)) != np.asarray(network(image))
        assert np.unique(np.argwhere(changed)[:, axis]).tolist() == seen


def test_coarse_voxels_are_means(network, image):
    coarse = keras.Model(network.input, network.get_layer("coarse").output)(image)
    blocks = image.reshape(1, 18, FACTOR, 17, FACTOR, 17, FACTOR, 1)
    np.testing.assert_allclose(coarse, blocks.mean((2, 4, 6)), atol=1e-6)
