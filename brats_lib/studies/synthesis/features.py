"""Features of pictures, for the distances of `metrics.frechet`: of our own U-Net, and of Inception-v3 where it is."""

import keras
import numpy as np

from brats_lib.cases import MODALITIES
from brats_lib.cases.brain import zscore
from brats_lib.cases.fetch import retrieve
from brats_lib.errors import BratsError
from brats_lib.files import home_path
from brats_lib.studies.synthesis.forward import forward

__all__ = ["INCEPTION_FILE", "fetch_inception", "inception_features", "open_inception", "unet_features"]

# Address and checksum as Keras itself has them.
INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
INCEPTION_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/{INCEPTION_FILE}"
INCEPTION_HASH = "md5:bcbd6486424b2319ff4ef7d526e38f63"
_HOW = "`brats fetch inception runs/inception` downloads them (92 MB)."
_INCEPTION_SIDE = 299
_COLOURS = ("flair", "t1ce", "t2")
# Darker than this in every modality is background.
_FLOOR = 0.02


def unet_features(network, recipe, images, batch_slices=32):
    """Features at the bottleneck of a native U-Net, averaged over the brain.

    Such a network knows brains and their tumours. Its distances are no FID and not comparable with any.

    Parameters
    ----------
    network : keras.Model
        As `weights.load` gives it.
    recipe : brats_lib.recipes.NativeRecipe
        Says what the network reads. A picture has no neighbours, so it takes their place as well.
    images : array of float, shape (n, size, size, 4)
        In 0-1, modalities in the order of `cohort.MODALITIES`.
    batch_slices : int
        Decides memory, not the result.

    Returns
    -------
    array of float32, shape (n, features)
        128 of the networks that ship.
    """
    bottleneck = [layer for layer in network.layers if layer.name.startswith("bottleneck")][-1]
    reader = keras.Model(network.input, bottleneck.output)
    step = 2 ** (len(recipe.widths) - 1)
    channels = [MODALITIES.index(modality) for modality in recipe.modalities]
    parts = []
    for start in range(0, len(images), batch_slices):
        batch = np.asarray(images[start : start + batch_slices], np.float32)
        brain = (batch > _FLOOR).any(-1)
        chosen = batch[..., channels]
        scaled = [
            [zscore(np.where(b, p, 0)) for p in np.moveaxis(c, -1, 0)] for b, c in zip(brain, chosen, strict=True)
        ]
        read = np.moveaxis(np.clip(scaled, *recipe.clip), 1, -1)
        found = forward(reader, np.tile(read, 2 * recipe.neighbours + 1))
        # Of the background there is more than of the brain, and it is the same in every picture.
        n, side = len(brain), brain.shape[1] // step
        inside = brain.reshape(n, side, step, side, step).mean((2, 4))
        parts.append(np.einsum("nxyc,nxy->nc", found, inside) / (inside.sum((1, 2)) + 1e-6)[:, None])
    return np.concatenate(parts)


def fetch_inception(folder, url=INCEPTION_URL, known_hash=INCEPTION_HASH, progress=True):
    """Download the weights of Inception-v3 (92 MB), going on where an earlier call stopped.

    Parameters
    ----------
    folder : str or Path
        Gets the file.
    url, known_hash : str
        Address, and checksum as ``"md5:..."``.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    BratsError
        If the download fails, its checksum is wrong, or it cannot be written.
    """
    folder = home_path(folder)
    return retrieve(url, known_hash, folder / INCEPTION_FILE, folder / f".{INCEPTION_FILE}.part", progress)


def open_inception(folder):
    """Inception-v3 with the weights of ImageNet, if they are at hand.

    Parameters
    ----------
    folder : str or Path
        Where `fetch_inception` put them.

    Returns
    -------
    keras.Model or None
        Pictures (n, 299, 299, 3) in -1 to 1 to 2048 features. None, and a line that says how to get the weights,
        where they are not there.

    Raises
    ------
    BratsError
        If the file is damaged.
    """
    file = home_path(folder) / INCEPTION_FILE
    if not file.is_file():
        print(f"No FID and KID: the weights of Inception-v3 are not in '{file.parent.name}'.", _HOW)
        return None
    network = keras.applications.InceptionV3(
        include_top=False, weights=None, pooling="avg", input_shape=(_INCEPTION_SIDE, _INCEPTION_SIDE, 3)
    )  # fmt: skip
    try:
        network.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().split("\n")[0]
        raise BratsError(
            file, f"it cannot be read ({reason})", "the weights of Inception-v3", "Delete it and fetch it again"
        ) from error  # fmt: skip
    return network


def inception_features(network, images, batch_slices=16):
    """Features of Inception-v3: FLAIR, T1ce and T2 are its red, green and blue.

    The weights are Keras's, not those of the first FID program, so its values differ a little from that one's.

    Parameters
    ----------
    network : keras.Model
        As `open_inception` gives it.
    images : array of float, shape (n, size, size, 4)
        In 0-1, modalities in the order of `cohort.MODALITIES`.
    batch_slices : int
        Decides memory, not the result.

    Returns
    -------
    array of float32, shape (n, 2048)
    """
    channels = [MODALITIES.index(modality) for modality in _COLOURS]
    parts = []
    for start in range(0, len(images), batch_slices):
        batch = np.asarray(images[start : start + batch_slices], np.float32)[..., channels]
        side = (_INCEPTION_SIDE, _INCEPTION_SIDE)
        resized = keras.ops.image.resize(batch, side, interpolation="bilinear", data_format="channels_last")
        parts.append(forward(network, keras.ops.convert_to_numpy(resized) * 2 - 1))
    return np.concatenate(parts)
