"""The 3D U-Net has the layers, the features and the parameter count of its paper."""

import keras
import numpy as np

from brats_lib.studies.related.unet3d import build_unet3d


def test_kernels_shifts_and_last_bias_are_the_papers_19_069_955_parameters():
    # 3 channels and 3 classes, as in the paper, whose count has no scales of the normalisations in it.
    model = build_unet3d(3, 3)
    filters = 32 * ((1 + 2) + (2 + 4) + (4 + 8) + (8 + 16) + 2 * 8 + 2 * 4 + 2 * 2)
    scales = sum(int(np.prod(weight.shape)) for weight in model.weights if weight.name == "gamma")
    assert scales == filters == 2336
    assert model.count_params() - scales == 19_069_955


def test_each_block_is_normalised_by_itself_in_training_and_prediction_alike():
    network = build_unet3d(2, 4, width=2, seed=0)
    blocks = np.random.default_rng(0).normal(size=(2, 16, 8, 24, 2)).astype(np.float32)
    inner = keras.Model(network.input, network.get_layer("encoder_1_2_norm").output)
    normalised = np.asarray(inner(blocks * [[[[[100]]]], [[[[10]]]]]))
    np.testing.assert_allclose(normalised.mean((1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(normalised.std((1, 2, 3)), 1, atol=1e-2)
    together = np.asarray(network(blocks))
    assert together.shape == (*blocks.shape[:-1], 4)
    np.testing.assert_allclose(together[1:], np.asarray(network(blocks[1:])), atol=1e-5)
    np.testing.assert_array_equal(together, np.asarray(network(blocks, training=True)))
    assert not network.non_trainable_variables
