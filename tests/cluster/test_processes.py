"""Two processes train one model over the loopback network: the same result as one, and safe to kill."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

HERE = Path(__file__).parents[1]
# Both processes get whole batches of 4 slices and take 2 of them; one process trains with all 4.
TRAIN = """
import sys
from pathlib import Path
from training.test_training import *
models.build = build_small
folder, epochs, devices = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
recipe = Recipe(size=16, width=2, learning_rate=1e-3, dropout=0.2)
result = run(folder, recipe, epochs=epochs, devices=1 if devices == "1" else devices)
print("resumed from", result.resumed_from)
"""


def start(folder, epochs, process=None, port=None, backend="jax"):
    """One process, alone or as one of two."""
    environment = os.environ | {
        "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(HERE), "TF_CPP_MIN_LOG_LEVEL": "3",
    }  # fmt: skip
    if process is not None:
        distributed = {"JOB_ADDRESSES": f"127.0.0.1:{port},127.0.0.1:{port}", "NUM_PROCESSES": 2, "PROCESS_ID": process}
        environment |= {f"KERAS_DISTRIBUTION_{name}": str(value) for name, value in distributed.items()}
    command = [sys.executable, "-c", TRAIN, str(folder), str(epochs), "1" if process is None else "all"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def start_two(folder, epochs):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return [start(folder, epochs, process, port) for process in (0, 1)]


def finish(workers):
    """Wait for all; return what each printed."""
    done = [worker.communicate(timeout=600) for worker in workers]
    for worker, (_, problems) in zip(workers, done, strict=True):
        assert worker.returncode == 0, problems[-3000:]
    return [printed for printed, _ in done]


def assert_close(first, second):
    """The same losses per epoch, and the same state after the last one."""
    losses, others = (pd.read_csv(folder / "log.csv")[["loss", "val_loss"]] for folder in (first, second))
    np.testing.assert_allclose(others, losses, rtol=1e-5)
    with np.load(first / "state.npz") as state, np.load(second / "state.npz") as other:
        assert state.files == other.files
        for name in set(state.files) - {"memory"}:
            np.testing.assert_allclose(other[name], state[name], rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone") / "training"
    finish([start(folder, 3)])
    return folder


def test_two_processes_train_what_one_does_with_the_doubled_batch(alone, tmp_path):
    finish(start_two(tmp_path / "two", 3))
    assert json.loads((tmp_path / "two" / "training.json").read_text())["finished"]
    assert_close(alone, tmp_path / "two")


def test_killed_process_leads_to_a_resumed_training_with_the_same_end(alone, tmp_path):
    folder = tmp_path / "killed"
    workers = start_two(folder, 3)
    deadline = time.monotonic() + 400
    while not (folder / "state.npz").is_file() and time.monotonic() < deadline:
        time.sleep(0.01)
    workers[1].send_signal(signal.SIGKILL)
    workers[1].wait()
    # The other one cannot go on alone. A scheduler would end it; JAX does so by itself, but takes its time.
    workers[0].kill()
    workers[0].communicate()
    assert not json.loads((folder / "training.json").read_text())["finished"]
    printed = finish(start_two(folder, 3))
    assert all("resumed from 0" not in text for text in printed)
    assert_close(alone, folder)


def test_several_processes_on_tensorflow_are_refused(tmp_path):
    worker = start(tmp_path / "training", 1, 0, 1, backend="tensorflow")
    _, problems = worker.communicate(timeout=300)
    assert worker.returncode != 0
    assert "Set KERAS_BACKEND=jax" in problems
