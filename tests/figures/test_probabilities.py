"""Maps of region probabilities and the reliability diagram show the numbers that they are given."""

import numpy as np
import pytest
from conftest import tiny_volumes
from figures.drawn import SOURCE, captions, check_plot, check_sheet, image_axes, marked, pixels, texts

from brats_lib.figures import probabilities
from brats_lib.labels import ED, ET, REGIONS, one_hot, region, to_classes
from brats_lib.scores.calibration import reliability

Z = 18


@pytest.fixture(scope="module")
def case():
    images, truth = tiny_volumes(seed=2)
    moved = np.roll(truth, 3, axis=0)
    chances = np.stack([0.9 * region(moved, name) for name in REGIONS], axis=-1).astype(np.float16)
    return {name: image.astype(np.float32) for name, image in images.items()}, truth, moved, chances


def maps(figure):
    return [axes.images[0].get_array() for axes in image_axes(figure)[3:]]


def test_region_maps_show_both_scans_the_labels_and_each_region(case):
    images, truth, moved, chances = case
    figure = probabilities.region_maps(images, truth, chances, Z, SOURCE)
    check_sheet(figure, 6)
    assert captions(figure) == ["FLAIR", "T1ce", "Labels", "WT", "TC", "ET"]
    for channel, shown in enumerate(maps(figure)):
        np.testing.assert_array_equal(shown, chances[:, :, Z, channel].T)
    # With 0.9 everywhere in the moved tumour, the network's labels are the moved mask.
    laid_over = image_axes(figure)[2].images[1].get_array()
    np.testing.assert_array_equal(laid_over[..., 3] > 0, moved[:, :, Z].T != 0)


def test_class_probabilities_are_summed_to_regions(case):
    images, truth, moved, _ = case
    figure = probabilities.region_maps(images, truth, one_hot(to_classes(moved)), Z, SOURCE)
    for name, shown in zip(REGIONS, maps(figure), strict=True):
        np.testing.assert_array_equal(shown, region(moved, name)[:, :, Z].T)


def test_borders_are_those_of_truth_and_prediction(case):
    images, truth, _, chances = case
    figure = probabilities.region_maps(images, truth, chances, Z, SOURCE)
    # The head's border, the truth's and the network's.
    assert [len(axes.collections) for axes in image_axes(figure)[3:]] == [3, 3, 3]
    assert "true one in white" in " ".join(texts(figure))
    unknown = probabilities.region_maps(images, None, chances, Z, SOURCE)
    assert [len(axes.collections) for axes in image_axes(unknown)[3:]] == [2, 2, 2]
    assert "true one" not in " ".join(texts(unknown))


def test_a_given_prediction_stands_for_the_network_decision(case):
    images, truth, _, chances = case
    prediction = np.zeros_like(truth)
    prediction[20:30, 20:30, Z] = ET
    figure = probabilities.region_maps(images, truth, chances, Z, SOURCE, prediction=prediction)
    laid_over = image_axes(figure)[2].images[1].get_array()
    np.testing.assert_array_equal(laid_over[..., 3] > 0, prediction[:, :, Z].T != 0)


def test_a_doubt_far_from_the_tumour_is_inside_the_enlarged_panels():
    volume = np.ones((100, 100, 3), np.float32)
    truth, chances = np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100, 3, 3), np.float16)
    truth[10:20, 10:20, 1] = ED
    chances[85, 88, 1, 0] = 0.3  # too little for a label
    shown = image_axes(probabilities.region_maps({"flair": volume, "t1ce": volume}, truth, chances, 1, SOURCE))[3]
    (left, right), (bottom, top) = shown.get_xlim(), shown.get_ylim()
    assert left < 10 and right > 85 and top < 10 and bottom > 88


def test_a_slice_without_tumour_can_be_drawn(case):
    images, truth, *_ = case
    nothing = np.zeros((*truth.shape, 3), np.float16)
    figure = probabilities.region_maps(images, np.zeros_like(truth), nothing, Z, SOURCE)
    pixels(figure)
    assert len(image_axes(figure)) == 6


def test_reliability_diagram_draws_frequencies_over_probabilities_and_counts_voxels():
    # 80 voxels of 5 % of which 10 % are tumour, 20 of 95 % of which all are: ECE (80 * .05 + 20 * .05) / 100.
    chance = np.repeat([0.05, 0.95], [80, 20])
    there = np.arange(100) < 8
    there[80:] = True
    table = reliability(chance, there)
    figure = probabilities.reliability_diagram({"WT": table, "ET": table}, SOURCE)
    check_plot(figure)
    line = marked(figure, "WT")[0]
    assert line.get_xdata() == pytest.approx([0.05, 0.95]) and line.get_ydata() == pytest.approx([0.1, 1])
    assert {"WT, ECE 0.0500", "ET, ECE 0.0500"} <= set(texts(figure))
    counted = marked(figure, "voxels ET")[0].get_data().values
    assert counted[[0, 9]].tolist() == [80, 20] and np.isnan(counted[1:9]).all()
    curves, counts = figure.axes
    assert curves.get_position().x0 == pytest.approx(counts.get_position().x0)
    assert curves.get_position().x1 == pytest.approx(counts.get_position().x1)
    assert counts.get_yscale() == "log"
