"""Features of pictures: of our U-Net, and of Inception-v3 as it lies on disk."""

import hashlib

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from brats_lib.errors import BratsError
from brats_lib.models.native_unet import build_native_unet
from brats_lib.recipes import NativeRecipe
from brats_lib.studies.synthesis.features import (
    INCEPTION_FILE,
    fetch_inception,
    inception_features,
    open_inception,
    unet_features,
)


@pytest.fixture
def inception(monkeypatch):
    """A network of two layers stands in for Inception-v3, which takes long to build."""

    def build(include_top, weights, pooling, input_shape):
        assert (include_top, weights, pooling) == (False, None, "avg")
        pictures = keras.Input(input_shape)
        features = keras.layers.Conv2D(5, 3, strides=16, name="features")(pictures)
        return keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(features))

    monkeypatch.setattr(keras.applications, "InceptionV3", build)
    return build(False, None, "avg", (299, 299, 3))


def test_unet_features_are_the_bottleneck_of_standardised_brains():
    recipe = NativeRecipe(widths=(8, 8, 8))
    network = build_native_unet(recipe.channels, recipe.widths, 3, seed=0)
    images = np.zeros((3, 16, 16, 4), np.float32)
    images[:, 4:12, 4:12] = np.random.default_rng(0).uniform(0.2, 0.8, (3, 8, 8, 4))
    images[2] = images[0] * 0.5
    found = unet_features(network, recipe, images)
    assert found.shape == (3, 8)
    np.testing.assert_allclose(found[2], found[0], atol=1e-4)  # standardising takes the brightness off
    assert np.abs(found[1] - found[0]).max() > 1e-3
    images[0, ..., 1] = 0  # T1 is not among the recipe's modalities
    np.testing.assert_allclose(unet_features(network, recipe, images)[0], found[0], atol=1e-6)


def test_absent_weights_are_no_failure_but_a_note_and_damaged_ones_are_refused(tmp_path, inception, capsys):
    assert open_inception(tmp_path) is None
    assert "brats fetch inception" in capsys.readouterr().out
    (tmp_path / INCEPTION_FILE).write_bytes(b"no weights")
    with pytest.raises(BratsError, match="cannot be read"):
        open_inception(tmp_path)


def test_fetched_weights_give_the_networks_own_features(tmp_path, inception):
    file = tmp_path / INCEPTION_FILE
    with h5py.File(file, "w") as group:
        # The format of Keras's own files, which are older than what `save_weights` writes.
        legacy_h5_format.save_weights_to_hdf5_group(group, inception)
    known = "md5:" + hashlib.md5(file.read_bytes()).hexdigest()
    assert fetch_inception(tmp_path, known) == file, "what is there is not fetched again"
    images = np.random.default_rng(0).random((2, 299, 299, 4), np.float32)
    expected = inception.predict(images[..., [0, 2, 3]] * 2 - 1, verbose=0)
    np.testing.assert_allclose(inception_features(open_inception(tmp_path), images), expected, rtol=1e-3, atol=1e-5)
