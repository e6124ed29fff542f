"""Networks of the generative recipes, added to `models.build` and `training.objectives`, and how any is applied."""

from collections.abc import Sequence

import keras
import numpy as np

from brats_lib.models import build
from brats_lib.recipes import GenerativeRecipe
from brats_lib.studies.synthesis.autoencoder import Autoencoder
from brats_lib.studies.synthesis.gan import GAN
from brats_lib.studies.synthesis.translation import Translation
from brats_lib.studies.synthesis.vae import VAE
from brats_lib.training.objectives import learning_rate_schedule, objective

__all__ = ["bottleneck", "forward"]

_NETWORKS = {"autoencoder": Autoencoder, "gan": GAN, "vae": VAE, "translation": Translation}


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
    return optimizer, _sum_of_terms, [_TermMean(number, name) for number, name in enumerate(model.terms)]


def _sum_of_terms(y_true, terms):
    return keras.ops.sum(terms, -1)


class _TermMean(keras.metrics.Mean):
    """Mean of one of the losses that a network gives."""

    def __init__(self, number, name):
        super().__init__(name=name)
        self.number = number

    def update_state(self, y_true, terms, sample_weight=None):
        return super().update_state(terms[:, self.number])


def forward(network: keras.Model, inputs: np.ndarray | Sequence[np.ndarray], batch_slices: int = 32) -> np.ndarray:
    """Apply a network with one output to pictures (n, ...), or to one such array for each of its inputs.

    ``keras.Model.predict`` compiles every network anew, and again for every size of a batch. A network of this room
    is asked for some batches and never again, which takes less time than that. The size of the batches decides memory,
    not the result, which is float32.
    """
    single = not isinstance(inputs, list | tuple)
    arrays = [np.asarray(array, np.float32) for array in ([inputs] if single else inputs)]
    parts = []
    for start in range(0, len(arrays[0]), batch_slices):
        batch = [array[start : start + batch_slices] for array in arrays]
        made = network(batch[0] if single else batch, training=False)
        parts.append(keras.ops.convert_to_numpy(keras.ops.cast(made, "float32")))
    return np.concatenate(parts)


def bottleneck(network: keras.Model) -> keras.KerasTensor:
    """What a native U-Net makes of its input at its coarsest level."""
    return [layer.output for layer in network.layers if layer.name.startswith("bottleneck")][-1]
