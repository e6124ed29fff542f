"""Features of pictures, for the distances of `scores.images`: of our own U-Net, and of Inception-v3 where it is.

Pictures are (n, size, size, 4) in 0-1, modalities in the order of `cases.MODALITIES`; features are float32, one row
for each.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from brats_lib.cases import MODALITIES
from brats_lib.cases.brain import zscore
from brats_lib.cases.fetch import retrieve
from brats_lib.errors import BratsError
from brats_lib.files import home_path
from brats_lib.recipes import NativeRecipe
from brats_lib.studies.synthesis.networks import FLOOR, bottleneck, forward

# Address and checksum as Keras itself has them.
INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
INCEPTION_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/{INCEPTION_FILE}"
INCEPTION_HASH = "md5:bcbd6486424b2319ff4ef7d526e38f63"
_COLOURS = ("flair", "t1ce", "t2")


def _modalities(images, names):
    return np.asarray(images, np.float32)[..., [MODALITIES.index(name) for name in names]]


def unet_features(network: keras.Model, recipe: NativeRecipe, images: np.ndarray) -> np.ndarray:
    """Features at the bottleneck of a native U-Net, as `weights.load` gives it, averaged over the brain.

    Such a network knows brains and their tumours. Its distances are no FID and not comparable with any. A picture has
    no neighbours, so it takes their place as well.
    """
    brain: np.ndarray = np.any(np.asarray(images, np.float32) > FLOOR, axis=-1)
    chosen = np.where(brain[..., None], _modalities(images, recipe.modalities), 0)
    scaled = np.stack([[zscore(image) for image in np.moveaxis(picture, -1, 0)] for picture in chosen])
    read = np.moveaxis(np.clip(scaled, *recipe.clip), 1, -1)
    found = forward(keras.Model(network.input, bottleneck(network)), np.tile(read, 2 * recipe.neighbours + 1))
    # Of the background there is more than of the brain, and it is the same in every picture.
    step = 2 ** (len(recipe.widths) - 1)
    n, side = len(brain), brain.shape[1] // step
    inside = brain.reshape(n, side, step, side, step).mean((2, 4))
    return np.einsum("nxyc,nxy->nc", found, inside) / (inside.sum((1, 2)) + 1e-6)[:, None]


def fetch_inception(folder: str | Path, known_hash: str = INCEPTION_HASH) -> Path:
    """Download the weights of Inception-v3 (92 MB) to a folder, going on where an earlier call stopped."""
    return retrieve(INCEPTION_URL, known_hash, home_path(folder) / INCEPTION_FILE)


def open_inception(folder: str | Path) -> keras.Model | None:
    """Inception-v3 with the weights of ImageNet: pictures of three colours in 0-1, of any size, to 2048 features.

    None, and a line that says how to get the weights, where `fetch_inception` has not put them into the folder. A
    damaged file is a `BratsError`.
    """
    file = home_path(folder) / INCEPTION_FILE
    if not file.is_file():
        how = "`brats fetch inception runs/inception` downloads them (92 MB)."
        print(f"No FID and KID: the weights of Inception-v3 are not in '{file.parent.name}'. {how}")
        return None
    shape = (299, 299, 3)
    network = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg", input_shape=shape)
    try:
        network.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        found = f"it cannot be read ({str(error).strip().splitlines()[0]})"
        raise BratsError(file, found, "the weights of Inception-v3", "Delete it and fetch it again") from error
    resized = layers.Resizing(*shape[:2], data_format="channels_last")
    return keras.Sequential([keras.Input((None, None, 3)), resized, layers.Rescaling(2.0, offset=-1), network])


def inception_features(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """2048 features of Inception-v3 as `open_inception` gives it: FLAIR, T1ce and T2 are its red, green and blue.

    The weights are Keras's, not those of the first FID program, so its values differ a little from that one's.
    """
    return forward(network, _modalities(images, _COLOURS), batch_slices=16)
