"""Labels out of region probabilities, on volumes small enough to see."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from brats_lib.prediction.postprocess import PLAIN, large_pieces, region_probabilities, regions_to_mask
from brats_lib.recipes import DecisionRule

LARGEST = replace(PLAIN, smallest_piece=1.0, linked_above=0.3)


def test_region_is_the_sum_of_its_labels():
    found = region_probabilities(np.array([0.1, 0.2, 0.3, 0.4]))
    # WT = NCR + ED + ET, TC = NCR + ET, ET alone.
    assert found == pytest.approx([0.9, 0.6, 0.4])


def volume(*regions):
    """Probabilities of a row of voxels: one string of WT, TC, ET digits (tenths) each."""
    return np.array([[[[int(digit) / 10 for digit in voxel] for voxel in regions]]], float)


def test_each_voxel_gets_the_innermost_region_that_is_likely():
    mask = regions_to_mask(volume("100", "900", "990", "999"))
    assert mask.ravel().tolist() == [0, 2, 1, 4]


def test_enhancing_tumour_outside_the_core_is_not_believed():
    assert regions_to_mask(volume("909", "099", "990")).ravel().tolist() == [2, 0, 1]


def test_largest_piece_is_kept_alone_where_asked():
    probabilities = volume("900", "000", "990", "999", "000", "990")
    assert regions_to_mask(probabilities).ravel().tolist() == [2, 0, 1, 4, 0, 1]
    assert regions_to_mask(probabilities, LARGEST).ravel().tolist() == [
        0,
        0,
        1,
        4,
        0,
        0,
    ]


def test_faint_bridge_makes_two_parts_one_piece():
    bridged, apart = volume("900", "400", "990", "999"), volume("900", "200", "990", "999")
    assert regions_to_mask(bridged, LARGEST).ravel().tolist() == [
        2,
        0,
        1,
        4,
    ]
    assert regions_to_mask(apart, LARGEST).ravel().tolist() == [0, 0, 1, 4]


def test_bridge_does_not_count_towards_the_size_of_a_piece():
    mask, links = np.array([1, 0, 0, 0, 0, 1, 1], bool), np.array([0, 1, 1, 1, 0, 0, 0], bool)
    assert large_pieces(mask, links=links).tolist() == [False] * 5 + [True, True]


def test_second_focus_stays_and_specks_go():
    mask = np.array([1] * 10 + [0] + [1] * 4 + [0] + [1], bool)
    # Pieces of 10, 4 and 1 voxels.
    assert large_pieces(mask, 0.3).sum() == 14
    assert large_pieces(mask, 0.1).sum() == 15
    assert large_pieces(mask, 0.5).sum() == 10


def test_pieces_that_touch_at_an_edge_only_are_two():
    mask = np.array([[1, 0, 0], [0, 1, 1]], bool)
    assert large_pieces(mask).tolist() == [[False, False, False], [False, True, True]]
    assert not large_pieces(np.zeros((2, 2), bool)).any()


def test_enhancing_tumour_below_the_smallest_becomes_necrosis():
    probabilities = volume("999", "990", "999")
    assert regions_to_mask(probabilities, replace(PLAIN, smallest_et_ml=0.002)).ravel().tolist() == [4, 1, 4]
    assert regions_to_mask(probabilities, replace(PLAIN, smallest_et_ml=0.003)).ravel().tolist() == [1, 1, 1]


def test_enhancing_tumour_may_count_from_a_lower_probability_but_inside_the_core_alone():
    probabilities = volume("993", "992", "943")
    assert regions_to_mask(probabilities, replace(PLAIN, et_above=0.25)).ravel().tolist() == [4, 1, 2]
    assert regions_to_mask(probabilities, DecisionRule(et_above=0.25)).ravel().tolist() == [4, 1, 2]
    assert regions_to_mask(probabilities).ravel().tolist() == [1, 1, 2]


def test_rules_of_a_recipe_are_obeyed():
    probabilities = volume("600", "300", "996", "000", "900", "000", "999", "999")
    rule = DecisionRule(smallest_piece=0.0, smallest_et_ml=0.0)
    assert regions_to_mask(probabilities, rule).ravel().tolist() == [2, 0, 4, 0, 2, 0, 4, 4]
    # .25 bridges the second voxel, so that the first and the third are one piece, as large as the last one.
    apart, linked = (dataclasses.replace(rule, smallest_piece=1.0, linked_above=above) for above in (0.35, 0.25))
    assert regions_to_mask(probabilities, apart).ravel().tolist() == [0, 0, 0, 0, 0, 0, 4, 4]
    assert regions_to_mask(probabilities, linked).ravel().tolist() == [2, 0, 4, 0, 0, 0, 4, 4]
    # Three voxels of 1 mL are less than 3.5 mL.
    small = dataclasses.replace(linked, smallest_et_ml=3.5)
    assert regions_to_mask(probabilities, small, voxel_ml=1.0).ravel().tolist() == [2, 0, 1, 0, 0, 0, 1, 1]
