"""Networks of the generative recipes, added to `models.build` and `training.objectives`, and how they are applied."""

from collections.abc import Sequence

import keras
import numpy as np

from brats_lib.models import build
from brats_lib.recipes import GenerativeRecipe
from brats_lib.studies.synthesis.autoencoders import VAE, Autoencoder
from brats_lib.studies.synthesis.gan import GAN
from brats_lib.studies.synthesis.pictures import Pictures
from brats_lib.studies.synthesis.translation import Translation
from brats_lib.training.objectives import learning_rate_schedule, objective

_NETWORKS = {"autoencoder": Autoencoder, "gan": GAN, "vae": VAE, "translation": Translation}
# Darker than this in every modality a pixel that is no tumour is background.
FLOOR = 0.02


@build.register
def _build(recipe: GenerativeRecipe, precision="float32", seed=None):
    model = _NETWORKS[recipe.task](recipe, precision, seed)
    # Otherwise it would count as unfinished until it is called, and take no weights from a file.
    model.build()
    return model


@objective.register
def _objective(recipe: GenerativeRecipe, model, steps):
    optimizer = keras.optimizers.Adam(
        learning_rate_schedule(recipe, steps), recipe.beta_1, 0.99, clipnorm=1.0, use_ema=recipe.averaging > 0,
        ema_momentum=recipe.averaging,
    )  # fmt: skip
    means = [keras.metrics.MeanMetricWrapper(_term, name, number=number) for number, name in enumerate(model.terms)]
    return optimizer, _sum_of_terms, means


def _sum_of_terms(y_true, terms):
    return keras.ops.sum(terms, -1)


def _term(y_true, terms, number):
    return terms[:, number]


def forward(network: keras.Model, inputs: np.ndarray | Sequence[np.ndarray], batch_slices: int = 32) -> np.ndarray:
    """Apply a network with one output to pictures (n, ...), or to one such array for each of its inputs.

    ``keras.Model.predict`` compiles every network anew, and again for every size of a batch. A network of this room
    is asked for some batches and never again, which takes less time than that. The size of the batches decides memory,
    not the result, which is float32.
    """
    single = not isinstance(inputs, list | tuple)
    arrays = [inputs] if single else inputs
    parts = []
    for start in range(0, len(arrays[0]), batch_slices):
        batch = [np.asarray(array[start : start + batch_slices], np.float32) for array in arrays]
        made = network(batch[0] if single else batch, training=False)
        parts.append(keras.ops.convert_to_numpy(keras.ops.cast(made, "float32")))
    return np.concatenate(parts)


def bottleneck(network: keras.Model) -> keras.KerasTensor:
    """What a native U-Net makes of its input at its coarsest level."""
    return [layer.output for layer in network.layers if layer.name.startswith("bottleneck")][-1]


def encode(autoencoder: Autoencoder, pictures: Pictures) -> np.ndarray:
    """Codes of slices with their labels, (n, side, side, latent): the means of the posterior."""
    # Labelled in parts, which takes less memory than all at once.
    parts = [pictures.take(slice(start, start + 32)) for start in range(0, len(pictures), 32)]
    codes = np.concatenate([forward(autoencoder.encoder, part.labelled()) for part in parts])
    return codes[..., : autoencoder.recipe.latent]


def draw_latent(count: int, length: int, seed: int = 0) -> np.ndarray:
    """Standard normal latent vectors, (count, length)."""
    return np.random.default_rng(seed).standard_normal((count, length), np.float32)


def synthesise(generator: keras.Model, latent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make labelled slices of latent vectors (n, length) with a generator of `gan.join`.

    Intensities are float16, (n, size, size, modalities), in 0-1, and the most probable classes uint8, (n, size, size),
    0-3; both are 0 outside the brain.
    """
    return split_labelled(forward(generator, latent))


def split_labelled(made: np.ndarray, modalities: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Part intensities and class probabilities, joined along the last axis, into what `synthesise` gives."""
    images, classes = made[..., :modalities], made[..., modalities:].argmax(-1).astype(np.uint8)
    outside = (images.max(-1) < FLOOR) & (classes == 0)
    return np.where(outside[..., None], 0, images).astype(np.float16), classes
