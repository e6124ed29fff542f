"""``python -m experiments [NAME ...] [--data DIR]``: make results again, without a NAME all that are out of date.

A result is out of date if it is of another version of the phantom or of other patients, or was not finished. Where an
experiment was stopped, most go on.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

from brats_lib.errors import BratsError
from brats_lib.files import home_path
from experiments import (
    hyperparameters,
    intake,
    judge,
    likeness,
    paper,
    record,
    related,
    scanner,
    shipped,
    speed,
    studies,
    synthetic,
)


class Experiment(NamedTuple):
    """What makes tables of `results/`, and which: those made from patients, and those made from phantoms alone."""

    make: Callable
    on_patients: tuple[str, ...] = ()
    on_phantoms: tuple[str, ...] = ()
    # What it needs that no other experiment and no folder of patients gives, so that it is made by its name alone.
    needs: str = ""

    @property
    def tables(self):
        return self.on_patients + self.on_phantoms


def _with_stacks(function):
    return lambda options: function(shipped.real_stacks(options.data))


def _measure_speed(options):
    print(speed.measure_speed(deterministic=not options.any_order).round(2).to_string(index=False))


# In an order in which each finds what it needs: networks first.
EXPERIMENTS = {
    "phantom": Experiment(lambda options: shipped.make_phantom(options.data), ("phantom_on_real", "transfer")),
    "real": Experiment(lambda options: shipped.make_real(options.data), ("folds",)),
    "likeness": Experiment(_with_stacks(likeness.compare_patches), ("likeness",)),
    "generation": Experiment(_with_stacks(judge.judge_generation), ("generation",)),
    "membership": Experiment(_with_stacks(judge.attack), (), ("membership",)),
    "restoration": Experiment(_with_stacks(judge.judge_restoration), ("denoising", "reconstruction")),
    "translation": Experiment(_with_stacks(judge.judge_translation), ("translation",)),
    "synthetic": Experiment(_with_stacks(synthetic.compare_synthetic), ("synthetic",)),
    "steps": Experiment(_with_stacks(studies.compare_steps), ("steps",)),
    "paper-phantoms": Experiment(lambda options: paper.learn_from_phantoms(options.data), ("paper_phantoms",)),
    "paper-folds": Experiment(
        lambda options: paper.learn_from_patients(options.data), ("paper_folds", "paper_metrics")
    ),
    "related": Experiment(
        lambda options: related.compare_related(shipped.real_stacks(options.data), options.systems, options.seeds),
        ("related_scores",), ("related", "related_masks"),
    ),
    "hyperparameters": Experiment(lambda _: hyperparameters.tune(), (), ("tuning_one_factor",)),
    "tuning-search": Experiment(lambda _: hyperparameters.search_all(), (), ("tuning_search", "tuning_best")),
    "intake": Experiment(
        lambda options: intake.measure_skull_rule(options.data, options.heads), ("intake",),
        needs="images of heads, by --heads",
    ),
    "scanner": Experiment(lambda options: scanner.compare_preparation(options.data), ("scanner",)),
    "preparation": Experiment(lambda _: scanner.measure_preparation(), (), ("preparation",), needs="an idle machine"),
    "speed": Experiment(_measure_speed, needs="your device"),
}  # fmt: skip


def out_of_date(data):
    """Names of the experiments whose tables are not finished, or not of this phantom and of these patients.

    Those that need more are printed instead. Without `data` only those that use no patients are asked.
    """
    names = []
    for name, experiment in EXPERIMENTS.items():
        needs = experiment.needs or ("a folder of patients, by --data" if experiment.on_patients and not data else "")
        if all(map(record.is_finished, experiment.tables)):
            continue
        if needs:
            print(f"{name} is left out: it needs {needs}")
        else:
            names.append(name)
    return names


def make(name, options):
    """Run one experiment and record that its tables are finished, where it was not asked for a part alone."""
    experiment = EXPERIMENTS[name]
    if experiment.tables:
        record.require_clean()
    experiment.make(options)
    if not (options.systems or tuple(options.seeds) != related.SEEDS):
        for table in experiment.on_phantoms + (experiment.on_patients if options.data else ()):
            record.finish(table, name)


def main():
    """Run one experiment in this process, or several in one process each."""
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to make again: {', '.join(EXPERIMENTS)}")
    parser.add_argument("--data", default="", help="folder of labelled real cases that the results are for")
    parser.add_argument("--heads", nargs="*", type=home_path, default=(), help="intake: images of heads with a skull")
    parser.add_argument("--systems", nargs="*", default=(), help="related: which; all where omitted")
    parser.add_argument("--seeds", nargs="*", type=int, default=related.SEEDS, help="related: of the trainings")
    parser.add_argument("--any-order", action="store_true", help="speed: faster on a GPU, and not repeatable")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in EXPERIMENTS]
    if unknown:
        raise BratsError(unknown[0], "there is no experiment of that name", ", ".join(EXPERIMENTS), "Choose of those")
    if options.data:
        about = record.describe_data(options.data)
        for experiment in EXPERIMENTS.values():
            record.DATA.update(dict.fromkeys(experiment.on_patients, about))
    if len(options.names) == 1:
        make(options.names[0], options)
        return 0
    record.require_clean()
    for name in options.names or out_of_date(options.data):
        print(f"python -m experiments {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", "experiments", name, f"--data={options.data}"], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BratsError as error:
        print(f"experiments: {error}", file=sys.stderr)
        sys.exit(2)
