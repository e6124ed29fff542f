"""`python -m benchmarks [--quick] [--out FILE.json]`: print what takes how long and save it."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import data, network, prediction, scoring
from benchmarks.timing import Row, machine, memory_table, table
from brats_lib.cases import Cohort
from brats_lib.errors import BratsError
from brats_lib.files import home_path, write_whole
from brats_lib.recipes import PUBLISHED, Recipe

SECTIONS = ("loading", "preprocessing", "scoring", "phantom", "training", "prediction", "memory")


def _arguments(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, one region, small training batches")
    parser.add_argument("--out", type=home_path, default=Path("runs/bench.json"), help="default: %(default)s")
    parser.add_argument(
        "--data", type=home_path, help="folder of labelled cases, one file per modality; default: phantoms"
    )
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=SECTIONS, help="default: everything")
    return parser.parse_args(arguments)


def _cohort(root, folder):
    if root is None:
        from brats_lib.phantom import make_cohort

        return make_cohort(folder / "cohort", cases=2, seed=0)
    cohort = Cohort.find(root, max_cases=2).labelled()
    if not len(cohort) or cohort[0].layout == "msd":
        advice = "Use BraTS 2020 or newer, or omit --data for phantoms"
        raise BratsError(root, "no such case is there", "labelled cases with one file per modality", advice)
    return cohort


def run(
    cohort: Cohort, recipe: Recipe, folder: Path, only: Sequence[str] = SECTIONS, quick: bool = False
) -> tuple[list[Row], list[dict]]:
    """Run benchmarks of some `SECTIONS`, with fewer repetitions if `quick`; also gives the rows of `data.memory`."""
    repetitions = 2 if quick else 5
    sections = {
        "loading": lambda: data.loading(cohort, recipe, folder, repetitions),
        "preprocessing": lambda: data.preprocessing(cohort, recipe, repetitions),
        "scoring": lambda: scoring.scoring(cohort, min(repetitions, 3), ("WT",) if quick else ("WT", "TC", "ET")),
        "phantom": lambda: data.phantoms(folder, min(repetitions, 3)),
        "training": lambda: network.training(recipe, repetitions, 4 if quick else 8),
        "prediction": lambda: prediction.prediction(cohort, folder, min(repetitions, 3), fresh=not quick),
    }
    rows = []
    for name in only:
        if name in sections:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows += sections[name]()
    return rows, data.memory(cohort, recipe, folder) if "memory" in only else []


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; returns the exit code."""
    options = _arguments(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="brats-bench-") as folder:
            cohort = _cohort(options.data, Path(folder))
            source = cohort.source
            rows, peaks = run(cohort, PUBLISHED, Path(folder), options.only, options.quick)
    except BratsError as error:
        print(error, file=sys.stderr)
        return 2
    about = machine()
    print(", ".join(f"{name} {value}" for name, value in about.items()), end="\n\n")
    if rows:
        print(table(rows))
    if peaks:
        print(f"\n{memory_table(peaks)}")
    content = {
        "machine": about, "data": source, "quick": options.quick, "ratios": [row.as_dict() for row in rows],
        "memory": peaks,
    }  # fmt: skip
    write_whole(options.out, json.dumps(content, indent=1) + "\n")
    print(f"\nSaved as {options.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
