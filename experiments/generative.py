"""The generative networks of chapters 8 and 9, trained for longer than a notebook can."""

from brats_lib.phantom import VERSION
from brats_lib.recipes import COMPRESSION, GENERATION, RESTORATION, T2_FROM_T1
from brats_lib.studies.synthesis.batches import CodeBatches, PictureBatches
from brats_lib.studies.synthesis.tasks import add_noise, undersample
from brats_lib.training.devices import choose_precision
from brats_lib.training.fitting import train
from experiments.pictures import learnt_from, training_pictures
from experiments.shipped import RUNS, SEED

__all__ = ["NETWORKS", "train_network"]

# What each learns, of what damage, and in how many of its recipe's epochs. The last three are trained three times.
NETWORKS = {
    "compression": (COMPRESSION, None, 14),
    "generation": (GENERATION, None, 24),
    "denoising": (RESTORATION, add_noise, 4),
    "reconstruction": (RESTORATION, undersample, 4),
    "translation": (T2_FROM_T1, None, 4),
}


def train_network(name, seed=SEED):
    """Train one of `NETWORKS` on phantoms, or load it if that is done.

    Returns
    -------
    brats_lib.training.fitting.TrainingResult
    """
    recipe, damage, epochs = NETWORKS[name]
    pictures = learnt_from(training_pictures())
    if recipe is GENERATION:
        batches = CodeBatches(train_network("compression", seed).model, pictures, recipe, seed)
    else:
        batches = PictureBatches(pictures, recipe, seed, damage=damage)
    return train(
        recipe, batches, None, f"{RUNS}/{name}-{seed}", epochs=epochs, seed=seed,
        precision=choose_precision(), data_fingerprint=f"{name}, phantoms of version {VERSION}", verbose=2,
    )  # fmt: skip
