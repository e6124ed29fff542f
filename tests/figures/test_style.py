"""Slices, windows, boxes, and the figure that displays once."""

import numpy as np
import pytest
from matplotlib import pyplot

from brats_lib.figures import style


def test_tumour_slice_is_the_one_with_the_largest_area():
    mask = np.zeros((6, 5, 4), int)
    mask[0:2, 0, 1] = 2  # 2 voxels in z = 1
    mask[0:3, 1, 3] = 4  # 3 voxels in z = 3
    assert style.tumour_slice(mask) == 3
    assert style.tumour_slice(mask, axis=0) == 0  # x = 0 and x = 1 hold 2 voxels each: the first
    assert style.tumour_slice(mask, axis=1) == 1
    assert style.tumour_slice(np.zeros((6, 5, 9))) == 4  # the middle


def test_window_ignores_what_is_outside_the_brain():
    volume = np.zeros((10, 10, 11))
    volume.flat[:1001] = np.arange(1, 1002)  # 1st and 99.8th percentile of 1..1001: 11 and 999
    assert style.window(volume) == pytest.approx((11, 999))
    assert style.window(np.zeros((2, 2, 2))) == (0, 1)
    assert style.window(np.full((2, 2, 2), 3.0)) == (2.5, 3.5)


def test_brain_box_spans_all_volumes_and_stays_inside():
    a, b = np.zeros((2, 20, 20, 20))
    a[5, 10, 10], b[8, 10, 19] = 1, 1
    assert style.brain_box(a, b, margin=2) == ((3, 11), (8, 13), (8, 20))
    assert style.brain_box(a * 0) == ((0, 20),) * 3


def test_a_figure_shows_itself_and_is_unknown_to_pyplot():
    figure = style.Figure(figsize=(1, 1), dpi=50)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert pyplot.get_fignums() == []
