"""Run by `benchmarks.data.memory` in a process of its own: read one epoch and print the peak memory as JSON."""

import json
import resource
import sys
from pathlib import Path

from brats_lib.cases import Cohort
from brats_lib.recipes import Recipe
from brats_lib.slices.batches import SliceBatches
from brats_lib.slices.cache import build_cache

__all__ = ["main"]


def _peak_bytes():
    # On Linux getrusage starts from the parent's peak, because the child shares its memory until exec.
    status = Path("/proc/self/status")
    if status.is_file():
        return 1024 * next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line)
    # Kilobytes, but bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(root: str, folder: str, settings: str) -> None:
    """Prepare the cohort with one worker, read an epoch in the recipe's batches, print the peaks after each step."""
    recipe = Recipe(**{name: tuple(v) if isinstance(v, list) else v for name, v in json.loads(settings).items()})
    peaks = {"Import Keras": _peak_bytes()}
    cache = build_cache(Cohort.find(root), recipe, Path(folder) / "peak", workers=1)
    peaks["and prepare the cohort"] = _peak_bytes()
    batches = SliceBatches(cache, cache.names, batch_slices=recipe.volumes_per_batch * recipe.slices)
    for number in range(len(batches)):
        batches[number]
    peaks["and read an epoch in batches"] = _peak_bytes()
    print(json.dumps(peaks))


if __name__ == "__main__":
    main(*sys.argv[1:])
