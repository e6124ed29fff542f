"""The tasks of the chapter, scored: denoising, reconstruction, a missing modality, generation."""

import functools

import numpy as np
import pandas as pd

from brats_lib.cases import MODALITIES
from brats_lib.scores.frechet import frechet_distance, kernel_distance, position
from brats_lib.scores.images import image_scores
from brats_lib.studies.synthesis.classical import DENOISERS, keep_measured, tv_reconstruction
from brats_lib.studies.synthesis.damage import LEVELS, RATES, measure, rician, sampling_lines, zero_filled
from brats_lib.studies.synthesis.forward import forward

__all__ = [
    "NETWORK", "SCORES", "add_noise", "distance_table", "noise_pictures", "restore", "score_denoising",
    "score_reconstruction", "score_translation", "undersample",
]  # fmt: skip

NETWORK = "network"
SCORES = ("psnr_slice", "psnr_brain", "ssim_slice", "ssim_brain")


def add_noise(rng, picture):
    """Noise of any level between the lowest and the highest of `damage.LEVELS`: what a denoiser learns from."""
    return rician(rng, picture, np.exp(rng.uniform(*np.log([LEVELS[0], LEVELS[-1]]))))


def undersample(rng, picture):
    """The zero-filled picture of one of the rates of `damage.RATES`: what a reconstructor learns from."""
    lines = sampling_lines(rng, len(picture), int(rng.choice(list(RATES))))
    return zero_filled(measure(picture, lines))


def restore(translator, pictures, batch_slices=32):
    """Let a network restore pictures of one modality each.

    Parameters
    ----------
    translator : keras.Model
        Of a `translation.Translation`.
    pictures : array of float, shape (n, h, w)
    batch_slices : int
        Decides memory, not the result.

    Returns
    -------
    array of float32, shape (n, h, w)
        Not below 0.
    """
    pictures = np.asarray(pictures, np.float32)[..., None]
    return np.clip(forward(translator, pictures, batch_slices)[..., 0], 0, None)


def score_denoising(pictures, translator=None, levels=LEVELS, strengths=None, seed=0):
    """Score denoisers on Rician noise; the modalities take turns from slice to slice.

    Parameters
    ----------
    pictures : brats_lib.studies.synthesis.pictures.Pictures
        Nothing of them was learnt from.
    translator : keras.Model, optional
        As in `restore`; it is not told the level.
    levels : sequence of float
        Standard deviations of the noise.
    strengths : dict of str to float, optional
        Of `classical.DENOISERS`; their defaults where omitted.
    seed : int
        Seed of the noise.

    Returns
    -------
    pandas.DataFrame
        One row per slice, level and method: case, modality, level, method and `SCORES`.
    """
    strengths, rng, rows = strengths or {}, np.random.default_rng(seed), []
    clean, about = _one_modality(pictures)
    for level in levels:
        noisy = np.stack([rician(rng, picture, level) for picture in clean])
        found = {"noisy": noisy}
        for name, denoise in DENOISERS.items():
            options = {"strength": strengths[name]} if name in strengths else {}
            found[name] = [denoise(picture, level, **options) for picture in noisy]
        if translator is not None:
            found[NETWORK] = restore(translator, noisy)
        rows += _score(about, clean, found, pictures.brain, level=level)
    return pd.DataFrame(rows)


def score_reconstruction(pictures, translator=None, rates=tuple(RATES), weight=0.02, seed=0):
    """Score reconstructions from undersampled k-space; the modalities take turns from slice to slice.

    Parameters
    ----------
    pictures, translator
        As in `score_denoising`. The measured lines are put back into what the network gives.
    rates : sequence of int
        How many times fewer lines are measured.
    weight : float
        Of `classical.tv_reconstruction`.
    seed : int
        Seed of the lines.

    Returns
    -------
    pandas.DataFrame
        One row per slice, rate and method: case, modality, rate, method and `SCORES`.
    """
    rng, rows = np.random.default_rng(seed), []
    clean, about = _one_modality(pictures)
    for rate in rates:
        lines = [sampling_lines(rng, clean.shape[1], rate) for _ in clean]
        known = [measure(picture, chosen) for picture, chosen in zip(clean, lines, strict=True)]
        zero = np.stack([zero_filled(spectrum) for spectrum in known])
        both = list(zip(known, lines, strict=True))
        found = {"zero-filled": zero, "total variation": [tv_reconstruction(*pair, weight=weight) for pair in both]}
        if translator is not None:
            guesses = restore(translator, zero)
            found[NETWORK] = [np.clip(keep_measured(g, *pair), 0, None) for g, pair in zip(guesses, both, strict=True)]
        rows += _score(about, clean, found, pictures.brain, rate=rate)
    return pd.DataFrame(rows)


