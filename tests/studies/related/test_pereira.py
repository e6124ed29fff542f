"""The network of Pereira et al. is that of their table, and its dense form gives the same answers closer together."""

import keras
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


def test_maps_of_a_patch_have_the_sizes_of_table_i(sparse):
    names = ("conv_3", "pool_1", "conv_6", "pool_2", "fc_1", "fc_2", "probabilities")
    inner = keras.Model(sparse.input, [sparse.get_layer(name).output for name in names])
    shapes = [tuple(maps.shape[1:]) for maps in inner(noise(1, PATCH, PATCH, 4))]
    # Layer 9 of the table has 6272 = 7 x 7 x 128 inputs.
    assert shapes == [(33, 33, 64), (16, 16, 64), (16, 16, 128), (7, 7, 128), (1, 1, 256), (1, 1, 256), (1, 1, 4)]


def test_biases_begin_at_a_tenth_and_kernels_within_xaviers_bound(sparse):
    for name, shape in {"conv_1": (3, 3, 4, 64), "fc_1": (7, 7, 128, 256)}.items():
        kernel, bias = sparse.get_layer(name).get_weights()
        assert kernel.shape == shape and (bias == np.float32(0.1)).all()
        bound = np.sqrt(6 / (shape[0] * shape[1] * (shape[2] + shape[3])))
        assert 0.98 * bound < np.abs(kernel).max() <= bound


def test_every_second_dense_answer_is_one_of_the_sparse_network(sparse, dense):
    images = noise(1, 45, 53, 4)
    answers = np.asarray(dense(images))
    assert answers.shape == (1, 7, 11, 4)
    np.testing.assert_allclose(answers[:, ::2, ::2], sparse(images), atol=1e-6)


def test_dense_answer_is_the_patchs_around_every_second_voxel_where_no_convolution_sees_the_border(sparse, dense):
    # Kernels that are zero but for their middle leave the poolings and the fully connected layers alone with the patch.
    weights, centre = sparse.get_weights(), np.zeros((3, 3, 1, 1))
    centre[1, 1] = 1
    for kernel in weights:
        if kernel.shape[:2] == (3, 3):
            kernel *= centre
    middle, middle_dense = (keras.models.clone_model(model) for model in (sparse, dense))
    for model in (middle, middle_dense):
        model.set_weights(weights)
    images = 100 * noise(1, 36, 39, 4)
    answers = np.asarray(middle_dense(images))[0]
    assert answers.shape == (2, 4, 4)
    for i, j in np.ndindex(2, 4):
        patch = images[:, DENSE_STRIDE * i :, DENSE_STRIDE * j :][:, :PATCH, :PATCH]
        np.testing.assert_allclose(np.asarray(middle(patch))[0, 0, 0], answers[i, j], atol=1e-5)
    assert np.ptp(answers, axis=(0, 1)).max() > 1e-3


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
