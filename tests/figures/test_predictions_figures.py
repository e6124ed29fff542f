"""Figures of predictions: the right class under the right name, errors as counted."""

import numpy as np
from figures.drawn import SOURCE, Z, axes_of, captions, image_axes, predicted_case, texts
from matplotlib.colors import to_hex

from brats_lib.figures import predictions
from brats_lib.labels import COLOURS, ED, ET, NCR, REGIONS, region


def test_single_classes_of_six_panels_are_what_they_are_called():
    images, truth, prediction, probabilities = predicted_case()
    figure = predictions.six_panels(images["flair"], truth, probabilities, Z, SOURCE)
    for heading, label in (("Edema (ED)", ED), ("Core (NCR)", NCR), ("Enhancing (ET)", ET)):
        tinted = axes_of(figure, heading).images[1].get_array()
        np.testing.assert_array_equal(tinted[..., 3] > 127, prediction[:, :, Z].T == label)
        assert to_hex(tinted[0, 0] / 255) == COLOURS[label]


def test_probability_maps_show_each_class_on_a_scale_from_0_to_1():
    images, truth, prediction, probabilities = predicted_case()
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
    masks = {"All": truth[..., 0], "Most": prediction[..., 0], "None": 0 * truth[..., 0]}
    figure = predictions.system_errors(volume[..., 0], truth[..., 0], masks, SOURCE, columns=2)
    # 2 * 70 / (100 + 90)
    found = [text[-4:] for text in texts(figure) if text.startswith("Dice of WT")]
    assert captions(figure) == ["All", "Most", "None"] and found == ["1.00", "0.74", "0.00"]


def test_single_class_writes_volumes_and_overlap():
    volume = np.ones((20, 20, 20), np.float32) + np.arange(20)
    truth, prediction = np.zeros((2, 20, 20, 20), np.uint8)
    truth[:10, :10, :10] = ED  # 1000 voxels of 2 mm3
    prediction[:5, :10, :10] = ED  # half of them: Dice 2 * 500 / 1500
    figure = predictions.single_class(volume, truth, prediction, 5, SOURCE, spacing=(1, 1, 2))
    written = " ".join(texts(figure))
    assert "ED, 2.0 mL" in written and "ED, 1.0 mL" in written and "Dice 0.667" in written


def test_region_maps_show_both_scans_the_labels_and_each_region():
    images, truth, prediction, _ = predicted_case()
    chances = np.stack([0.9 * region(prediction, name) for name in REGIONS], axis=-1).astype(np.float16)
    figure = predictions.region_maps(images, truth, chances, Z, SOURCE, prediction)
    assert captions(figure) == ["FLAIR", "T1ce", "Labels", "WT", "TC", "ET"]
    *_, labels, wt, tc, et = image_axes(figure)
    np.testing.assert_array_equal(labels.images[1].get_array()[..., 3] > 0, prediction[:, :, Z].T != 0)
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
    shown = image_axes(predictions.region_maps(both, truth, chances, 1, SOURCE, truth * 0))[3]
    (left, right), (bottom, top) = shown.get_xlim(), shown.get_ylim()
    assert left < 10 and right > 85 and top < 10 and bottom > 88
