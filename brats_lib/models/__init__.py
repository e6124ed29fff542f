"""Networks: a recipe in, an uncompiled Keras model out."""

from functools import singledispatch

from brats_lib.labels import LABELS, REGIONS
from brats_lib.models.native_unet import build_native_unet
from brats_lib.models.unet import build_unet
from brats_lib.recipes import NativeRecipe, Recipe

__all__ = ["build"]


@singledispatch
def build(recipe, precision="float32", seed=None):
    """Build the untrained network of a recipe.

    Parameters
    ----------
    recipe : Recipe, NativeRecipe or GenerativeRecipe
        Says how many channels go in and how wide the network is. Other kinds of recipes are added by
        ``build.register``, as `brats_lib.studies.synthesis.networks` adds the last one.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of the layers. It is given to each layer, so Keras's global policy stays as it is;
        weights and output are float32 in any case.
    seed : int, optional
        Seed of the initial weights and of dropout; taken from Keras's global random state where omitted.

    Returns
    -------
    keras.Model
        Of a `Recipe`: slices (n, size, size, modalities), scaled 0-1, to class probabilities (n, size, size, 4) in
        the order of `labels.LABELS`. Of a `NativeRecipe`: slices (n, h, w, channels) in standard deviations, both
        sides multiples of ``2 ** (len(widths) - 1)``, to probabilities (n, h, w, 3) in the order of
        `labels.REGIONS`, or (n, h, w, 4) of classes where the recipe has no regions. Of a `GenerativeRecipe`: what
        it learns from to its losses; the network that makes pictures is a part of it.
    """
    raise TypeError(f"no network is known for a {type(recipe).__name__}; import the module that adds it")


@build.register
def _published(recipe: Recipe, precision="float32", seed=None):
    return build_unet(
        size=recipe.size,
        channels=len(recipe.modalities),
        classes=len(LABELS),
        width=recipe.width,
        dropout=recipe.dropout,
        precision=precision,
        seed=seed,
    )


@build.register
def _native(recipe: NativeRecipe, precision="float32", seed=None):
    return build_native_unet(
        channels=recipe.channels,
        widths=recipe.widths,
        outputs=len(REGIONS if recipe.regions else LABELS),
        regions=recipe.regions,
        precision=precision,
        seed=seed,
    )
