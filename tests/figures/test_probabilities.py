"""Maps of region probabilities and the reliability diagram show the numbers that they are given."""

import numpy as np
import pytest
from figures.drawn import SOURCE, Z, captions, check_plot, image_axes, marked, texts, tiny_case

from brats_lib.figures import probabilities
from brats_lib.labels import ED, REGIONS, region
from brats_lib.scores.calibration import reliability


def test_region_maps_show_both_scans_the_labels_and_each_region():
    images, truth = tiny_case(seed=2)
    moved = np.roll(truth, 3, axis=0)
    chances = np.stack([0.9 * region(moved, name) for name in REGIONS], axis=-1).astype(np.float16)
    figure = probabilities.region_maps(images, truth, chances, Z, SOURCE, moved)
    assert captions(figure) == ["FLAIR", "T1ce", "Labels", "WT", "TC", "ET"]
    *_, labels, wt, tc, et = image_axes(figure)
    np.testing.assert_array_equal(labels.images[1].get_array()[..., 3] > 0, moved[:, :, Z].T != 0)
    for channel, axes in enumerate((wt, tc, et)):
        np.testing.assert_array_equal(axes.images[0].get_array(), chances[:, :, Z, channel].T)
        # The head's border, the truth's and the network's.
        assert len(axes.collections) == 3


def test_a_doubt_far_from_the_tumour_is_inside_the_enlarged_panels():
    volume = np.ones((100, 100, 3), np.float32)
    truth, chances = np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100, 3, 3), np.float16)
    truth[10:20, 10:20, 1] = ED
    chances[85, 88, 1, 0] = 0.3  # too little for a label
    both = {"flair": volume, "t1ce": volume}
    shown = image_axes(probabilities.region_maps(both, truth, chances, 1, SOURCE, truth * 0))[3]
    (left, right), (bottom, top) = shown.get_xlim(), shown.get_ylim()
    assert left < 10 and right > 85 and top < 10 and bottom > 88


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
