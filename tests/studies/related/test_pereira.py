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


def test_biases_begin_at_a_tenth_and_kernels_within_xaviers_bound(sparse):
    for name, shape in {"conv_1": (3, 3, 4, 64), "fc_1": (7, 7, 128, 256)}.items():
        kernel, bias = sparse.get_layer(name).get_weights()
        assert kernel.shape == shape and (bias == np.float32(0.1)).all()
        bound = np.sqrt(6 / (shape[0] * shape[1] * (shape[2] + shape[3])))
        assert 0.98 * bound < np.abs(kernel).max() <= bound


def test_dense_answers_are_those_of_the_sparse_network_from_every_second_voxel_on(sparse, dense):
    images = noise(1, 53, 57, 4)
    answers = np.asarray(dense(images))
    assert answers.shape == (1, 11, 13, 4)
    np.testing.assert_allclose(answers[:, ::2, ::2], sparse(images), atol=1e-6)
    # Those between are the same in an image that begins two voxels later, 9 voxels and more from its border.
    later = np.asarray(sparse(images[:, DENSE_STRIDE:, DENSE_STRIDE:]))
    np.testing.assert_allclose(answers[:, 7::2, 7::2], later[:, 3:, 3:], atol=1e-6)


def test_answer_sees_its_patch_and_nine_voxels_before_and_seven_behind(dense):
    # A patch on its own ends in zeros; in a larger input convolutions reach 3 + 2 x 3 voxels beyond the 31 pooled.
    images, side = noise(1, PATCH, 81, 4), 81
    answers = np.asarray(dense(images))[0, 0]
    first = range(0, side - PATCH + 1, DENSE_STRIDE)
    for column in (20, 41, 60):
        changed = images.copy()
        changed[:, :, column] *= -100
        moved = np.abs(np.asarray(dense(changed))[0, 0] - answers).max(-1) > 0
        assert moved.tolist() == [start - 9 <= column < start + PATCH + 7 for start in first]
