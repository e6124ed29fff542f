"""Networks: a recipe in, an uncompiled Keras model out."""

from brats_lib.labels import LABELS, REGIONS
from brats_lib.models.autoencoder import Autoencoder
from brats_lib.models.gan import GAN
from brats_lib.models.native_unet import build_native_unet
from brats_lib.models.translation import Translation
from brats_lib.models.unet import build_unet
from brats_lib.models.vae import VAE
from brats_lib.recipes import GenerativeRecipe, NativeRecipe

__all__ = ["build"]


def build(recipe, precision="float32", seed=None):
    """Build the untrained network of a recipe.

    Parameters
    ----------
    recipe : Recipe, NativeRecipe or GenerativeRecipe
        Says how many channels go in and how wide the network is.
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
    if isinstance(recipe, GenerativeRecipe):
        network = {"autoencoder": Autoencoder, "gan": GAN, "vae": VAE, "translation": Translation}[recipe.task]
        model = network(recipe, len(LABELS), precision=precision, seed=seed)
        # Otherwise it would count as unfinished until it is called, and take no weights from a file.
        model.build()
        return model
    if isinstance(recipe, NativeRecipe):
        return build_native_unet(
            channels=recipe.channels,
            widths=recipe.widths,
            outputs=len(REGIONS if recipe.regions else LABELS),
            regions=recipe.regions,
            precision=precision,
            seed=seed,
        )
    return build_unet(
        size=recipe.size,
        channels=len(recipe.modalities),
        classes=len(LABELS),
        width=recipe.width,
        dropout=recipe.dropout,
        precision=precision,
        seed=seed,
    )
