"""Figures of images that networks made: every panel shows something, and marks are where the table says."""

import numpy as np
from figures.drawn import SOURCE, captions, check_sheet, hex_colours, texts

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
