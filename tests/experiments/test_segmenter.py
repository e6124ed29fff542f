"""The small network that tells whether synthetic slices help learns, with the branch of a VAE, from both pools."""

import dataclasses

import numpy as np
import pandas as pd
from studies.synthesis.test_generating import pictures

from experiments.segmenter import SEGMENTER, LabelledBatches, score_segmenter, train_segmenter


def test_half_of_a_batch_is_of_the_others_where_there_are_any():
    shown = pictures()
    other = (np.full_like(shown.images, 0.9), np.zeros_like(shown.classes))
    recipe = dataclasses.replace(SEGMENTER, batch_slices=8, augmentation=())
    images, targets = LabelledBatches(shown.images, shown.classes, recipe, other)[0]
    assert images.shape == (8, 16, 16, 2) and targets.shape == (8, 16, 16, 3)
    np.testing.assert_allclose(images[4:], 3.6, rtol=1e-3)
    assert targets[:4].any((1, 2, 3)).all() and not targets[4:].any()


def test_a_segmenter_learns_the_squares_with_the_branch():
    shown = pictures()
    recipe = dataclasses.replace(
        SEGMENTER, patch=16, widths=(8, 16), augmentation=(), slices_per_epoch=240, learning_rate=1e-2, averaging=0.8
    )
    network = train_segmenter(LabelledBatches(shown.images, shown.classes, recipe), vae_branch=True)
    scores = pd.DataFrame(score_segmenter(network, shown, recipe))
    assert scores[["case", "region"]].values.tolist() == [[c, r] for c in "abcd" for r in ("WT", "TC", "ET")]
    assert scores.groupby("region")["dice"].mean()["WT"] > 0.8
