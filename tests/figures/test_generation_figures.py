"""Figures of images that networks made: every panel shows something, and marks are where the table says."""

import numpy as np
import pandas as pd
import pytest
from figures.drawn import SOURCE, captions, check_plot, check_sheet, hex_colours, marked, texts

from brats_lib.figures import generation
from brats_lib.labels import BACKGROUND, COLOURS, ED


def slices(count, seed=0):
    rng = np.random.default_rng(seed)
    images = np.zeros((count, 32, 32, 4), np.float16)
    images[:, 4:28, 4:28] = rng.random((count, 24, 24, 4))
    classes = np.zeros((count, 32, 32), np.uint8)
    classes[:, 8:16, 8:16] = 2
    return images, classes


def test_labelled_slices_have_a_column_each_and_a_heading_per_group():
    figure = generation.labelled_slices({"real": slices(2), "made": slices(3, 1)}, SOURCE)
    check_sheet(figure, 25)
    assert captions(figure) == ["real", "made"]
    assert hex_colours(np.asarray(figure.axes[-1].images[0].get_array())) == {COLOURS[BACKGROUND], COLOURS[ED]}


def test_pictures_stand_the_radiological_way():
    picture = np.zeros((1, 32, 32), np.float32)
    picture[0, 24:, 4:8] = 1  # large x is the patient's left, small y the front
    figure = generation.picture_rows({"one": picture}, SOURCE)
    drawn = np.asarray(figure.axes[0].images[0].get_array())
    assert drawn[4:8, 24:].min() == 1 and drawn.sum() == picture.sum()
    assert figure.axes[0].images[0].origin == "upper"


def test_rows_have_headings_notes_and_outlines():
    images, classes = slices(3)
    rows, notes = {"clean": images[..., 0], "noisy": images[..., 1]}, {"noisy": ["1 dB", "2 dB", "3 dB"]}
    figure = generation.picture_rows(rows, SOURCE, headings=["a", "b", "c"], classes=classes, notes=notes)
    check_sheet(figure, 6)
    assert captions(figure) == ["a", "b", "c"] and "2 dB" in texts(figure)
    assert all(axes.collections for axes in figure.axes)


def test_scores_are_means_per_method_and_step():
    rows = [("network", "phantoms", level, 30 - 10 * level + case, 0.9) for level in (0.1, 0.5) for case in (0, 2)]
    rows += [("noisy", "phantoms", level, 20 - 10 * level, 0.5) for level in (0.1, 0.5)]
    table = pd.DataFrame(rows, columns=["method", "data", "level", "psnr_brain", "ssim_brain"])
    figure = generation.score_steps(table, "level", SOURCE, "level of the noise")
    check_plot(figure)
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx([30, 26])


def test_the_scale_of_distances_shows_what_lies_below_the_floor_or_above_the_ceiling():
    table = pd.DataFrame({"set": list("abc"), "frechet": [2, 4, 9], "position": [-0.5, 0.3, 3.5], "samples": 5})
    figure = generation.distance_scale(table, SOURCE)
    check_plot(figure)
    assert marked(figure, "position")[0].get_xdata() == pytest.approx([-0.5, 0.3, 3.5])
    assert "0.30  (4)" in texts(figure)
