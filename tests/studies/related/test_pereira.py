"""The network of Pereira et al. is that of their table, and its dense form gives the same answers closer together."""

import numpy as np
import pytest

from brats_lib.studies.related.pereira import DENSE_STRIDE, MARGIN, build_pereira

PATCH = 2 * MARGIN + 1


@pytest.fixture(scope="module")
def sparse():
    return build_pereira(4, 4, seed=0)


@pytest.fixture(scope="module")
def dense(sparse):
    model = build_pereira(4, 4, dense=True, seed=1)
    model.set_weights(sparse.get_weights())
    return model


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_network_has_the_parameter_count_worked_out_by_hand(sparse, dense):
    fine = [9 * 4 * 64 + 64, 9 * 64 * 64 + 64, 9 * 64 * 64 + 64]
    coarse = [9 * 64 * 128 + 128, 9 * 128 * 128 + 128, 9 * 128 * 128 + 128]
    connected = [7 * 7 * 128 * 256 + 256, 256 * 256 + 256, 256 * 4 + 4]
    assert sparse.count_params() == dense.count_params() == sum(fine + coarse + connected) == 2_117_956


def test_dense_answers_are_those_of_the_sparse_network_from_every_second_voxel_on(sparse, dense):
    images = noise(1, 53, 57, 4)
    answers = np.asarray(dense(images))
    assert answers.shape == (1, 11, 13, 4)
    np.testing.assert_allclose(answers[:, ::2, ::2], sparse(images), atol=1e-6)
    # Those between are the same in an image that begins two voxels later, 9 voxels and more from its border.
    later = np.asarray(sparse(images[:, DENSE_STRIDE:, DENSE_STRIDE:]))
    np.testing.assert_allclose(answers[:, 7::2, 7::2], later[:, 3:, 3:], atol=1e-6)
