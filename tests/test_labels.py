"""Label codes, regions and classes agree with the BraTS definition, by hand."""

import numpy as np
import pytest

from brats_lib.labels import COLOURS, LABELS, REGIONS, SCORED, one_hot, region, to_classes, to_labels

MASK = np.array([[0, 1, 2], [4, 4, 0]])


def test_label_four_is_class_three_and_comes_back():
    assert to_classes(MASK).tolist() == [[0, 1, 2], [3, 3, 0]]
    assert to_labels(to_classes(MASK)).tolist() == MASK.tolist()


def test_label_three_is_refused_rather_than_taken_for_enhancing_tumour():
    with pytest.raises(ValueError, match=r"\[3\]"):
        to_classes(np.array([0, 3]))


def test_regions_are_the_nested_unions_of_the_challenge():
    assert region(MASK, "WT").tolist() == [[False, True, True], [True, True, False]]
    assert region(MASK, "TC").tolist() == [[False, True, False], [True, True, False]]
    assert region(MASK, "ET").tolist() == [[False, False, False], [True, True, False]]
    assert set(REGIONS["ET"]) < set(REGIONS["TC"]) < set(REGIONS["WT"]) == set(LABELS) - {0}
    assert list(SCORED) == ["WT", "TC", "ET", "NCR", "ED"]


def test_one_hot_puts_a_one_in_the_channel_of_the_class():
    encoded = one_hot(to_classes(MASK))
    assert encoded.shape == (2, 3, 4) and encoded.dtype == np.float32
    assert encoded[1, 0].tolist() == [0, 0, 0, 1] and encoded.sum() == 6


def test_colours_are_those_of_the_papers_figures():
    assert [COLOURS[label] for label in LABELS] == ["#440054", "#3b528b", "#18b880", "#e6d74f"]
