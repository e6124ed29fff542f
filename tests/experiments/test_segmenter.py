"""The small network that tells whether synthetic slices help learns, with the branch of a VAE, from both pools."""

import dataclasses

import keras
import numpy as np
from studies.synthesis.test_generating import pictures
from studies.synthesis.test_networks import batch, moved, values

from brats_lib.models.native_unet import build_native_unet
from experiments.segmenter import SEGMENTER, LabelledBatches, VAERegularised, score_segmenter, train_segmenter


def test_half_of_a_batch_is_of_the_others_where_there_are_any():
    shown = pictures()
    other = (np.full_like(shown.images, 0.9), np.zeros_like(shown.classes))
    recipe = dataclasses.replace(SEGMENTER, batch_slices=8, augmentation=())
    images, targets = LabelledBatches(shown.images, shown.classes, recipe, other)[0]
    assert images.shape == (8, 16, 16, 2) and targets.shape == (8, 16, 16, 3)
    np.testing.assert_allclose(images[4:], 3.6, rtol=1e-3)
    assert targets[:4].any((1, 2, 3)).all() and not targets[4:].any()
    changed = dataclasses.replace(recipe, augmentation=("mirror",))
    assert (LabelledBatches(shown.images, shown.classes, changed, other)[0][0][4:] != images[4:]).any()


def test_a_segmenter_learns_the_squares_with_the_branch():
    shown = pictures()
    recipe = dataclasses.replace(
        SEGMENTER, patch=16, widths=(8, 16), augmentation=(), slices_per_epoch=240, learning_rate=1e-2, averaging=0.8
    )
    network = train_segmenter(LabelledBatches(shown.images, shown.classes, recipe), vae_branch=True)
    scores = score_segmenter(network, shown, recipe)
    assert {(row["case"], row["region"]) for row in scores} == {(c, r) for c in "abcd" for r in ("WT", "TC", "ET")}
    assert np.mean([row["dice"] for row in scores if row["region"] == "WT"]) > 0.8


def test_the_vae_branch_adds_losses_in_training_and_nothing_to_the_prediction():
    network = build_native_unet(2, (8, 8, 8), 3, seed=0)
    model, picture = VAERegularised(network, 16, seed=1), batch(2)
    np.testing.assert_array_equal(model(picture, training=False), network(picture))
    assert model.losses == []
    model(picture, training=True)
    assert len(model.losses) == 2
    model.compile(keras.optimizers.SGD(0.1), loss="binary_crossentropy", run_eagerly=True)
    before = values(model.decoder)
    model.train_on_batch(picture, np.zeros((4, 16, 16, 3)))
    assert moved(model.decoder, before)
