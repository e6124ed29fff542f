"""Networks and objectives of the generative recipes, added to those of `models.build` and `training.objectives`."""

import keras

from brats_lib.labels import LABELS
from brats_lib.models import build
from brats_lib.recipes import GenerativeRecipe
from brats_lib.studies.synthesis.autoencoder import Autoencoder
from brats_lib.studies.synthesis.gan import GAN
from brats_lib.studies.synthesis.translation import Translation
from brats_lib.studies.synthesis.vae import VAE
from brats_lib.training.objectives import learning_rate_schedule, objective

__all__ = ["sum_of_terms"]

_NETWORKS = {"autoencoder": Autoencoder, "gan": GAN, "vae": VAE, "translation": Translation}


@build.register
def _build(recipe: GenerativeRecipe, precision="float32", seed=None):
    model = _NETWORKS[recipe.task](recipe, len(LABELS), precision=precision, seed=seed)
    # Otherwise it would count as unfinished until it is called, and take no weights from a file.
    model.build()
    return model


@objective.register
def _objective(recipe: GenerativeRecipe, model, steps):
    optimizer = keras.optimizers.Adam(
        learning_rate_schedule(recipe, steps), recipe.beta_1, 0.99, clipnorm=1.0, use_ema=recipe.averaging > 0,
        ema_momentum=recipe.averaging,
    )  # fmt: skip
    return optimizer, sum_of_terms, [_TermMean(number, name) for number, name in enumerate(model.terms)]


def sum_of_terms(y_true, terms):
    """Loss of a network that gives its own losses (n, terms): their sum, one number per sample."""
    return keras.ops.sum(terms, -1)


class _TermMean(keras.metrics.Mean):
    """Mean of one of the terms that a network gives."""

    def __init__(self, number, name):
        super().__init__(name=name)
        self.number = number

    def update_state(self, y_true, terms, sample_weight=None):
        return super().update_state(terms[:, self.number])
