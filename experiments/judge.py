"""What the trained generative networks are worth: `results/denoising.csv` and the other tables of chapters 8 and 9."""

import dataclasses
import functools
import hashlib
import json

import numpy as np
import pandas as pd

from brats_lib.files import write_whole
from brats_lib.phantom import VERSION
from brats_lib.prediction import weights
from brats_lib.prediction.weights.store import pack, to_float16
from brats_lib.recipes import COMPRESSION, GENERATION, T2_FROM_T1
from brats_lib.scores.images import attack_auc, nearest_distances, pairwise_ms_ssim
from brats_lib.studies.synthesis import tasks
from brats_lib.studies.synthesis.damage import DENOISERS
from brats_lib.studies.synthesis.features import unet_features
from brats_lib.studies.synthesis.gan import join
from brats_lib.studies.synthesis.networks import draw_latent, encode, forward, split_labelled, synthesise
from brats_lib.studies.synthesis.pictures import make_pictures
from brats_lib.studies.synthesis.store import GENERATOR
from experiments.generative import NETWORKS, train_network
from experiments.pictures import SLICES, held_out, learnt_from, tested, training_pictures
from experiments.record import provenance, recorded, save
from experiments.shipped import ATLAS_LICENCE, FONOV, SEED

__all__ = [
    "SEEDS",
    "attack",
    "auc_interval",
    "draw_halves",
    "judge_generation",
    "judge_restoration",
    "judge_translation",
    "save_generator",
]

# Of trainings; of samples and halves where there is one training.
SEEDS = (0, 1, 2)
STRENGTHS = {"non-local means": (0.6, 0.8, 1.0, 1.3), "total variation": (0.5, 0.8, 1.2, 1.8)}
WEIGHTS = (0.003, 0.006, 0.012, 0.025, 0.05)
TUNED_ON, SAMPLES = 6, 384


def judge_restoration(real):
    """Denoising and reconstruction: `results/denoising.csv` and `results/reconstruction.csv`.

    The classical methods' strengths are those with the highest PSNR in the brain on other phantoms than are tested.
    """
    others = held_out(training_pictures())
    sample = others.take(np.linspace(0, len(others) - 1, TUNED_ON).astype(int))
    # One choice of each method at a time: they know nothing of each other.
    together = [dict(zip(STRENGTHS, choices, strict=True)) for choices in zip(*STRENGTHS.values(), strict=True)]
    tried = [
        tasks.score_denoising(sample, strengths=choice).groupby("method")["psnr_brain"].mean() for choice in together
    ]
    strengths = {name: together[int(np.argmax([means[name] for means in tried]))][name] for name in DENOISERS}
    tried = [tasks.score_reconstruction(sample, weight=weight) for weight in WEIGHTS]
    means = [table[table["method"] == "total variation"]["psnr_brain"].mean() for table in tried]
    weight = WEIGHTS[int(np.argmax(means))]
    denoise = functools.partial(tasks.score_denoising, strengths=strengths)
    _judge("denoising", denoise, real, strengths=strengths)
    _judge("reconstruction", functools.partial(tasks.score_reconstruction, weight=weight), real, weight=weight)


def judge_translation(real):
    """A missing modality: `results/translation.csv`."""
    _judge("translation", lambda *parts, seed: tasks.score_translation(*parts, T2_FROM_T1)[1], real)


def _judge(name, score, real, **facts):
    """Train a network of `NETWORKS` with every seed that its table lacks, and score it on phantoms and on patients.

    A row is a mean over the slices of a case. `score` is given pictures, the translator and the seed.
    """
    cohorts = {"phantoms": tested()} | ({"real patients": tested(real)} if real else {})
    table = recorded(name, ["data", "method", "seed", "case"])
    for seed in SEEDS:
        if (table["seed"] == seed).any():
            continue
        result = train_network(name, seed)
        for data, pictures in cohorts.items():
            found = score(pictures, result.model.translator, seed=seed)
            keys = [column for column in found if column not in tasks.SCORES]
            found = found.groupby(keys, sort=False)[list(tasks.SCORES)].mean().reset_index()
            print(name, seed, data, found.groupby("method")["psnr_brain"].mean().round(2).to_dict(), flush=True)
            table = pd.concat([table, found.assign(data=data, seed=seed)], ignore_index=True)
        minutes = round(result.seconds / 60, 1)
        save(name, table, minutes=minutes, slices_seen=_seen(result, name), **facts)


