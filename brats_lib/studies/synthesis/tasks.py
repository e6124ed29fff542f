"""The tasks of the chapter, scored: denoising, reconstruction, a missing modality, generation.

A table of scores has one row per slice and method: case, modality, method and `SCORES`. Where pictures of one
modality are wanted, the modalities take turns from slice to slice. A `translator` is that of a
`translation.Translation`.
"""

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import pandas as pd

from brats_lib.cases import MODALITIES
from brats_lib.recipes import GenerativeRecipe
from brats_lib.scores.images import frechet_distance, image_scores, kernel_distance
from brats_lib.studies.synthesis import damage
from brats_lib.studies.synthesis.networks import forward
from brats_lib.studies.synthesis.pictures import Pictures

NETWORK = "network"
SCORES = ("psnr_slice", "psnr_brain", "ssim_slice", "ssim_brain")


def add_noise(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Noise of any level between the lowest and the highest of `damage.LEVELS`: what a denoiser learns from."""
    return damage.rician(rng, picture, np.exp(rng.uniform(*np.log([damage.LEVELS[0], damage.LEVELS[-1]]))))


def undersample(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """The zero-filled picture of one of the rates of `damage.RATES`: what a reconstructor learns from."""
    lines = damage.sampling_lines(rng, len(picture), int(rng.choice(list(damage.RATES))))
    return damage.zero_filled(damage.measure(picture, lines))


def restore(translator: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Let a network restore pictures (n, h, w) of one modality each; float32, not below 0."""
    return np.clip(forward(translator, np.asarray(pictures, np.float32)[..., None])[..., 0], 0, None)


def reconstruct(translator: keras.Model, known: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
    """Let a network restore zero-filled pictures, and put what `damage.measure` gave with its lines back into them."""
    guesses = restore(translator, np.stack([damage.zero_filled(spectrum) for spectrum, _ in known]))
    pairs = zip(guesses, known, strict=True)
    return [np.clip(damage.restore_measured(guess, *pair), 0, None) for guess, pair in pairs]


def score_denoising(
    pictures: Pictures,
    translator: keras.Model | None = None,
    strengths: Mapping[str, float] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Score denoisers on Rician noise from a seed, with a column for its level, which the translator is not given.

    `strengths` are those of `damage.DENOISERS`; their defaults where omitted.
    """
    strengths, rng, rows = strengths or {}, np.random.default_rng(seed), []
    clean, about = _one_modality(pictures)
    for level in damage.LEVELS:
        noisy = np.stack([damage.rician(rng, picture, level) for picture in clean])
        found: dict[str, Sequence[np.ndarray] | np.ndarray] = {"noisy": noisy}
        for name, denoise in damage.DENOISERS.items():
            options = {"strength": strengths[name]} if name in strengths else {}
            found[name] = [denoise(picture, level, **options) for picture in noisy]
        if translator is not None:
            found[NETWORK] = restore(translator, noisy)
        rows += _score(about, clean, found, pictures.brain, level=level)
    return pd.DataFrame(rows)


def score_reconstruction(
    pictures: Pictures, translator: keras.Model | None = None, weight: float = 0.02, seed: int = 0
) -> pd.DataFrame:
    """Score reconstructions from undersampled k-space, with a column for how many times fewer lines are measured.

    Lines are chosen from the seed and put back into what the network gives. `weight` is that of
    `damage.tv_reconstruction`.
    """
    rng, rows = np.random.default_rng(seed), []
    clean, about = _one_modality(pictures)
    for rate in damage.RATES:
        lines = [damage.sampling_lines(rng, clean.shape[1], rate) for _ in clean]
        known = [(damage.measure(picture, chosen), chosen) for picture, chosen in zip(clean, lines, strict=True)]
        found = {
            "zero-filled": [damage.zero_filled(spectrum) for spectrum, _ in known],
            "total variation": [damage.tv_reconstruction(*pair, weight) for pair in known],
        }
        if translator is not None:
            found[NETWORK] = reconstruct(translator, known)
        rows += _score(about, clean, found, pictures.brain, rate=rate)
    return pd.DataFrame(rows)


def score_translation(
    pictures: Pictures, translator: keras.Model, recipe: GenerativeRecipe
) -> tuple[np.ndarray, pd.DataFrame]:
    """Score a network that makes one modality of others, beside one grey level, its mean, and beside the source itself.

    What it makes, float32, (n, h, w), comes before the scores: 0 outside the brain, as the source shows where that is.
    """
    images, (target,) = pictures.images.astype(np.float32), recipe.targets
    sources = images[..., [MODALITIES.index(name) for name in recipe.sources]]
    truth = images[..., MODALITIES.index(target)]
    made = np.clip(forward(translator, sources)[..., 0], 0, 1) * pictures.brain
    flat = pictures.brain * truth[pictures.brain].mean()
    about = [{"case": pictures.names[case], "modality": target} for case in pictures.case]
    shown = {"one grey level": flat, f"{recipe.sources[-1]} itself": sources[..., -1], NETWORK: made}
    return made, pd.DataFrame(_score(about, truth, shown, pictures.brain))


def distance_table(
    features: Callable[[np.ndarray], np.ndarray],
    sets: Mapping[str, np.ndarray],
    halves: Sequence[np.ndarray],
    seed: int = 0,
) -> pd.DataFrame:
    """Fréchet and kernel distance of sets of pictures to real ones, each between its floor and its ceiling.

    `features` turns pictures into features, such as `features.unet_features` with its network. `halves` are real
    pictures of different cases, as many as each set has: the first is what is compared with, the second gives the
    floor. Uniform noise in every pixel, from the seed, gives the ceiling. One row per set, "real" and "noise" included:
    set, samples, frechet, kernel, and position, which is 0 at the floor and 1 at the ceiling of the Fréchet distance.
    """
    noise = np.random.default_rng(seed).random(np.shape(halves[1]), np.float32).astype(np.float16)
    reference, rows = features(halves[0]), []
    for name, pictures in {"real": halves[1], **sets, "noise": noise}.items():
        found = features(pictures)
        rows.append({"set": name, "samples": len(found), "frechet": frechet_distance(reference, found),
                     "kernel": kernel_distance(reference, found)})  # fmt: skip
    table = pd.DataFrame(rows)
    floor, ceiling = table["frechet"].iloc[[0, -1]]
    return table.assign(position=(table["frechet"] - floor) / (ceiling - floor))


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
