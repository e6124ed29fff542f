"""The same file gives the same answer on either backend."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from brats_lib.prediction.weights import available, load

BACKENDS = ("tensorflow", "jax")
ANSWER = """
import sys
import keras, numpy as np
from brats_lib.prediction.weights import load
assert keras.backend.backend() == sys.argv[1]
slices = np.load(sys.argv[3])
np.save(sys.argv[4], keras.ops.convert_to_numpy(load(sys.argv[2], "float32")[0](slices)))
"""


def assert_backends_agree(name, folder):
    here = keras.backend.backend()
    (other,) = [backend for backend in BACKENDS if backend != here]
    model = load(name, "float32")[0]
    slices = np.random.default_rng(0).standard_normal((2, 64, 64, model.input_shape[-1]), np.float32)
    # In mere noise a trained network finds nothing, on either backend.
    slices[:, 20:44, 20:44] += 3
    np.save(folder / "slices.npy", slices)
    files = [str(folder / "slices.npy"), str(folder / "answer.npy")]
    environment = os.environ | {"KERAS_BACKEND": other, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", ANSWER, other, str(name), *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    answer, expected = np.load(files[1]), keras.ops.convert_to_numpy(model(slices))
    np.testing.assert_allclose(answer, expected, atol=1e-3)
    assert expected.std() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", available())
def test_tensorflow_and_jax_give_the_same_probabilities_of_a_shipped_network(name, tmp_path):
    assert_backends_agree(name, tmp_path)
