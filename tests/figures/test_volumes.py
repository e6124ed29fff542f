"""Figures of scans and masks: orientation, proportions, colours."""

import numpy as np
import pytest
from figures.drawn import SOURCE, axes_of, image_axes, marked, panel, pixels, texts
from matplotlib.colors import to_rgb

from brats_lib.figures import panels, volumes
from brats_lib.labels import COLOURS, ED, ET, NCR


def test_left_is_on_the_viewers_right_and_the_head_is_upright():
    volume = np.zeros((40, 44, 36), np.float32)
    volume[4:36, 4:40, 4:32] = 100
    volume[28:36, 4:12, 24:32] = 400  # a bright corner at the patient's left, front and top
    mask = np.zeros(volume.shape, np.uint8)
    mask[32, 8, 28] = ET  # all planes go through it
    figure = volumes.three_planes(volume, mask, SOURCE, (1, 1, 1))
    for line in marked(figure, "crosshair"):
        line.set_visible(False)
    image = pixels(figure).astype(int)
    for heading, right, letters in (("Coronal", True, "RLSI"), ("Sagittal", False, "APSI"), ("Axial", True, "RLAP")):
        axes = axes_of(figure, heading)
        at = {text.get_text(): text.get_position() for text in axes.texts if text.get_gid() == "direction"}
        (left, _), (far, _), (_, top), (_, bottom) = (at[letter] for letter in letters)
        assert left < 0.1 and far > 0.9 and top > 0.9 and bottom < 0.1
        shown = panel(image, axes)
        rows, columns = np.nonzero((shown.min(-1) > 200) & (np.ptp(shown, axis=-1) < 10))
        x, y = columns.mean() / shown.shape[1], rows.mean() / shown.shape[0]
        assert (x > 0.6) == right and (x < 0.4) == (not right) and y < 0.4


def test_crosshairs_cross_in_the_largest_tumour_area():
    volume, mask = np.ones((20, 22, 24), np.float32), np.zeros((20, 22, 24), np.uint8)
    mask[5:8, 9:12, 14:17] = ED
    mask[6, 10, 13:19] = ED  # makes x = 6 and y = 10 the largest; z = 14 is the first of three equal ones
    axial = axes_of(volumes.three_planes(volume, mask, SOURCE, (1, 1, 1)), "Axial")
    column, row = axial.lines
    assert [column.get_xdata()[0], row.get_ydata()[0]] == [6, 10]


def test_thick_slices_keep_the_bodys_proportions():
    volume = np.zeros((30, 30, 10), np.float32)
    volume[2:28, 2:28, 1:9] = 1
    figure = volumes.three_planes(volume, np.zeros(volume.shape, np.uint8), SOURCE, spacing=(1, 1, 3))
    coronal = axes_of(figure, "Coronal")
    figure.canvas.draw()
    box = coronal.get_window_extent()
    (left, right), (low, high) = coronal.get_xlim(), coronal.get_ylim()
    assert box.height / box.width == pytest.approx(3 * (high - low) / (right - left), rel=0.02)


def test_isolated_classes_are_the_class_in_its_colour_and_one_grey():
    mask = np.zeros((60, 60, 3), np.uint8)
    mask[10:50, 10:50, 1] = ED
    mask[20:40, 20:40, 1] = NCR
    figure = volumes.isolated_classes(mask, 1, SOURCE)
    assert "1,200 of the slice's 3,600 pixels" in texts(figure)
    for axes, (label, colour) in zip(image_axes(figure), COLOURS.items(), strict=True):
        shown = axes.images[0].get_array()
        inside = (shown[..., :3] == np.round(255 * np.array(to_rgb(colour)))).all(-1)
        np.testing.assert_array_equal(inside, mask[:, :, 1].T == label)
        assert len(np.unique(shown[~inside].reshape(-1, 4), axis=0)) == 1


def test_the_enlarged_panel_holds_the_tumour():
    mask = np.zeros((100, 100, 5), np.uint8)
    mask[90:99, 3:50, 2] = ED
    (left, right), (low, high), _ = panels.zoom_box(mask, 2, ((0, 100), (0, 100), (0, 5)))
    assert left <= 90 and right == 100 and low == 0 and high >= 50
    assert right - left == high - low


def test_phantom_and_patient_are_cut_through_their_own_tumours_at_one_scale():
    (small, large), masks = np.zeros((2, 50, 50, 40), np.float32), np.zeros((2, 50, 50, 40), np.uint8)
    small[15:35, 10:40, 10:30] = 1
    large[5:45, 5:45, 5:35] = 1
    masks[0, 20:22, 20:23, 12] = ED
    masks[1, 30:33, 30:33, 28] = ED
    small[:, :, 12] *= 2
    large[:, :, 28] *= 3
    subjects = {"Phantom": ({"flair": small}, masks[0]), "Patient": ({"flair": large}, masks[1])}
    figure = volumes.phantom_beside_real(subjects, SOURCE)
    shown = image_axes(figure)
    np.testing.assert_array_equal(shown[0].images[0].get_array(), small[:, :, 12].T)
    np.testing.assert_array_equal(shown[3].images[0].get_array(), large[:, :, 28].T)
    figure.canvas.draw()
    scales = [axes.get_window_extent().width / abs(np.diff(axes.get_xlim()))[0] for axes in shown]
    assert scales == pytest.approx([scales[0]] * 6, rel=0.01)
