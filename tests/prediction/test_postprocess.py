"""Labels out of region probabilities, on volumes small enough to see."""

from dataclasses import replace

import numpy as np
import pytest

from brats_lib.prediction.postprocess import large_pieces, region_probabilities, regions_to_mask
from brats_lib.recipes import DecisionRule

# Every region from one half on, and nothing dropped.
PLAIN = DecisionRule(smallest_piece=0.0, linked_above=0.5, et_above=0.5)
LARGEST = replace(PLAIN, smallest_piece=1.0, linked_above=0.3)


def test_region_is_the_sum_of_its_labels():
    # WT = NCR + ED + ET, TC = NCR + ET, ET alone.
    assert region_probabilities(np.array([0.1, 0.2, 0.3, 0.4])) == pytest.approx([0.9, 0.6, 0.4])


@pytest.mark.parametrize(
    ("voxels", "rule", "labels"),
    [
        # Each voxel gets the innermost region that is likely.
        ("100 900 990 999", PLAIN, "0214"),
        # Enhancing tumour outside the core, and core outside the tumour, are not believed.
        ("909 099 990", PLAIN, "201"),
        # The largest piece stays alone where that is asked for; a faint bridge makes two parts one piece.
        ("900 000 990 999 000 990", PLAIN, "201401"),
        ("900 000 990 999 000 990", LARGEST, "001400"),
        ("900 400 990 999", LARGEST, "2014"),
        ("900 200 990 999", LARGEST, "0014"),
        # Enhancing tumour below the smallest, in mL of voxels of 1 mm, becomes necrosis.
        ("999 990 999", replace(PLAIN, smallest_et_ml=0.002), "414"),
        ("999 990 999", replace(PLAIN, smallest_et_ml=0.003), "111"),
        # Or below the smallest share of the core: one voxel of four is a quarter of it.
        ("999 990 990 990", replace(PLAIN, smallest_et_share=0.25), "4111"),
        ("999 990 990 990", replace(PLAIN, smallest_et_share=0.26), "1111"),
        # It may count from a lower probability, but inside the core alone.
        ("993 992 943", replace(PLAIN, et_above=0.25), "412"),
        ("993 992 943", PLAIN, "112"),
        ("600 300 996", replace(PLAIN, wt_above=0.7), "004"),
    ],
)
def test_labels_worked_out_by_hand(voxels, rule, labels):
    """Of a row of voxels: WT, TC and ET in tenths."""
    probabilities = np.array([[[[int(digit) / 10 for digit in voxel] for voxel in voxels.split()]]], float)
    assert "".join(map(str, regions_to_mask(probabilities, rule).ravel())) == labels


def test_volume_of_the_smallest_enhancing_tumour_counts_the_size_of_a_voxel():
    rule = replace(PLAIN, smallest_et_ml=3.5)
    assert (regions_to_mask(np.ones((1, 1, 3, 3)), rule, voxel_ml=1.0) == 1).all()
    assert (regions_to_mask(np.ones((1, 1, 4, 3)), rule, voxel_ml=1.0) == 4).all()


def test_pieces_are_measured_by_the_largest_and_without_the_bridge_between_them():
    mask = np.array([1] * 10 + [0] + [1] * 4 + [0] + [1], bool)
    # Pieces of 10, 4 and 1 voxels.
    assert [large_pieces(mask, share).sum() for share in (0.3, 0.1, 0.5)] == [14, 15, 10]
    mask, links = np.array([[1, 0, 0, 0, 0, 1, 1], [0, 1, 1, 1, 0, 0, 0]], bool)
    assert large_pieces(mask, 1, links).tolist() == [False] * 5 + [True, True]
    # Those that touch at an edge only are two.
    mask = np.array([[1, 0, 0], [0, 1, 1]], bool)
    assert large_pieces(mask, 1).tolist() == [[False, False, False], [False, True, True]]
    assert not large_pieces(np.zeros((2, 2), bool), 1).any()
