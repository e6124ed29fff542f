"""Networks: a recipe in, an uncompiled Keras model out."""

from brats_lib.labels import LABELS
from brats_lib.models.unet import build_unet

__all__ = ["build"]


def build(recipe, precision="float32", seed=None):
    """Build the untrained network of a recipe.

    Parameters
    ----------
    recipe : Recipe
        Says how many channels go in, how large a slice is, how wide the network is and how much it drops.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of the layers. It is given to each layer, so Keras's global policy stays as it is;
        weights and output are float32 in any case.
    seed : int, optional
        Seed of the initial weights and of dropout; taken from Keras's global random state where omitted.

    Returns
    -------
    keras.Model
        Slices (n, size, size, modalities), scaled 0-1, to class probabilities (n, size, size, 4) in the order of
        `labels.LABELS`.
    """
    return build_unet(
        size=recipe.size,
        channels=len(recipe.modalities),
        classes=len(LABELS),
        width=recipe.width,
        dropout=recipe.dropout,
        precision=precision,
        seed=seed,
    )