def draw_halves(pictures, cases, seed):
    """Slices of as many cases, drawn with the seed, in two halves that share no case and are equally large."""
    drawn = np.random.default_rng(seed).permutation(np.unique(pictures.case))[: cases // 2 * 2]
    return [pictures.take(np.isin(pictures.case, half)) for half in np.split(drawn, 2)]


def judge_generation(real):
    """Samples against slices of phantoms and of patients: `results/generation.csv`, and the generator that ships.

    The generator is one training; samples, and halves of the cases, are drawn with three seeds.
    """
    pictures, parts = training_pictures(), {name: train_network(name) for name in ("compression", "generation")}
    generator, seen = _generator(parts), learnt_from(pictures)
    references = {"phantoms": held_out(pictures)} | ({"patients": make_pictures(real, SLICES)} if real else {})
    # Distances to few slices are larger, and halves of few cases are further apart: both references have as many.
    cases = min(len(np.unique(reference.case)) for reference in references.values())
    network, recipe, card = weights.load("phantom", precision="float32")
    features, tables = functools.partial(unet_features, network, recipe), []
    for seed in SEEDS:
        for reference, shown in references.items():
            one, other = draw_halves(shown, cases, seed)
            count = len(one)
            drawn = np.random.default_rng(seed).choice(len(seen), count, replace=False)
            sets = {
                "GAN": synthesise(generator, draw_latent(count, GENERATION.latent, seed=seed))[0],
                "drawn again from their codes": split_labelled(_draw_again(parts["compression"].model, other))[0],
                "slices it learnt from": seen.images[drawn],
            }
            table = tasks.distance_table(features, sets, (one.images, other.images), seed)
            flair = {name: images[..., 0].astype(float) for name, images in {"real": other.images, **sets}.items()}
            alike = {name: pairwise_ms_ssim(images) for name, images in flair.items()}
            tables.append(table.assign(ms_ssim=table["set"].map(alike), reference=reference, seed=seed))
            print(tables[-1].round(3), flush=True)
    table = pd.concat(tables)[["reference", "seed", *tables[0].columns[:-2]]]
    minutes = {name: round(result.seconds / 60, 1) for name, result in parts.items()}
    slices_seen = {name: _seen(result, name) for name, result in parts.items()}
    # Distances depend on the network whose features they compare.
    about = {"cases": cases, "minutes": minutes, "slices_seen": slices_seen, "training_seed": SEED}
    save("generation", table, features_of=card.weights["sha256"], **about)
    scores = table[table["set"] == "GAN"].drop(columns=["seed", "set"]).groupby("reference").mean().round(4)
    recipe, compression = (
        dataclasses.replace(recipe, epochs=len(parts[recipe.name].history)) for recipe in (GENERATION, COMPRESSION)
    )
    save_generator(generator, recipe, compression, {
        "data": f"{seen_cases(pictures)} phantoms of version {VERSION}, no patient",
        "licence": ATLAS_LICENCE, "citations": [FONOV],
        "training": provenance(minutes=round(sum(minutes.values()), 1), slices_seen=slices_seen),
        "scores": scores.reset_index().to_dict("records"),
        "intended_use": "Teaching and research. What it makes shows nobody and is no ground for any decision.",
        "limitations": ["Learnt from phantoms alone: as far from patients as they are.", "Single slices of 1.5 mm."],
    })  # fmt: skip


def save_generator(generator, recipe, compression, facts, card=GENERATOR):
    """Write the weights of a generator of `gan.join`, float16, and their card, which `load_generator` reads.

    `recipe` and `compression` are what the GAN and the autoencoder were trained with, `facts` what a reader must know:
    data, training, scores, limitations.
    """
    arrays = to_float16(generator, card)
    content = pack(arrays)
    settings = {"recipe": dataclasses.asdict(recipe), "compression": dataclasses.asdict(compression)}
    about = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content),
             "parameters": sum(array.size for array in arrays.values())}  # fmt: skip
    write_whole(card.with_suffix(".npz"), content)
    write_whole(card, json.dumps({**settings, "weights": about, **facts}, indent=1) + "\n")


def seen_cases(pictures):
    """How many cases were learnt from."""
    return len(np.unique(learnt_from(pictures).case))


def attack(real):
    """Membership inference against our own GAN: `results/membership.csv`.

    By the critic's judgement, by the autoencoder's error and by the distance to the nearest of many samples, of slices
    that were learnt from and of slices of other phantoms of the same kinds.
    """
    pictures, parts = training_pictures(), {name: train_network(name) for name in ("compression", "generation")}
    autoencoder, gan = (parts[name].model for name in ("compression", "generation"))
    others = held_out(pictures)
    members = learnt_from(pictures)
    members = members.take(members.case < len(np.unique(others.case)))
    made, _ = synthesise(_generator(parts), draw_latent(4 * SAMPLES, GENERATION.latent, seed=2))
    samples = _small(made)
    rows = []
    for name, score in {
        "critic's judgement": lambda shown: forward(gan.critic, encode(autoencoder, shown))[:, 0],
        "autoencoder's error": lambda shown: (
            -np.abs(_draw_again(autoencoder, shown) - shown.labelled()).mean((1, 2, 3))
        ),
        "nearest sample": lambda shown: -nearest_distances(_small(shown.images), samples)[0],
    }.items():
        inside, outside = score(members), score(others)
        low, high = auc_interval(inside, outside, members.case, others.case)
        rows.append({"attack": name, "auc": attack_auc(inside, outside), "low": low, "high": high,
                     "members": len(inside), "others": len(outside)})  # fmt: skip
    table = pd.DataFrame(rows)
    save("membership", table, samples=len(samples), seed=SEED)
    print(table.round(3))


def auc_interval(members, others, member_case, other_case, draws=1000):
    """95 % bootstrap interval of `attack_auc`, drawing cases and not slices, which are alike within a case.

    An attack's scores of the slices of members and of others, and which case each slice is of.
    """
    rng, sides = np.random.default_rng(0), []
    for scores, cases in ((members, member_case), (others, other_case)):
        scores, cases = np.asarray(scores, float), np.asarray(cases)
        sides.append([scores[cases == case] for case in np.unique(cases)])
    found = []
    for _ in range(draws):
        drawn = [np.concatenate([side[i] for i in rng.integers(len(side), size=len(side))]) for side in sides]
        found.append(attack_auc(*drawn))
    low, high = np.percentile(found, (2.5, 97.5))
    return float(low), float(high)


def _generator(parts):
    return join(parts["generation"].model.generator, parts["compression"].model.decoder)


def _draw_again(autoencoder, pictures):
    """Slices with their labels as the autoencoder draws them again from their codes."""
    return forward(autoencoder.decoder, encode(autoencoder, pictures))


def _small(images):
    """A quarter of the side: what two slices share is not decided by their noise."""
    images = np.asarray(images, np.float32)
    n, side, _, channels = images.shape
    return images.reshape(n, side // 4, 4, side // 4, 4, channels).mean((2, 4))


def _seen(result, name):
    return int(len(result.history) * NETWORKS[name][0].slices_per_epoch)
