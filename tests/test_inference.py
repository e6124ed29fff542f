"""Inference brings probabilities back to the case's own grid before it chooses classes."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import tiny_volumes

from brats_lib.errors import BratsError
from brats_lib.inference import predict_case, predict_slices, to_native
from brats_lib.labels import LABELS, one_hot, to_classes
from brats_lib.preprocess import resize_labels
from brats_lib.recipes import PUBLISHED

RECIPE = replace(PUBLISHED, first_slice=4, stop_slice=32, size=24)
SHAPE = (48, 40, 36)


class PerfectNetwork:
    """Answers with the true classes of a case, resized as a network would see them."""

    name = "perfect"
    input_shape = (None, 24, 24, 2)

    def __init__(self, mask):
        classes = to_classes(np.moveaxis(mask, 2, 0)[RECIPE.first_slice : RECIPE.stop_slice])
        self.answer = one_hot(resize_labels(classes, (24, 24)))

    def predict(self, images, batch_size, verbose):
        return self.answer


class CaseInMemory:
    """The part of a case that inference uses."""

    name = "case"
    shape = SHAPE

    def __init__(self):
        self.images, self.truth = tiny_volumes()

    def volume(self, modality):
        return self.images[modality].astype(np.float32)


def test_slices_outside_the_recipe_are_background_with_certainty():
    probabilities = np.zeros((28, 24, 24, 4), np.float32)
    probabilities[..., 3] = 1
    native = to_native(probabilities, SHAPE, RECIPE)
    assert native.shape == (*SHAPE, 4)
    assert (native[:, :, :4, 0] == 1).all() and (native[:, :, 32:, 0] == 1).all()
    assert (native[:, :, 4:32, 3] == 1).all() and (native[:, :, 4:32, 0] == 0).all()


def test_each_slice_returns_to_its_own_height():
    probabilities = np.zeros((28, 24, 24, 4), np.float32)
    probabilities[..., 0] = 1
    probabilities[10] = (0, 0, 1, 0)
    found = np.flatnonzero(to_native(probabilities, SHAPE, RECIPE)[..., 2].any(axis=(0, 1)))
    assert found.tolist() == [14]


def test_a_perfect_network_loses_little_at_half_resolution():
    case = CaseInMemory()
    prediction = predict_case(PerfectNetwork(case.truth), case, RECIPE)
    found, true = prediction.mask > 0, case.truth > 0
    assert 2 * np.sum(found & true) / (found.sum() + true.sum()) > 0.95
    assert set(np.unique(prediction.mask)) <= set(LABELS)
    assert prediction.mask.shape == SHAPE and prediction.mask.dtype == np.uint8


def test_slices_of_another_size_are_refused_with_both_sizes_named():
    network = PerfectNetwork(tiny_volumes()[1])
    with pytest.raises(BratsError, match=r"\(32, 32, 2\).*\(24, 24, 2\)"):
        predict_slices(network, np.zeros((3, 32, 32, 2), np.float32))
