"""Networks: a recipe in, an uncompiled Keras model out."""

from functools import singledispatch

import keras

from brats_lib.labels import LABELS, REGIONS
from brats_lib.models.native_unet import build_native_unet
from brats_lib.models.unet import build_unet
from brats_lib.recipes import GenerativeRecipe, NativeRecipe, Recipe

__all__ = ["build"]


@singledispatch
def build(
    recipe: Recipe | NativeRecipe | GenerativeRecipe, precision: str = "float32", seed: int | None = None
) -> keras.Model:
    """Build the untrained network of a recipe.

    Of a `Recipe` it maps slices (n, size, size, modalities), scaled 0-1, to class probabilities (n, size, size, 4) in
    the order of `labels.LABELS`. Of a `NativeRecipe`, slices (n, h, w, channels) in standard deviations, both sides
    multiples of ``2 ** (len(widths) - 1)``, to probabilities (n, h, w, 3) in the order of `labels.REGIONS`, or (n, h,
    w, 4) of classes where the recipe has no regions. Of a `GenerativeRecipe`, which
    `brats_lib.studies.synthesis.networks` adds, what it learns from to its losses; the network that makes pictures is
    a part of it.

    Parameters
    ----------
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of all layers but the last, which stays float32: eight bits of mantissa are too few for
        probabilities that are compared with each other. Weights are float32 in any case, and Keras's global policy
        stays as it is.
    seed
        Of the initial weights and of dropout; taken from Keras's global random state where omitted.
    """
    raise TypeError(f"no network is known for a {type(recipe).__name__}; import the module that adds it")


@build.register
def _published(recipe: Recipe, precision="float32", seed=None):
    channels = len(recipe.modalities)
    return build_unet(recipe.size, channels, len(LABELS), recipe.width, recipe.dropout, precision, seed)


@build.register
def _native(recipe: NativeRecipe, precision="float32", seed=None):
    outputs = len(REGIONS if recipe.regions else LABELS)
    return build_native_unet(recipe.channels, recipe.widths, outputs, recipe.regions, precision, seed)
