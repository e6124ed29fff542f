"""Do generated slices help segmentation where there are few patients? `results/synthetic.csv`."""

import itertools

import pandas as pd

from brats_lib.studies.synthesis.networks import draw_latent, synthesise
from brats_lib.studies.synthesis.pictures import make_pictures
from brats_lib.studies.synthesis.store import load_generator
from experiments.pictures import SLICES, learnt_from, training_pictures
from experiments.record import recorded, save
from experiments.segmenter import SEGMENTER, LabelledBatches, score_segmenter, train_segmenter

__all__ = ["FEW", "SEEDS", "compare_synthetic"]

FEW, MADE, SEEDS = 4, 2048, (0, 1, 2)


def compare_synthetic(real):
    """Train on slices of few patients: augmented alone, with synthetic slices, with slices of phantoms.

    Everything is trained for the same number of steps. Synthetic slices are those of the generator that ships; the
    phantoms are those that it learnt from. The patients are halved: a network that learns from the first few of one
    half is tested on the other, so every patient is tested once. A study that was stopped goes on where it was.

    Parameters
    ----------
    real : list of Stack
        Twice `FEW` patients or more.
    """
    generator, recipe, _ = load_generator()
    seen = learnt_from(training_pictures())
    methods = {
        "augmentation alone": None,
        "synthetic slices": synthesise(generator, draw_latent(MADE, recipe.latent, seed=3)),
        "slices of phantoms": (seen.images, seen.classes),
    }
    halves = [real[::2], real[1::2]]
    # In few slices of a case there is often no tumour, and then finding none counts as 1.
    folds = [
        (make_pictures(one[:FEW], SLICES), make_pictures(other, SLICES)) for one, other in (halves, halves[::-1])
    ]  # fmt: skip
    columns = ["data", "method", "seed", "case", "region", "dice"]
    table = recorded("synthetic", columns)
    for seed, (method, others) in itertools.product(SEEDS, methods.items()):
        if ((table["method"] == method) & (table["seed"] == seed)).any():
            continue
        rows = []
        for known, asked in folds:
            batches = LabelledBatches(known.images, known.classes, SEGMENTER, others, seed)
            rows += score_segmenter(train_segmenter(batches, seed), asked)
        found = pd.DataFrame(rows).assign(data="real patients", method=method, seed=seed)
        print(method, seed, found.groupby("region")["dice"].mean().round(3).to_dict(), flush=True)
        table = pd.concat([table, found], ignore_index=True)[columns]
        facts = {"few": FEW, "slices_each": SLICES, "synthetic": MADE, "steps": len(batches)}
        save("synthetic", table, **facts)
