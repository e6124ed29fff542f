"""Features of pictures: of our U-Net, and of Inception-v3 as it lies on disk."""

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from brats_lib.errors import BratsError
from brats_lib.models.native_unet import build_native_unet
from brats_lib.recipes import NativeRecipe
from brats_lib.studies.synthesis import features


def test_unet_features_are_the_bottleneck_of_standardised_brains():
    recipe = NativeRecipe(widths=(8, 8, 8))
    network = build_native_unet(recipe.channels, recipe.widths, 3, seed=0)
    images = np.zeros((4, 16, 16, 4), np.float32)
    images[:2, 4:12, 4:12] = np.random.default_rng(0).uniform(0.2, 0.8, (2, 8, 8, 4))
    images[2], images[3] = images[0] * 0.5, images[0]
    images[3, ..., 1] = 0
    found = features.unet_features(network, recipe, images)
    assert found.shape == (4, 8)
    assert np.abs(found[1] - found[0]).max() > 1e-3
    np.testing.assert_allclose(found[2], found[0], atol=1e-4)  # standardising takes the brightness off
    np.testing.assert_allclose(found[3], found[0], atol=1e-6)  # T1 is not among the recipe's modalities


def test_inception_gives_its_features_where_its_weights_are_and_a_note_where_they_are_not(
    tmp_path, monkeypatch, capsys
):
    def build(include_top, weights, pooling, input_shape):
        """A network of two layers stands in for Inception-v3, which takes long to build."""
        pictures = keras.Input(input_shape)
        maps = keras.layers.Conv2D(5, 3, strides=16, name="features")(pictures)
        return keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(maps))

    monkeypatch.setattr(keras.applications, "InceptionV3", build)
    assert features.open_inception(tmp_path) is None
    assert "brats fetch inception" in capsys.readouterr().out
    file = tmp_path / features.INCEPTION_FILE
    file.write_bytes(b"no weights")
    with pytest.raises(BratsError, match="cannot be read"):
        features.open_inception(tmp_path)
    inception = build(False, None, "avg", (299, 299, 3))
    with h5py.File(file, "w") as group:
        # The format of Keras's own files, which are older than what `save_weights` writes.
        legacy_h5_format.save_weights_to_hdf5_group(group, inception)
    images = np.random.default_rng(0).random((2, 299, 299, 4), np.float32)
    found = features.inception_features(features.open_inception(tmp_path), images)
    np.testing.assert_allclose(found, inception(images[..., [0, 2, 3]] * 2 - 1), rtol=1e-3, atol=1e-5)
