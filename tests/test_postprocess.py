"""Labels out of region probabilities, on volumes small enough to see."""

import numpy as np
import pytest

from brats_lib.postprocess import largest_piece, region_probabilities, regions_to_mask


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
    assert regions_to_mask(probabilities, keep_largest=True).ravel().tolist() == [0, 0, 1, 4, 0, 0]


def test_faint_bridge_makes_two_parts_one_piece():
    bridged, apart = volume("900", "400", "990", "999"), volume("900", "200", "990", "999")
    assert regions_to_mask(bridged, keep_largest=True).ravel().tolist() == [2, 0, 1, 4]
    assert regions_to_mask(apart, keep_largest=True).ravel().tolist() == [0, 0, 1, 4]


def test_bridge_does_not_count_towards_the_size_of_a_piece():
    mask, links = np.array([1, 0, 0, 0, 0, 1, 1], bool), np.array([0, 1, 1, 1, 0, 0, 0], bool)
    assert largest_piece(mask, links).tolist() == [False] * 5 + [True, True]


def test_pieces_that_touch_at_an_edge_only_are_two():
    mask = np.array([[1, 0, 0], [0, 1, 1]], bool)
    assert largest_piece(mask).tolist() == [[False, False, False], [False, True, True]]
    assert not largest_piece(np.zeros((2, 2), bool)).any()


def test_enhancing_tumour_below_the_smallest_becomes_necrosis():
    probabilities = volume("999", "990", "999")
    assert regions_to_mask(probabilities, smallest_et_voxels=2).ravel().tolist() == [4, 1, 4]
    assert regions_to_mask(probabilities, smallest_et_voxels=3).ravel().tolist() == [1, 1, 1]
