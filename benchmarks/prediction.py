"""Segmenting a case: the fast path beside Keras's own, and both beside decompression and matrix products."""

import functools
import itertools
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np

from benchmarks.lineage import decode
from benchmarks.network import LIMIT_SIDE, products
from benchmarks.timing import Row, interleave
from brats_lib.cases import Cohort
from brats_lib.recipes import PLANES

if TYPE_CHECKING:
    from brats_lib.prediction.networks import Network

__all__ = ["network_flop", "prediction"]


def network_flop(network: "Network", shape: tuple[int, int, int]) -> int:
    """Floating-point operations of all windows of the slices of a brain's box; for a native network on Keras."""
    from brats_lib.prediction.inference import window_places
    from experiments.arithmetic import multiply_adds

    # The same for a window that stands and for one that lies.
    recipe, window = network.recipe, network.rule.window
    one = 2 * multiply_adds(network.model, window)
    return one * sum(
        shape[PLANES[plane]]
        * len(window_places([length for axis, length in enumerate(shape) if axis != PLANES[plane]], window))
        for plane in recipe.planes
    )


def _fresh(case, modalities, folder, engine, number):
    out = folder / f"fresh-{engine}-{next(number)}"
    files = [f"--{modality}={case.files[modality]}" for modality in modalities]
    command = [sys.executable, "-c", "import sys; from brats_lib.cli import main; sys.exit(main())"]
    subprocess.run([*command, "predict", *files, f"--out={out}", f"--engine={engine}"], check=True, capture_output=True)


def prediction(cohort: Cohort, folder: Path, repetitions: int, fresh: bool = True, side: int = LIMIT_SIDE) -> list[Row]:
    """Time a case from files to mask file, the network alone, reading alone and, if `fresh`, a new process.

    The first case is segmented with the default network. The first row's text has the agreement of the labels. Empty
    where OpenVINO cannot be used.
    """
    from brats_lib.prediction import fast
    from brats_lib.prediction.inference import predict_stack, segment_case
    from brats_lib.prediction.networks import open_network
    from brats_lib.prediction.predict import predict_cases
    from brats_lib.slices.stacks import stack_case

    if reason := fast.problem():
        print(f"No comparison with the fast path: {reason}", file=sys.stderr)
        return []
    case, number = cohort[0], itertools.count()
    ours, keras_own = open_network(None, "openvino"), open_network(None, "keras")
    recipe = ours.recipe
    stack = stack_case(case, recipe.modalities)
    images = [case.files[modality] for modality in recipe.modalities]
    volumes = case.volumes(recipe.modalities)
    masks = [segment_case(case, network, volumes).mask for network in (ours, keras_own)]
    same = float((masks[0] == masks[1]).mean())

    def segment(network):
        predict_cases([case], folder / f"out{next(number)}", network)

    def decode_side_by_side():
        with ThreadPoolExecutor(len(images)) as readers:
            list(readers.map(decode, images))

    flop = network_flop(keras_own, stack.images.shape[:3])
    count = math.ceil(flop / 50 / (2 * side**3))
    medians = interleave(
        {
            "fast": lambda: segment(ours),
            "keras": lambda: segment(keras_own),
            "fast network": lambda: predict_stack(ours, stack),
            "keras network": lambda: predict_stack(keras_own, stack),
            "read": lambda: case.volumes(recipe.modalities),
            "nibabel": lambda: [np.asarray(nib.load(path).dataobj, np.float32) for path in images],
            "decode": decode_side_by_side,
            "product": products(side, ours.precision, count),
        },
        repetitions,
    )
    rate = count * 2 * side**3 / medians["product"]
    slices = sum(stack.images.shape[PLANES[plane]] for plane in recipe.planes)
    arithmetic = f"{flop / 1e9:.0f} GFLOP of matrix product at {rate / 1e9:.0f} GFLOP/s"
    keras_name = f"Keras, {keras_own.precision}"
    rows = [
        Row(
            f"Segment a case, files to file, OpenVINO, {ours.precision}", "case", medians["fast"],
            f"{keras_name}; {100 * same:.3f} % of labels alike", medians["keras"],
            f"decompression and {arithmetic}", medians["decode"] + flop / rate,
        ),
        Row(
            f"Its {slices} slices through the network", "slice", medians["fast network"] / slices,
            keras_name, medians["keras network"] / slices, arithmetic, flop / rate / slices,
        ),
        Row(
            f"Read its {len(images)} images", "case", medians["read"], "nibabel, one after the other",
            medians["nibabel"], "decompressing them side by side", medians["decode"],
        ),
    ]  # fmt: skip
    if fresh:
        run = functools.partial(_fresh, case, recipe.modalities, folder, number=number)
        cold = interleave({name: functools.partial(run, name) for name in ("openvino", "keras")}, min(repetitions, 2))
        rows.append(Row(
            "brats predict in a new process", "case", cold["openvino"], "the same with --engine keras", cold["keras"],
            "the case once everything is loaded", medians["fast"],
        ))  # fmt: skip
    return rows