def score_translation(pictures, translator, recipe):
    """Score a network that makes one modality of others, beside the mean of the target and beside the source itself.

    Parameters
    ----------
    pictures : brats_lib.studies.synthesis.pictures.Pictures
        Nothing of them was learnt from.
    translator : keras.Model
    recipe : brats_lib.recipes.GenerativeRecipe
        Sources and target.

    Returns
    -------
    found : array of float32, shape (n, h, w)
        What the network makes, 0 outside the brain, as the source shows where that is.
    scores : pandas.DataFrame
        One row per slice and method: case, modality, method and `SCORES`.
    """
    images = pictures.images.astype(np.float32)
    sources = images[..., [MODALITIES.index(name) for name in recipe.sources]]
    (target,) = recipe.targets
    truth = images[..., MODALITIES.index(target)]
    found = np.clip(forward(translator, sources)[..., 0], 0, 1) * pictures.brain
    flat = pictures.brain * truth[pictures.brain].mean()
    about = [{"case": pictures.names[case], "modality": target} for case in pictures.case]
    shown = {"mean of the target": flat, f"{recipe.sources[-1]} itself": sources[..., -1], NETWORK: found}
    return found, pd.DataFrame(_score(about, truth, shown, pictures.brain))


def noise_pictures(pictures, seed=0, in_brain=False):
    """Pictures without any content: what the Fréchet distance has its ceiling by.

    Parameters
    ----------
    pictures : brats_lib.studies.synthesis.pictures.Pictures
        Whose number and brightness they have.
    seed : int
    in_brain : bool
        Noise inside the outlines of the brains, with the mean and the spread of each modality; otherwise uniform
        noise in every pixel.

    Returns
    -------
    array of float16, shape (n, size, size, 4)
    """
    rng, shape = np.random.default_rng(seed), pictures.images.shape
    if not in_brain:
        return rng.random(shape, np.float32).astype(np.float16)
    inside = pictures.images[pictures.brain].astype(np.float32)
    noise = rng.normal(inside.mean(0), inside.std(0), shape)
    return (np.clip(noise, 0, 1) * pictures.brain[..., None]).astype(np.float16)


def distance_table(features, sets, halves, ceiling):
    """Fréchet and kernel distance of sets of pictures to real ones, each between its floor and its ceiling.

    Parameters
    ----------
    features : callable
        Pictures to features, such as `features.unet_features` with its network.
    sets : dict of str to array
        What is scored, as many pictures each as `halves` have.
    halves : (array, array)
        Real pictures of different cases: the first is what is compared with, the second gives the floor.
    ceiling : array
        Pictures of noise.

    Returns
    -------
    pandas.DataFrame
        One row per set, the floor "real" and the ceiling "noise" included: set, samples, frechet, kernel, and
        position, which is 0 at the floor and 1 at the ceiling of the Fréchet distance.
    """
    reference = features(halves[0])
    rows = []
    for name, pictures in {"real": halves[1], **sets, "noise": ceiling}.items():
        found = features(pictures)
        rows.append({"set": name, "samples": len(found), "frechet": frechet_distance(reference, found),
                     "kernel": kernel_distance(reference, found)})  # fmt: skip
    table = pd.DataFrame(rows)
    place = functools.partial(position, floor=table["frechet"].iloc[0], ceiling=table["frechet"].iloc[-1])
    return table.assign(position=table["frechet"].map(place))


def _one_modality(pictures):
    """A picture of each slice, and what it is of."""
    turn = np.arange(len(pictures)) % len(MODALITIES)
    clean = pictures.images[np.arange(len(pictures)), ..., turn].astype(np.float32)
    cases = zip(pictures.case, turn, strict=True)
    return clean, [{"case": pictures.names[case], "modality": MODALITIES[channel]} for case, channel in cases]


def _score(about, truth, found, brain, **facts):
    return [
        {**about[i], **facts, "method": name, **image_scores(truth[i], made[i], brain[i])}
        for name, made in found.items()
        for i in range(len(truth))
    ]  # fmt: skip
