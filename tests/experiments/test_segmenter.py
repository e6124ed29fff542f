"""The small network that tells whether synthetic slices help is given both pools."""

import dataclasses

import numpy as np
from studies.synthesis.test_generating import pictures

from experiments.segmenter import SEGMENTER, LabelledBatches


def test_half_of_a_batch_is_of_the_others_where_there_are_any():
    shown = pictures()
    other = (np.full_like(shown.images, 0.9), np.zeros_like(shown.classes))
    recipe = dataclasses.replace(SEGMENTER, batch_slices=8, augmentation=())
    images, targets = LabelledBatches(shown.images, shown.classes, recipe, other)[0]
    assert images.shape == (8, 16, 16, 2) and targets.shape == (8, 16, 16, 3)
    np.testing.assert_allclose(images[4:], 3.6, rtol=1e-3)
    assert targets[:4].any((1, 2, 3)).all() and not targets[4:].any()
