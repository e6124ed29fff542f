"""From the scanner to the mask: patients put back into heads, scanned anew, prepared, and segmented.

Real heads whose brain, alignment and tumour are known are not to be had. Here the head is made up, and the rest real.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

import brats_lib.cases.scanner
from brats_lib.cases import MODALITIES, Cohort
from brats_lib.cases.grids import new_grid
from brats_lib.cases.nifti import write_scan
from brats_lib.cases.scanner.original import resample_labels
from brats_lib.files import write_whole
from brats_lib.labels import REGIONS
from brats_lib.phantom import simulate
from brats_lib.phantom.cohort import AFFINE
from brats_lib.prediction.inference import segment_case
from brats_lib.prediction.networks import describe, open_network
from brats_lib.prediction.predict import predict_one
from brats_lib.scores.challenge import score_mask
from experiments import record
from experiments.heads import pose, scan_of, with_skull

__all__ = ["compare_preparation", "measure_preparation", "scan_again"]

# The one that never saw a patient: others know some of these as they were prepared for BraTS.
NETWORK = "phantom"
RUNS = Path("runs/experiments/scanner")
SEED = 0
REFERENCE = "t1ce"
# Voxels in mm and their number: slices of 5 mm, and T1ce as it is often acquired, in 3D.
THICK, FINE = ((0.9, 0.9, 5.0), (256, 288, 40)), ((0.9, 0.9, 1.5), (256, 288, 132))
# How far a head lies from where BraTS has it, in degrees and mm; and from there between two series.
LYING, MOVING = (12.0, 15.0), (6.0, 6.0)
# The cost is measured on one phantom.
STREAM, INDEX = "tests", 0
BRATS = "import sys; from brats_lib.cli import main; sys.exit(main())"


def scan_again(volumes, affine, folder, seed):
    """Put a patient into a head and scan that, each modality apart: a NIfTI file each.

    Parameters
    ----------
    volumes : dict of str to array, shape (x, y, z)
        Modality to intensities in voxels of 1 mm, 0 outside the brain.
    affine : array of float, shape (4, 4)
        RAS mm.
    folder : Path
    seed : int or sequence of int
        Of how the patient lies and moves.

    Returns
    -------
    dict of str to array
        How the patient lies in each: matrices (4, 4), RAS mm.
    """
    rng = np.random.default_rng(seed)
    middle = (affine @ [*(np.array(next(iter(volumes.values())).shape) - 1) / 2, 1])[:3]
    heads = with_skull(volumes)
    pad = (heads[REFERENCE].shape[0] - volumes[REFERENCE].shape[0]) // 2
    padded = affine.copy()
    padded[:3, 3] -= affine[:3, :3].sum(axis=1) * pad
    turn, shift = LYING
    lies = pose(rng.uniform(-turn, turn, 3), rng.uniform(-shift, shift, 3), middle)
    (turn, shift), poses = MOVING, {}
    for modality, head in heads.items():
        poses[modality] = pose(rng.uniform(-turn, turn, 3), rng.uniform(-shift, shift, 3), middle) @ lies
        spacing, shape = FINE if modality == REFERENCE else THICK
        values, grid = scan_of(head, padded, poses[modality], spacing, shape, middle)
        path = folder / f"scan_{modality}.nii"
        write_scan(np.float32(values), new_grid(path, shape, grid), path)
    return poses


def compare_preparation(data):
    """One row per patient: `results/scanner.csv`. Where it was stopped, it goes on with the next.

    For each modality how far it lies from where it should beside T1ce, in mm and degrees; Dice of the brain; and Dice
    of each region, of what a network finds in the images as prepared here, in the same scans brought back by how they
    were made, which is what thick slices alone cost, and in the original images.

    Parameters
    ----------
    data : str
        Folder of labelled real cases.
    """
    folder = RUNS / _version()
    for number, case in enumerate(Cohort.find(data).labelled()):
        path = folder / f"{case.name}.json"
        if not path.is_file():
            row = _compared(case, [SEED, number])
            write_whole(path, json.dumps(row))
            print(row, flush=True)
    names = Cohort.find(data).labelled().names
    table = pd.DataFrame([json.loads((folder / f"{name}.json").read_text()) for name in names])
    print(table.mean(numeric_only=True).round(3).to_string())
    record.save("scanner", table, seed=SEED, network=describe(NETWORK).identity)


def _version():
    """What a row depends on, beside the patient: the code of the preparation, that of this experiment, the network."""
    rooms = Path(brats_lib.cases.scanner.__path__[0]), Path(__file__).parent
    code = [*rooms[0].glob("*.py"), *(rooms[1] / name for name in ("heads.py", "scanner.py"))]
    content = b"".join(path.read_bytes() for path in sorted(code)) + describe(NETWORK).identity["sha256"].encode()
    return hashlib.sha256(content).hexdigest()[:12]


def _compared(case, seed):
    # It needs packages of an extra.
    from brats_lib.cases.scanner.preparation import prepare, save

    volumes, network = case.volumes(MODALITIES), open_network(NETWORK)
    brain = ndimage.binary_fill_holes(np.any([volume != 0 for volume in volumes.values()], axis=0))
    with tempfile.TemporaryDirectory(prefix="scanner-") as name:
        folder = Path(name)
        (folder / "scans").mkdir()
        poses = scan_again(volumes, case.affine, folder / "scans", seed)
        done = prepare(folder / "scans")
        (prepared,) = Cohort.find(save(done, folder / "case"))
        found, _ = predict_one(prepared, network)
        # Voxels of the patient to those of the prepared case, by where both lie in the T1ce as scanned.
        there = np.linalg.inv(done.to_scan[REFERENCE] @ prepared.affine) @ poses[REFERENCE] @ case.affine
        scanned = {}
        for modality in network.recipe.modalities:
            scan = done.scans[modality]
            matrix = np.linalg.inv(scan.affine) @ poses[modality] @ case.affine
            values = ndimage.affine_transform(scan.load(), matrix[:3, :3], matrix[:3, 3], case.shape, order=3)
            scanned[modality] = np.where(brain, np.maximum(values, 1e-3), 0)
    row = {"case": case.name, **_apart(done.to_scan, poses, case)}
    row["brain"] = _dice(resample_labels(done.brain.astype(np.uint8), there, brain.shape) > 0, brain)
    masks = {
        "prepared": resample_labels(found, there, brain.shape),
        "scanned": segment_case(case, network, scanned).mask,
        "original": segment_case(case, network).mask,
    }
    for kind, mask in masks.items():
        scores = score_mask(mask, case.mask(), case.spacing)
        row |= {f"{score['region']}_{kind}": score["dice"] for score in scores if score["region"] in REGIONS}
    return row


def _apart(found, poses, case):
    """How far each modality lies from where it should beside T1ce, at the middle of the patient's grid."""
    from brats_lib.cases.scanner.preparation import moved

    middle = case.affine @ [*(np.array(case.shape) - 1) / 2, 1]
    row = {}
    for modality in found:
        if modality != REFERENCE:
            true, ours = (to[modality] @ np.linalg.inv(to[REFERENCE]) for to in (poses, found))
            millimetres, degrees = moved(np.linalg.inv(true) @ ours, (poses[REFERENCE] @ middle)[:3])
            row |= {f"{modality}_mm": millimetres, f"{modality}_degrees": degrees}
    return row


