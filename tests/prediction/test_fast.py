"""OpenVINO's network gives what Keras's gives, and Keras takes over, audibly, where OpenVINO is not there."""

import logging
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT

from brats_lib import models
from brats_lib.errors import BratsError
from brats_lib.labels import LABELS
from brats_lib.prediction import fast, networks, weights
from brats_lib.prediction.inference import predict_stack
from brats_lib.prediction.networks import Network, open_network
from brats_lib.prediction.postprocess import regions_to_mask
from brats_lib.recipes import NATIVE, DecisionRule
from brats_lib.slices.stacks import make_stack, with_neighbours

pytest.importorskip("openvino", reason="OpenVINO is the extra `fast`")

SMALL = replace(NATIVE, widths=(8, 16, 24))


@pytest.fixture
def fresh_networks():
    def forget():
        networks._open.cache_clear()
        fast.problem.cache_clear()

    forget()
    yield
    forget()


def make_network(recipe):
    """A Keras network without any weight at zero or one, and its weights by name."""
    model = models.build(recipe, seed=0)
    rng = np.random.default_rng(0)
    model.set_weights([value + rng.normal(0, 0.2, value.shape) for value in model.get_weights()])
    return model, {variable.path: value for variable, value in zip(model.weights, model.get_weights(), strict=True)}


@pytest.mark.parametrize(
    "changes",
    [{}, {"neighbours": 0, "modalities": ("flair", "t1", "t1ce")}, {"neighbours": 2, "regions": False}],
    ids=["as it is", "three modalities", "classes, two neighbours"],
)
def test_probabilities_are_those_of_keras(changes):
    recipe = replace(SMALL, **changes)
    model, arrays = make_network(recipe)
    shape = (5 + 2 * recipe.neighbours, 24, 40, len(recipe.modalities))
    slices = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    found, given = np.zeros((5, 24, 40, len(LABELS) - recipe.regions), np.float32), []

    def receive(index, answer):
        found[index] = answer
        given.append(index.start)

    fast.FastNetwork(arrays, recipe).predict_plane(slices, receive)
    assert sorted(given) == [0, 1, 2, 3, 4]
    expected = model.predict_on_batch(with_neighbours(slices, recipe.neighbours))
    assert found.shape == expected.shape and expected.std() > 0.05
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_errors_of_the_receiver_come_back_to_the_caller():
    network = fast.FastNetwork(make_network(SMALL)[1], SMALL)
    with pytest.raises(ZeroDivisionError):
        network.predict_plane(np.zeros((9, 24, 16, 2), np.float32), lambda *_: 1 / 0)


def test_planes_and_mirrorings_are_averaged_as_with_keras():
    rule = DecisionRule(flips=True, window=(64, 56))
    model, arrays = make_network(SMALL)
    rng = np.random.default_rng(2)
    stack = make_stack("case", [rng.random((21, 33, 18), np.float32) + 0.1 for _ in SMALL.modalities])
    found = predict_stack(Network(fast.FastNetwork(arrays, SMALL), SMALL, rule), stack)
    # Most of a window is empty here, and dividing by a small spread makes small differences larger.
    np.testing.assert_allclose(found, predict_stack(Network(model, SMALL, rule), stack), atol=2e-4)


def test_weights_that_do_not_fit_are_refused():
    _, arrays = make_network(SMALL)
    name = "decoder_1_up/bias"
    for wrong, found in (
        ({key: value for key, value in arrays.items() if key != name}, f"{name}.*missing"),
        (arrays | {name: np.zeros(9)}, f"{name}.*shape is \\(9,\\)"),
        (arrays | {"another/kernel": np.zeros(1)}, "another/kernel"),
    ):
        with pytest.raises(BratsError, match=found):
            fast.FastNetwork(wrong, SMALL)


@pytest.mark.parametrize(("fast_in", "precision"), [("mixed_bfloat16", "bfloat16"), ("float32", "float32")])
def test_labels_of_a_shipped_network_are_those_of_keras_in_float32(fast_in, precision, monkeypatch, fresh_networks):
    rng = np.random.default_rng(0)
    flair, t1ce = rng.normal(1, 0.1, (2, 64, 56, 24))
    flair[20:48, 16:40] += 0.6
    t1ce[28:40, 20:34] += 0.6
    stack = make_stack("case", [flair.astype(np.float32), t1ce.astype(np.float32)])
    monkeypatch.setattr("brats_lib.training.devices.cpu_precision", lambda: fast_in)
    network = open_network(None, "openvino")
    assert network.precision == precision
    model, recipe, card = weights.load(None, "float32")
    recipe, rule = replace(recipe, planes=("axial",)), replace(card.rule, window=(64, 56))
    expected, found = (
        regions_to_mask(predict_stack(Network(each, recipe, rule), stack), rule) for each in (model, network.model)
    )
    assert np.bincount(expected.ravel(), minlength=5)[[1, 2, 4]].min() > 100
    assert (found == expected).mean() > 0.998


def test_precision_of_a_network_that_was_trained_in_float32_is_that(monkeypatch, fresh_networks):
    card = replace(weights.read_card(), precision="float32")
    monkeypatch.setattr(weights, "read_card", lambda name: card)
    monkeypatch.setattr("brats_lib.training.devices.cpu_precision", lambda: "mixed_bfloat16")
    assert open_network(None, "openvino").precision == "float32"


def test_missing_openvino_is_said_and_keras_computes(monkeypatch, caplog, fresh_networks):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with caplog.at_level(logging.WARNING):
        network = open_network()
    assert network.engine == "keras" and network.model.predict_on_batch
    assert "OpenVINO cannot be imported" in caplog.text and 'pip install "openvino>=' in caplog.text
    with pytest.raises(BratsError, match="OpenVINO cannot be imported.*pip install"):
        open_network(None, "openvino")


def test_gpu_is_used_through_keras_and_unknown_engines_are_refused(monkeypatch, fresh_networks):
    monkeypatch.setattr("brats_lib.training.devices.has_accelerator", lambda: True)
    assert open_network().engine == "keras"
    assert open_network(None, "openvino").engine == "openvino"
    with pytest.raises(BratsError, match="auto, openvino, keras"):
        open_network(None, "tpu")


ALONE = """
import socket, sys
def refuse(*_): raise AssertionError("a connection was opened")
socket.socket.connect = socket.create_connection = refuse
import numpy as np
from types import SimpleNamespace
from brats_lib.prediction.inference import segment_case
from brats_lib.prediction.networks import open_network
network = open_network(None, "openvino")
volume = np.zeros((40, 40, 40), np.float32)
volume[4:36, 4:36, 4:36] = np.random.default_rng(0).random((32, 32, 32)) + 1
cube = SimpleNamespace(name="cube", affine=np.diag([-1.0, -1, 1, 1]))
segment_case(cube, network, {"flair": volume, "t1ce": volume})
print([name for name in ("keras", "tensorflow", "jax") if name in sys.modules])
"""


def test_predicting_loads_no_keras_and_opens_no_connection():
    done = subprocess.run([sys.executable, "-c", ALONE], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
