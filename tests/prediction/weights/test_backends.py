"""The same file gives the same answer on either backend."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from brats_lib.prediction.weights import load

ANSWER = """
import sys
import keras, numpy as np
from brats_lib.prediction.weights import load
assert keras.backend.backend() == sys.argv[1]
np.save(sys.argv[3], keras.ops.convert_to_numpy(load(None, "float32")[0](np.load(sys.argv[2]))))
"""


@pytest.mark.slow
def test_tensorflow_and_jax_give_the_same_probabilities_of_the_default_network(tmp_path):
    (other,) = {"tensorflow", "jax"} - {keras.backend.backend()}
    model = load(None, "float32")[0]
    slices = np.random.default_rng(0).standard_normal((2, 64, 64, model.input_shape[-1]), np.float32)
    # In mere noise a trained network finds nothing, on either backend.
    slices[:, 20:44, 20:44] += 3
    np.save(tmp_path / "slices.npy", slices)
    command = [sys.executable, "-c", ANSWER, other, tmp_path / "slices.npy", tmp_path / "answer.npy"]
    subprocess.run(command, env=os.environ | {"KERAS_BACKEND": other}, check=True)
    answer, expected = np.load(tmp_path / "answer.npy"), keras.ops.convert_to_numpy(model(slices))
    np.testing.assert_allclose(answer, expected, atol=1e-3)
    assert expected.std() > 0.01