def _dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def measure_preparation():
    """Time and memory of every step of `brats prepare` on four series, then of `brats predict`: `preparation.csv`.

    Both run as a person runs them, in processes of their own. Needs Linux and a machine that does nothing else.
    """
    phantom = simulate(SEED, INDEX, stream=STREAM)
    with tempfile.TemporaryDirectory(prefix="scanner-") as name:
        folder = Path(name)
        (folder / "scans").mkdir()
        scan_again(phantom.volumes, AFFINE, folder / "scans", SEED)
        rows = _steps("start", "prepare", folder / "scans", "--out", folder / "case")
        rows += _steps("predict", "predict", folder / "case", "--out", folder / "masks")
    table = pd.DataFrame(rows, columns=["step", "seconds", "peak_mb"])
    print(table.round(1).to_string(index=False))
    record.save("preparation", table, seed=SEED, stream=STREAM, cores=len(os.sched_getaffinity(0)))


def _steps(first, *arguments):
    """Seconds and peak memory in MB of each step of a command, which names all but the first on lines of their own."""
    command = [sys.executable, "-u", "-c", BRATS, *map(str, arguments)]
    rows, step, began = [], first, time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        status, reset = (Path(f"/proc/{process.pid}/{name}") for name in ("status", "clear_refs"))
        for line in process.stdout:
            now, peak = time.perf_counter(), re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
            found = step, now - began, int(peak[1]) / 1024
            if line.endswith(" ...\n"):
                rows.append(found)
                reset.write_text("5")  # from here on the peak is the next step's
                step, began = line.removesuffix(" ...\n"), now
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return [*rows, found]
