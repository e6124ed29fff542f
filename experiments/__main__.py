"""``python -m experiments NAME [--data DIR]``."""

import argparse

from brats_lib.files import home_path
from experiments import (
    accelerated,
    comparisons,
    disjoint,
    hyperparameters,
    intake,
    judge,
    outlines,
    related,
    shipped,
    speed,
    studies,
    synthetic,
)


def make_pictures(real):
    """Everything of chapter 7, in order; what is trained already is loaded."""
    for part in ("restoration", "generation", "membership", "translation", "synthetic"):
        PARTS[part](real)


PARTS = {
    "phantom": shipped.make_phantom,
    "real": shipped.make_real,
    "seeds": comparisons.compare_seeds,
    "averaging": comparisons.compare_averaging,
    "fine-tuning": comparisons.compare_tuning,
    "recipe": studies.ablate_recipe,
    "phantoms": studies.ablate_phantoms,
    "outlines": outlines.compare_outlines,
    "effects": studies.ablate_effects,
    "full": studies.ablate_full,
    "transfer": studies.count_phantoms,
    "longer": studies.lengthen,
    "restoration": judge.judge_restoration,
    "translation": judge.judge_translation,
    "generation": judge.judge_generation,
    "membership": judge.attack,
    "synthetic": synthetic.compare_synthetic,
    "pictures": make_pictures,
}


PHANTOMS_ALONE = {
    "hyperparameters": hyperparameters.tune,
    "search": hyperparameters.search_all,
    "long": hyperparameters.train_long,
    "disjoint": disjoint.compare_streams,
}
# These take other arguments.
APART = ("published", "intake", "related", "accelerated", "speed")


def main():
    """Run one experiment."""
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("name", choices=[*PARTS, *PHANTOMS_ALONE, *APART], help="what to make again")
    parser.add_argument("--data", default="", help="folder of labelled real cases that the results are for")
    parser.add_argument("--heads", nargs="*", type=home_path, default=(), help="intake: images of heads with a skull")
    parser.add_argument("--systems", nargs="*", default=(), help="related: which; all where omitted")
    parser.add_argument("--seeds", nargs="*", type=int, default=related.SEEDS, help="related: of the trainings")
    parser.add_argument("--train", nargs=2, metavar=("ROW", "SEED"), help="accelerated: what to train, and no more")
    parser.add_argument("--workers", type=int, default=1, help="accelerated: processes that make patches")
    parser.add_argument(
        "--any-order", action="store_true", help="accelerated, speed: faster on a GPU, and not repeatable"
    )
    options = parser.parse_args()
    if options.name == "published":
        comparisons.score_published(options.data)
    elif options.name == "intake":
        intake.measure_skull_rule(options.data, options.heads)
    elif options.name == "accelerated" and options.train:
        row, seed = options.train
        accelerated.train_accelerated(row, int(seed), options.workers, deterministic=not options.any_order)
    elif options.name == "accelerated":
        accelerated.score_accelerated(shipped.real_stacks(options.data))
    elif options.name == "speed":
        print(speed.measure_speed(deterministic=not options.any_order).round(2).to_string(index=False))
    elif options.name in PHANTOMS_ALONE:
        PHANTOMS_ALONE[options.name]()
    elif options.name == "related":
        related.compare_related(shipped.real_stacks(options.data), options.systems, options.seeds)
    else:
        PARTS[options.name](shipped.real_stacks(options.data))


if __name__ == "__main__":
    main()
