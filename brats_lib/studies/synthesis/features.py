"""Features of pictures, for the distances of `scores.frechet`: of our own U-Net, and of Inception-v3 where it is.

Pictures are (n, size, size, 4) in 0-1, modalities in the order of `cases.MODALITIES`; features are float32, one row
for each.
"""

from pathlib import Path

import keras
import numpy as np

from brats_lib.cases import MODALITIES
from brats_lib.cases.brain import zscore
from brats_lib.cases.fetch import retrieve
from brats_lib.errors import BratsError
from brats_lib.files import home_path
from brats_lib.recipes import NativeRecipe
from brats_lib.studies.synthesis.networks import bottleneck, forward

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


def _batches(images, modalities, size):
    """Some modalities of pictures in batches of `size`, which decides memory and not the result."""
    channels = [MODALITIES.index(modality) for modality in modalities]
    for start in range(0, len(images), size):
        batch = np.asarray(images[start : start + size], np.float32)
        yield batch, batch[..., channels]


def unet_features(network: keras.Model, recipe: NativeRecipe, images: np.ndarray) -> np.ndarray:
    """Features at the bottleneck of a native U-Net, as `weights.load` gives it, averaged over the brain.

    Such a network knows brains and their tumours. Its distances are no FID and not comparable with any. A picture has
    no neighbours, so it takes their place as well.
    """
    reader = keras.Model(network.input, bottleneck(network))
    step = 2 ** (len(recipe.widths) - 1)
    parts = []
    for batch, chosen in _batches(images, recipe.modalities, 32):
        brain = (batch > _FLOOR).any(-1)
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


def fetch_inception(folder: str | Path, known_hash: str = INCEPTION_HASH) -> Path:
    """Download the weights of Inception-v3 (92 MB) to a folder, going on where an earlier call stopped.

    Raises
    ------
    BratsError
        If the download fails, its checksum (``"md5:..."``) is wrong, or it cannot be written.
    """
    folder = home_path(folder)
    return retrieve(INCEPTION_URL, known_hash, folder / INCEPTION_FILE)


def open_inception(folder: str | Path) -> keras.Model | None:
    """Inception-v3 with the weights of ImageNet: pictures (n, 299, 299, 3) in -1 to 1 to 2048 features.

    None, and a line that says how to get the weights, where `fetch_inception` has not put them into the folder.

    Raises
    ------
    BratsError
        If the file is damaged.
    """
    file = home_path(folder) / INCEPTION_FILE
    if not file.is_file():
        print(f"No FID and KID: the weights of Inception-v3 are not in '{file.parent.name}'.", _HOW)
        return None
    shape = (_INCEPTION_SIDE, _INCEPTION_SIDE, 3)
    network = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg", input_shape=shape)
    try:
        network.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        found = f"it cannot be read ({str(error).strip().splitlines()[0]})"
        raise BratsError(file, found, "the weights of Inception-v3", "Delete it and fetch it again") from error
    return network


def inception_features(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """2048 features of Inception-v3 as `open_inception` gives it: FLAIR, T1ce and T2 are its red, green and blue.

    The weights are Keras's, not those of the first FID program, so its values differ a little from that one's.
    """
    side, parts = (_INCEPTION_SIDE, _INCEPTION_SIDE), []
    for _, batch in _batches(images, _COLOURS, 16):
        resized = keras.ops.image.resize(batch, side, interpolation="bilinear", data_format="channels_last")
        parts.append(forward(network, keras.ops.convert_to_numpy(resized) * 2 - 1))
    return np.concatenate(parts)
