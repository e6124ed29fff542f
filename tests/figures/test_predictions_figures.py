"""Figures of predictions: the right class under the right name, errors, empty masks."""

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_volumes
from figures.drawn import SOURCE, captions, check_sheet, image_axes, pixels, texts
from matplotlib.colors import to_hex

from brats_lib.figures import errors, predictions
from brats_lib.labels import COLOURS, ED, ET, NCR, one_hot, to_classes

Z = 18


@pytest.fixture(scope="module")
def case():
    images, truth = tiny_volumes(seed=2)
    prediction = np.roll(truth, 3, axis=0)
    return images, truth, prediction, one_hot(to_classes(prediction)).astype(np.float16)


def every_figure(images, truth, prediction, probabilities):
    flair = None if images is None else images["flair"].astype(np.float32)
    rows = [("a", flair, truth, prediction, Z), ("b", flair, truth, prediction, Z)]
    scores = pd.DataFrame({"case": ["a", "b"], "region": "WT", "dice": [0.9, 0.4], "hd95_mm": [2.0, 30.0]})
    return {
        "predictions_overlay": (lambda: predictions.predictions_overlay(rows, SOURCE), 6),
        "slice_truth_prediction": (
            lambda: predictions.slice_truth_prediction(flair, truth, prediction, Z, SOURCE),
            3,
        ),
        "six_panels": (lambda: predictions.six_panels(flair, truth, prediction, Z, SOURCE), 6),
        "six_panels_of_probabilities": (lambda: predictions.six_panels(flair, truth, probabilities, Z, SOURCE), 6),
        "probability_maps": (lambda: predictions.probability_maps(flair, truth, probabilities, Z, SOURCE), 6),
        "single_class": (lambda: predictions.single_class(flair, truth, prediction, Z, SOURCE), 2),
        "error_map": (lambda: predictions.error_map(flair, truth, prediction, Z, SOURCE), 3),
        "worst_cases": (lambda: predictions.worst_cases(rows, scores, SOURCE), 6),
        "hero": (lambda: predictions.hero(images, truth, prediction, Z, SOURCE), 4),
    }


FIGURES = list(every_figure(None, None, None, None))


@pytest.mark.parametrize("name", FIGURES)
def test_every_panel_shows_something(case, name):
    draw, panels = every_figure(*case)[name]
    check_sheet(draw(), panels)


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_found_in_a_case_without_tumour_can_be_drawn(case, name):
    images, truth, *_ = case
    nothing = np.zeros_like(truth)
    draw, panels = every_figure(images, nothing, nothing, one_hot(nothing))[name]
    figure = draw()
    pixels(figure)
    assert len(image_axes(figure)) == panels


def axes_of(figure, heading):
    return next(axes for axes in image_axes(figure) if any(text.get_text() == heading for text in axes.texts))


@pytest.mark.parametrize("form", ["labels", "probabilities"])
@pytest.mark.parametrize("heading, label", [("Edema (ED)", ED), ("Core (NCR)", NCR), ("Enhancing (ET)", ET)])
def test_single_classes_of_six_panels_are_what_they_are_called(case, form, heading, label):
    images, truth, prediction, probabilities = case
    given = prediction if form == "labels" else probabilities
    figure = predictions.six_panels(images["flair"], truth, given, Z, SOURCE)
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
    written = " ".join(texts(errors.error_map(volume, truth, prediction, 0, SOURCE)))
    assert written.count("70 pixels found, 30 missed,\n20 too much") == 3  # ET is part of TC and of WT


def test_single_class_writes_volumes_and_overlap():
    volume = np.ones((20, 20, 20), np.float32) + np.arange(20)
    truth, prediction = np.zeros((2, 20, 20, 20), np.uint8)
    truth[:10, :10, :10] = ED  # 1000 voxels of 2 mm3
    prediction[:5, :10, :10] = ED  # half of them: Dice 2 * 500 / 1500
    figure = predictions.single_class(volume, truth, prediction, 5, SOURCE, name="ED", spacing=(1, 1, 2))
    written = " ".join(texts(figure))
    assert "ED, 2.0 mL" in written and "ED, 1.0 mL" in written and "Dice 0.667" in written


def test_worst_cases_come_first_and_only_as_many_as_asked(case):
    images, truth, prediction, _ = case
    rows = [(name, images["flair"], truth, prediction, Z) for name in "abc"]
    scores = pd.DataFrame({"case": list("abc"), "region": "WT", "dice": [0.8, 0.2, 0.5], "hd95_mm": [3.0, 40.0, 9.0]})
    figure = predictions.worst_cases(rows, scores, SOURCE, count=2)
    written = texts(figure)
    assert [text for text in written if text in ("a", "b", "c")] == ["b", "c"]
    assert "Dice 0.200\nHD95 40.0 mm" in written


def test_worst_cases_without_scores_says_so(case):
    images, truth, prediction, _ = case
    scores = pd.DataFrame({"case": ["a"], "region": ["ET"], "dice": [0.1], "hd95_mm": [1.0]})
    with pytest.raises(ValueError, match="no row of region WT"):
        predictions.worst_cases([("a", images["flair"], truth, prediction, Z)], scores, SOURCE)
