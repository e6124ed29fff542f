"""Applying a network without compiling it: what Keras predicts, in any batch, and no warning of repeated tracing."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from brats_lib.studies.synthesis.forward import forward


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
@pytest.mark.parametrize(
    ("apply", "warns"),
    # `predict` does warn, so that the silence of the other means something.
    [("forward(model, given, 2)", False), ("model.predict(given, batch_size=2, verbose=0)", True)],
)
def test_many_networks_and_sizes_of_batches_cause_no_warning_of_tracing(apply, warns):
    """In a process of its own, since TensorFlow warns of the same only a few times."""
    code = f"""
import keras, numpy as np
from brats_lib.studies.synthesis.forward import forward
for seed in range(8):
    shown = keras.Input((8, 8, 2))
    model, given = keras.Model(shown, keras.layers.Conv2D(3, 3)(shown)), np.zeros((5, 8, 8, 2), np.float32)
    {apply}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ("retracing" in done.stderr) is warns
