"""Labels out of region probabilities, on volumes small enough to see."""

import dataclasses

import numpy as np
import pytest

from brats_lib.postprocess import (
    apply_rules,
    largest_piece,
    promising_threshold,
    region_probabilities,
    regions_to_mask,
)
from brats_lib.recipes import NATIVE


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
    assert regions_to_mask(probabilities, linked_above=0.3).ravel().tolist() == [0, 0, 1, 4, 0, 0]


def test_faint_bridge_makes_two_parts_one_piece():
    bridged, apart = volume("900", "400", "990", "999"), volume("900", "200", "990", "999")
    assert regions_to_mask(bridged, linked_above=0.3).ravel().tolist() == [2, 0, 1, 4]
    assert regions_to_mask(apart, linked_above=0.3).ravel().tolist() == [0, 0, 1, 4]


def test_bridge_does_not_count_towards_the_size_of_a_piece():
    mask, links = np.array([1, 0, 0, 0, 0, 1, 1], bool), np.array([0, 1, 1, 1, 0, 0, 0], bool)
    assert largest_piece(mask, links).tolist() == [False] * 5 + [True, True]


def test_pieces_that_touch_at_an_edge_only_are_two():
    mask = np.array([[1, 0, 0], [0, 1, 1]], bool)
    assert largest_piece(mask).tolist() == [[False, False, False], [False, True, True]]
    assert not largest_piece(np.zeros((2, 2), bool)).any()


def test_threshold_falls_where_a_region_is_uncertain():
    # .9 alone promises 2 * .9 / (1 + 1.72) = .66, with the two of .41 2 * 1.72 / (3 + 1.72) = .73.
    assert promising_threshold(np.array([0.9, 0.41, 0.41])) == pytest.approx(0.4)
    # The .41 beside two of .9: 2 * 2.21 / (3 + 2.21) = .848 with it, 2 * 1.8 / (2 + 2.21) = .855 without.
    assert promising_threshold(np.array([0.9, 0.9, 0.41])) == pytest.approx(0.5)
    # What has hardly a chance counts as none, however much of it there is.
    assert promising_threshold(np.array([0.9, 0.9, 0.41] + 1000 * [0.01])) == pytest.approx(0.5)
    assert promising_threshold(np.zeros(5)) == pytest.approx(0.5)


def test_each_region_has_the_threshold_that_promises_most():
    uncertain = volume("900", "400", "400", "000")
    assert regions_to_mask(uncertain).ravel().tolist() == [2, 0, 0, 0]
    assert regions_to_mask(uncertain, threshold=None).ravel().tolist() == [2, 2, 2, 0]


def test_enhancing_tumour_below_the_smallest_becomes_necrosis():
    probabilities = volume("999", "990", "999")
    assert regions_to_mask(probabilities, smallest_et_voxels=2).ravel().tolist() == [4, 1, 4]
    assert regions_to_mask(probabilities, smallest_et_voxels=3).ravel().tolist() == [1, 1, 1]


def test_rules_of_a_recipe_are_obeyed():
    probabilities = volume("600", "300", "996", "000", "900", "000", "999", "999")
    recipe = dataclasses.replace(NATIVE, largest_piece=False, promising_threshold=False, smallest_et_ml=0.0)
    assert apply_rules(probabilities, recipe).ravel().tolist() == [2, 0, 4, 0, 2, 0, 4, 4]
    # .25 bridges the second voxel, so that the first and the third are one piece, as large as the last one.
    apart, linked = (dataclasses.replace(recipe, largest_piece=True, linked_above=above) for above in (0.35, 0.25))
    assert apply_rules(probabilities, apart).ravel().tolist() == [0, 0, 0, 0, 0, 0, 4, 4]
    assert apply_rules(probabilities, linked).ravel().tolist() == [2, 0, 4, 0, 0, 0, 0, 0]
    # One voxel of 1 mL is less than 1.5 mL.
    small = dataclasses.replace(linked, smallest_et_ml=1.5)
    assert apply_rules(probabilities, small, voxel_ml=1.0).ravel().tolist() == [2, 0, 1, 0, 0, 0, 0, 0]


def test_recipe_says_whether_thresholds_follow_the_case():
    uncertain = volume("900", "400", "400", "000")
    for promising, expected in ((False, [2, 0, 0, 0]), (True, [2, 2, 2, 0])):
        recipe = dataclasses.replace(NATIVE, promising_threshold=promising, smallest_et_ml=0.0)
        assert apply_rules(uncertain, recipe).ravel().tolist() == expected
