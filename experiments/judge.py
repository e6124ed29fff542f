"""What the trained generative networks are worth: `results/denoising.csv` and the other tables of chapter 7."""

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
from brats_lib.recipes import COMPRESSION, ENHANCEMENT, GENERATION, T2_FROM_T1
from brats_lib.scores.images import attack_auc, nearest_distances, pairwise_ms_ssim
from brats_lib.studies.synthesis import tasks
from brats_lib.studies.synthesis.damage import DENOISERS
from brats_lib.studies.synthesis.features import unet_features
from brats_lib.studies.synthesis.gan import join
from brats_lib.studies.synthesis.networks import draw_latent, encode, forward, split_labelled, synthesise
from brats_lib.studies.synthesis.store import GENERATOR
from experiments.generative import NETWORKS, SEED, train_network
from experiments.pictures import held_out, learnt_from, tested, training_pictures
from experiments.record import provenance, save
from experiments.shipped import ATLAS_LICENCE, FONOV

__all__ = [
    "attack",
    "auc_interval",
    "judge_generation",
    "judge_restoration",
    "judge_translation",
    "save_generator",
    "short",
]

STRENGTHS = {
    "non-local means": (0.6, 0.8, 1.0, 1.3), "wavelets": (0.6, 0.8, 1.0, 1.3), "total variation": (0.5, 0.8, 1.2, 1.8),
}  # fmt: skip
WEIGHTS = (0.003, 0.006, 0.012, 0.025, 0.05)
TUNED_ON, SAMPLES = 6, 384


def short(table, *by):
    """Means over the slices of each case."""
    return (
        table.groupby(["data", "method", *by, "modality", "case"], sort=False)[list(tasks.SCORES)].mean().reset_index()
    )


def _cohorts(real):
    """Pictures to test on: phantoms, and patients where there are any."""
    cohorts = {"phantoms": tested()}
    return cohorts | ({"real patients": tested(real)} if real else {})


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
    print(strengths, weight, flush=True)
    denoiser, reconstructor = train_network("denoising"), train_network("reconstruction")
    parts = {"denoising": [], "reconstruction": []}
    for data, pictures in _cohorts(real).items():
        found = tasks.score_denoising(pictures, denoiser.model.translator, strengths=strengths)
        parts["denoising"].append(short(found.assign(data=data), "level"))
        found = tasks.score_reconstruction(pictures, reconstructor.model.translator, weight=weight)
        parts["reconstruction"].append(short(found.assign(data=data), "rate"))
    facts = {"denoising": {"strengths": strengths}, "reconstruction": {"weight": weight}}
    for (name, tables), result in zip(parts.items(), (denoiser, reconstructor), strict=True):
        table = pd.concat(tables)
        about = {"minutes": round(result.seconds / 60, 1), "slices_seen": _seen(result, name), "seed": SEED}
        save(name, table, **about, **facts[name])
        print(table.groupby(["data", table.columns[2], "method"])[["psnr_brain", "ssim_brain"]].mean().round(3))


def judge_translation(real):
    """Missing modalities: `results/translation.csv`."""
    parts, minutes = [], {}
    for recipe in (T2_FROM_T1, ENHANCEMENT):
        result = train_network(recipe.name)
        minutes[recipe.name] = round(result.seconds / 60, 1)
        for data, pictures in _cohorts(real).items():
            _, found = tasks.score_translation(pictures, result.model.translator, recipe)
            parts.append(short(found.assign(data=data, task=recipe.name), "task"))
    table = pd.concat(parts)
    save("translation", table, minutes=minutes, slices_seen=_seen(result, "t2-from-t1"), seed=SEED)
    print(table.groupby(["task", "data", "method"])[list(tasks.SCORES)].mean().round(3))


def judge_generation(real):
    """Samples: `results/generation.csv`, and the generator that ships."""
    pictures, parts = training_pictures(), {name: train_network(name) for name in ("compression", "generation")}
    generator = _generator(parts)
    others = held_out(pictures)
    reference, floor = (others.take(others.case % 2 == remainder) for remainder in (0, 1))
    count = min(len(reference), SAMPLES)
    images, _ = synthesise(generator, draw_latent(count, GENERATION.latent, seed=1))
    again, _ = split_labelled(_draw_again(parts["compression"].model, floor))
    network, recipe, card = weights.load("phantom", precision="float32")
    features = functools.partial(unet_features, network, recipe)
    seen = learnt_from(pictures)
    seen = seen.images[np.linspace(0, len(seen) - 1, count).astype(int)]
    table = tasks.distance_table(
        features, {"GAN": images, "drawn again from their codes": again, "slices it learnt from": seen,
                   "noise in the outlines of brains": _noise_in_brains(floor)},
        (reference.images, floor.images),
    )  # fmt: skip
    alike = {"real": floor.images, "GAN": images, "drawn again from their codes": again, "slices it learnt from": seen}
    table["ms_ssim"] = table["set"].map({
        name: pairwise_ms_ssim(shown[..., 0].astype(np.float32)) for name, shown in alike.items()
    })  # fmt: skip
    minutes = {name: round(result.seconds / 60, 1) for name, result in parts.items()}
    slices_seen = {name: _seen(result, name) for name, result in parts.items()}
    # Distances depend on the network whose features they compare.
    about = {"minutes": minutes, "slices_seen": slices_seen, "seed": SEED}
    save("generation", table, features_of=card.weights["sha256"], **about)
    print(table.round(3))
    scores = table[table["set"] == "GAN"].round(4).to_dict("records")[0]
    recipe, compression = (
        dataclasses.replace(recipe, epochs=len(parts[recipe.name].history)) for recipe in (GENERATION, COMPRESSION)
    )
    save_generator(generator, recipe, compression, {
        "data": f"{seen_cases(pictures)} phantoms of version {VERSION}, no patient",
        "licence": ATLAS_LICENCE, "citations": [FONOV],
        "training": provenance(minutes=round(sum(minutes.values()), 1), slices_seen=slices_seen),
        "scores": scores,
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


def _noise_in_brains(pictures):
    """Noise inside the outlines of the brains, with the mean and the spread of each modality."""
    inside = pictures.images[pictures.brain].astype(np.float32)
    noise = np.random.default_rng(0).normal(inside.mean(0), inside.std(0), pictures.images.shape)
    return (np.clip(noise, 0, 1) * pictures.brain[..., None]).astype(np.float16)


def _small(images):
    """A quarter of the side: what two slices share is not decided by their noise."""
    images = np.asarray(images, np.float32)
    n, side, _, channels = images.shape
    return images.reshape(n, side // 4, 4, side // 4, 4, channels).mean((2, 4))


def _seen(result, name):
    return int(len(result.history) * NETWORKS[name][0].slices_per_epoch)
