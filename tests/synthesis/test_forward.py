"""Applying a network without compiling it: what Keras predicts, in any batch, and no warning of repeated tracing."""

import logging

import keras
import numpy as np
import pytest

from brats_lib.synthesis.forward import forward


def network(seed=0):
    """Two inputs, one output: a convolution of the one, plus the other."""
    first, second = keras.Input((8, 8, 2)), keras.Input((8, 8, 3))
    kernel = keras.initializers.GlorotUniform(seed=seed)
    convolved = keras.layers.Conv2D(3, 3, padding="same", kernel_initializer=kernel)(first)
    return keras.Model([first, second], keras.layers.Add()([convolved, second]))


def arrays(count):
    rng = np.random.default_rng(count)
    return [rng.random((count, 8, 8, channels), np.float32) for channels in (2, 3)]


@pytest.mark.parametrize("batch_slices", [1, 3, 7, 100])
def test_gives_what_keras_predicts_whatever_the_batch(batch_slices):
    model, given = network(), arrays(7)
    found = forward(model, given, batch_slices)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, model.predict(given, verbose=0), atol=1e-6)


def test_one_input_need_not_be_in_a_list():
    shown = arrays(4)[0]
    model = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.Rescaling(2.0, offset=-1)])
    np.testing.assert_allclose(forward(model, shown, 3), 2 * shown - 1, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the warning is TensorFlow's")
def test_many_networks_and_sizes_of_batches_cause_no_warning_of_tracing(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("tensorflow"), "propagate", True)
    with caplog.at_level(logging.WARNING, "tensorflow"):
        for seed in range(8):
            forward(network(seed), arrays(5), 2)
        assert not [message for message in caplog.messages if "retracing" in message]
        # The same with `predict` does warn, so that the silence above means something.
        for seed in range(8):
            network(seed).predict(arrays(5), batch_size=2, verbose=0)
    assert [message for message in caplog.messages if "retracing" in message]
