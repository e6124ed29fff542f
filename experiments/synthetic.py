"""Does synthetic data help segmentation? Few patients, and 0 to many synthetic slices: `results/synthetic.csv`."""

import dataclasses
import itertools

import numpy as np
import pandas as pd

from brats_lib.studies.synthesis.networks import draw_latent, synthesise
from brats_lib.studies.synthesis.pictures import make_pictures
from brats_lib.studies.synthesis.store import load_generator
from experiments.pictures import SLICES, held_out, learnt_from, tested, training_pictures
from experiments.record import recorded, save
from experiments.segmenter import SEGMENTER, LabelledBatches, score_segmenter, train_segmenter

__all__ = ["COUNTS", "FEW", "SEEDS", "compare_synthetic"]

FEW, COUNTS, SEEDS = 4, (128, 512, 2048), (0, 1, 2)
PLAIN = dataclasses.replace(SEGMENTER, augmentation=())


def compare_synthetic(real):
    """Rows: plain, augmented, augmented with synthetic slices, with the VAE branch, with more phantoms.

    Everything is trained for the same number of steps. Synthetic slices are those of the generator that ships. The few
    phantoms are none that it learnt from; the real patients are halved, so every patient is tested once. Whole seeds
    come one after the other, so that a stopped study has results of all arms.
    """
    pictures = training_pictures()
    others = held_out(pictures)
    few = others.take(np.isin(others.case, np.unique(others.case)[:FEW]))
    generator, recipe, _ = load_generator()
    made = synthesise(generator, draw_latent(max(COUNTS), recipe.latent, seed=3))
    seen = learnt_from(pictures)
    # In two slices of a case there is often no tumour, and then finding none counts as 1.
    tasks = {"phantoms": [(few, tested(slices=SLICES))]}
    if real:
        halves = [real[::2], real[1::2]]
        tasks["real patients"] = [
            (make_pictures(one, SLICES), tested(other, SLICES)) for one, other in (halves, halves[::-1])
        ]  # fmt: skip
    arms = {("few, plain", 0): {}, ("few, augmented", 0): {}, ("VAE branch", 0): {"vae_branch": True}}
    arms |= {("synthetic", count): {"others": tuple(array[:count] for array in made)} for count in COUNTS}
    arms[("more phantoms", 0)] = {"others": (seen.images, seen.classes)}
    table = recorded("synthetic", ["data", "arm", "synthetic", "seed", "case", "region", "dice"])
    for seed, (data, folds), (arm, count) in itertools.product(SEEDS, tasks.items(), arms):
        done = (table["arm"] == arm) & (table["synthetic"] == count) & (table["seed"] == seed)
        if (done & (table["data"] == data)).any():
            continue
        rows, options = [], arms[arm, count]
        for known, asked in folds:
            recipe = PLAIN if arm == "few, plain" else SEGMENTER
            batches = LabelledBatches(known.images, known.classes, recipe, options.get("others"), seed)
            network = train_segmenter(batches, seed, options.get("vae_branch", False))
            rows += score_segmenter(network, asked)
        facts = {"data": data, "arm": arm, "synthetic": count, "seed": seed}
        found = pd.DataFrame(rows).assign(**facts)[[*facts, "case", "region", "dice"]]
        print(facts, found.groupby("region")["dice"].mean().round(3).to_dict(), flush=True)
        table = pd.concat([table, found], ignore_index=True)
        save("synthetic", table, few=FEW, slices_each=SLICES, steps=len(batches), batch_slices=recipe.batch_slices)
