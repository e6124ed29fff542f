"""Training of the related systems: the loss by hand, learning, phases, repeatability."""

import dataclasses

import keras
import numpy as np
import pytest
from studies.related.stand_ins import FLAT, cases

from brats_lib.errors import BratsError
from brats_lib.studies.related.fitting import fit_system, labelled_cross_entropy, natural_shares


def loss(truth, chance):
    return float(keras.ops.convert_to_numpy(labelled_cross_entropy(np.float32(truth), np.float32(chance))))


def test_voxels_without_a_label_do_not_count():
    chance = [[[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]]]
    truth = [[[1, 0], [0, 1], [0, 0]]]
    assert loss(truth, chance) == pytest.approx((-np.log(0.5) - np.log(0.75)) / 2, rel=1e-5)
    assert loss(np.zeros((1, 3, 2)), chance) == 0
    # A certain mistake costs a finite loss.
    assert loss([[1, 0]], [[0, 1]]) == pytest.approx(-np.log(keras.config.epsilon()), rel=1e-3)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Keras takes logits behind a softmax on TensorFlow")
def test_a_network_that_is_sure_of_a_mistake_still_learns():
    layer = keras.layers.Dense(2, activation="softmax", name="probabilities")
    model = keras.Sequential([keras.Input((1, 1, 1)), layer])
    # A probability of e^-40 for what is true.
    layer.set_weights([np.zeros((1, 2), np.float32), np.array([40, 0], np.float32)])
    truth = np.array([[[[0, 1]]]], np.float32)
    model.compile(keras.optimizers.SGD(1.0), labelled_cross_entropy)
    model.train_on_batch(np.ones((1, 1, 1, 1), np.float32), truth)
    np.testing.assert_allclose(layer.get_weights()[1], [39, 1], atol=1e-3)


def test_a_system_learns_what_its_images_show():
    fitted = fit_system(FLAT, cases(), steps=60)
    assert len(fitted.losses) == 60 and fitted.losses[-5:].mean() < 0.6 * fitted.losses[:5].mean()
    # The rate has fallen to a hundredth.
    assert float(fitted.model.optimizer.learning_rate) == pytest.approx(0.01 * FLAT.learning_rate, rel=1e-3)


def test_the_same_seed_gives_the_same_weights_and_the_last_layer_alone_learns_in_the_natural_phase():
    first_phase, again = (fit_system(FLAT, cases(), steps=2).model.get_weights() for _ in range(2))
    assert all((one == other).all() for one, other in zip(first_phase, again, strict=True))
    phased = fit_system(dataclasses.replace(FLAT, natural_end=0.5), cases(), steps=4)
    assert len(phased.losses) == 4
    hidden, hidden_bias, last, last_bias = phased.model.get_weights()
    np.testing.assert_array_equal(hidden, first_phase[0])
    np.testing.assert_array_equal(hidden_bias, first_phase[1])
    assert not np.array_equal(last, first_phase[2])
    assert not np.array_equal(last_bias, first_phase[3])
    assert all(layer.trainable for layer in phased.model.layers)


def test_natural_shares_are_those_of_the_brain():
    one = cases(1)[0]
    counts = [(one.labels == label).sum() for label in (0, 1, 2, 4)]
    np.testing.assert_allclose(natural_shares([one]), np.array(counts) / one.labels.size)
    one.images[one.labels == 0] = 0
    assert natural_shares([one])[0] == 0


def test_a_loss_that_is_no_number_ends_the_training():
    broken = cases(1)[0]
    broken.images[...] = np.nan
    # Without a ReLU, which may make a number of it again.
    single = [keras.Input((None, None, 4)), keras.layers.Conv2D(4, 5, activation="softmax", name="probabilities")]
    system = dataclasses.replace(FLAT, build=lambda precision, seed: keras.Sequential(single))
    with pytest.raises(BratsError, match="loss of batch 1 is nan"):
        fit_system(system, [broken], steps=2)
