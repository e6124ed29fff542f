"""Training data-parallel by one and by two processes of one core each: `results/scaling.csv`.

As a module (``python -m experiments.scaling FOLDER CORE``) it is one of the processes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

__all__ = ["measure"]

REPEATS = 2
SIZE, WIDTH, BATCH, SLICES, EPOCHS = 64, 16, 16, 160, 3


def measure():
    """Train with the same batch per process, one and two processes in turns, and write slices per second."""
    from experiments.record import save

    rows = []
    for repeat in range(REPEATS):
        for count in (1, 2):
            rate = _run(count, 29600 + 2 * repeat + count)
            rows.append({"processes": count, "repeat": repeat, "slices_per_second": rate})
            print(rows[-1], flush=True)
    facts = {"size": SIZE, "width": WIDTH, "batch_per_process": BATCH, "backend": "jax", "precision": "float32"}
    save("scaling", pd.DataFrame(rows), load=[round(each, 1) for each in os.getloadavg()], **facts)


def _run(count, port):
    with tempfile.TemporaryDirectory() as folder:
        workers = [
            subprocess.Popen(
                [sys.executable, "-m", "experiments.scaling", f"{folder}/training", str(number)],
                env=os.environ | {
                    "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "KERAS_DISTRIBUTION_NUM_PROCESSES": str(count),
                    "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
                    "KERAS_DISTRIBUTION_JOB_ADDRESSES": ",".join([f"127.0.0.1:{port}"] * count),
                },
            )
            for number in range(count)
        ]  # fmt: skip
        for worker in workers:
            if worker.wait():
                raise RuntimeError(f"a process ended with {worker.returncode}")
        log = pd.read_csv(Path(folder) / "training" / "log.csv")
    # The first epoch compiles.
    return count * SLICES / statistics.median(log["seconds"][1:])


def _work(folder, core):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    import dataclasses

    import keras
    import numpy as np

    from brats_lib.devices import count_devices
    from brats_lib.recipes import PUBLISHED
    from brats_lib.training import train

    count = count_devices("all")

    class Noise(keras.utils.PyDataset):
        def __init__(self, batches):
            super().__init__()
            self.batches = batches
            rng = np.random.default_rng(0)
            self.images = rng.random((BATCH * count, SIZE, SIZE, 2), np.float32)
            self.targets = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (BATCH * count, SIZE, SIZE))]

        def __len__(self):
            return self.batches

        def __getitem__(self, batch):
            return self.images, self.targets

    recipe = dataclasses.replace(PUBLISHED, size=SIZE, width=WIDTH)
    train(
        recipe, Noise(SLICES // BATCH), Noise(1), folder, epochs=EPOCHS, precision="float32", devices="all", verbose=0
    )


if __name__ == "__main__":
    _work(sys.argv[1], int(sys.argv[2]))
