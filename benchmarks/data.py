"""From files to batches: the slice cache against the loading of the public notebooks; preprocessing; phantoms.

A cohort has labelled cases with one file per modality; `folder` is for what a benchmark writes, `repetitions` are
rounds of timing.
"""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.lineage import decode, lineage_batch
from benchmarks.timing import Row, interleave
from brats_lib.cases import Cohort
from brats_lib.recipes import Recipe
from brats_lib.slices.cache import build_cache
from brats_lib.slices.preprocess import case_labels, case_slices

__all__ = ["MEMORY_LIMIT", "loading", "memory", "phantoms", "preprocessing"]

MEMORY_LIMIT = 2 * 2**30


def _sources(case, recipe):
    return [case.files[modality] for modality in recipe.modalities], case.mask_file


def loading(cohort: Cohort, recipe: Recipe, folder: Path, repetitions: int) -> list[Row]:
    """Time a batch as large as one volume from the slice cache, shuffled over all cases."""
    from brats_lib.slices.batches import SliceBatches

    cache = build_cache(cohort, recipe, folder / "cache", workers=1)
    batches = SliceBatches(cache, cache.names, batch_slices=recipe.slices)
    number = itertools.count()
    images, targets = batches[0]

    packed, mask = _sources(cohort[0], recipe)
    plain = []
    for path, content in zip((*packed, mask), decode(*packed, mask), strict=True):
        plain.append(folder / path.name.removesuffix(".gz"))
        plain[-1].write_bytes(content)

    # Threads that wait for each other cost small matrix products more than they give, on a busy machine most of all.
    with threadpool_limits(1):
        medians = interleave(
            {
                "ours": lambda: batches[next(number) % len(batches)],
                "the public notebooks' loading": lambda: lineage_batch(packed, mask, recipe),
                "the same from uncompressed .nii": lambda: lineage_batch(plain[:-1], plain[-1], recipe),
                "its decompression alone": lambda: decode(*packed, mask),
                "copying the batch in memory": lambda: (images.copy(), targets.copy()),
            },
            repetitions,
        )
    (_, ours), *others, limit = medians.items()
    return [Row("Load a batch", f"{recipe.slices} slices", ours, *other, *limit) for other in others]


def preprocessing(cohort: Cohort, recipe: Recipe, repetitions: int) -> list[Row]:
    """Time the preparation of one case, from NIfTI to slices and classes."""
    case = cohort[0]
    packed, mask = _sources(case, recipe)
    # One thread, as in the worker processes that prepare a cohort.
    with threadpool_limits(1):
        medians = interleave(
            {
                "ours": lambda: (case_slices(case, recipe), case_labels(case, recipe)),
                "the public notebooks' loading": lambda: lineage_batch(packed, mask, recipe),
                "decompressing its files": lambda: decode(*packed, mask),
            },
            repetitions,
        )
    (_, ours), other, limit = medians.items()
    return [Row("Prepare a case for the cache", "case", ours, *other, *limit)]


def phantoms(folder: Path, repetitions: int) -> list[Row]:
    """Time the simulation of a phantom case and its five files; each round simulates another patient."""
    from brats_lib.phantom import make_cohort, simulate

    number = itertools.count()
    patient = simulate(seed=0, index=0)
    arrays = [*patient.volumes.values(), patient.mask]

    def ours():
        i = next(number)
        make_cohort(folder / f"phantom{i}", cases=1, seed=i, workers=1)

    def write():
        for i, array in enumerate(arrays):
            nib.save(nib.Nifti1Image(array, np.eye(4)), folder / f"limit{i}.nii.gz")

    medians = interleave({"ours": ours, "write": write}, repetitions)
    limit = medians["write"]
    return [Row("Simulate a phantom case", "case", medians["ours"], "", None, "compressing its files", limit)]


def memory(cohort: Cohort, recipe: Recipe, folder: Path) -> list[dict]:
    """Measure the peak memory of preparing a cohort and reading one epoch, in a process of its own.

    Rows of `what`, `peak_bytes` and `limit_bytes`.
    """
    command = [sys.executable, "-m", "benchmarks.peak", str(cohort.root), str(folder), json.dumps(recipe.__dict__)]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    peaks = json.loads(done.stdout.splitlines()[-1])
    return [{"what": what, "peak_bytes": peak, "limit_bytes": MEMORY_LIMIT} for what, peak in peaks.items()]
