"""Figures of predictions: the right class under the right name, errors as counted."""

import numpy as np
import pytest
from figures.drawn import SOURCE, Z, axes_of, captions, texts, tiny_case
from matplotlib.colors import to_hex

from brats_lib.figures import predictions
from brats_lib.labels import COLOURS, ED, ET, NCR, one_hot, to_classes


@pytest.fixture(scope="module")
def case():
    images, truth = tiny_case(seed=2)
    prediction = np.roll(truth, 3, axis=0)
    return images, truth, prediction, one_hot(to_classes(prediction)).astype(np.float16)


def test_single_classes_of_six_panels_are_what_they_are_called(case):
    images, truth, prediction, probabilities = case
    figure = predictions.six_panels(images["flair"], truth, probabilities, Z, SOURCE)
    for heading, label in (("Edema (ED)", ED), ("Core (NCR)", NCR), ("Enhancing (ET)", ET)):
        tinted = axes_of(figure, heading).images[1].get_array()
        np.testing.assert_array_equal(tinted[..., 3] > 127, prediction[:, :, Z].T == label)
        assert to_hex(tinted[0, 0] / 255) == COLOURS[label]


def test_probability_maps_show_each_class_on_a_scale_from_0_to_1(case):
    images, truth, prediction, probabilities = case
    figure = predictions.probability_maps(images["flair"], truth, probabilities, Z, SOURCE)
    assert captions(figure) == ["FLAIR", "Ground truth", "Background", "NCR", "ED", "ET"]
    for i, heading in enumerate(("Background", "NCR", "ED", "ET")):
        shown = axes_of(figure, heading).images[0]
        np.testing.assert_array_equal(shown.get_array(), probabilities[:, :, Z, i].T)
        assert shown.get_clim() == (0, 1)


def test_errors_are_counted_as_found_missed_and_too_much():
    volume = np.ones((30, 30, 1), np.float32)
    truth, prediction = np.zeros((2, 30, 30, 1), np.uint8)
    truth[5:15, 5:15] = ET  # 100 voxels
    prediction[8:15, 5:15] = ET  # 70 of them
    prediction[15:17, 5:15] = ET  # and 20 others
    written = " ".join(texts(predictions.error_map(volume, truth, prediction, 0, SOURCE)))
    assert written.count("70 pixels found, 30 missed,\n20 too much") == 3  # ET is part of TC and of WT


def test_single_class_writes_volumes_and_overlap():
    volume = np.ones((20, 20, 20), np.float32) + np.arange(20)
    truth, prediction = np.zeros((2, 20, 20, 20), np.uint8)
    truth[:10, :10, :10] = ED  # 1000 voxels of 2 mm3
    prediction[:5, :10, :10] = ED  # half of them: Dice 2 * 500 / 1500
    figure = predictions.single_class(volume, truth, prediction, 5, SOURCE, name="ED", spacing=(1, 1, 2))
    written = " ".join(texts(figure))
    assert "ED, 2.0 mL" in written and "ED, 1.0 mL" in written and "Dice 0.667" in written
