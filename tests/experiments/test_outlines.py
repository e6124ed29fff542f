"""Outlines by hand, on cubes whose layers can be counted."""

import numpy as np
import pytest

from brats_lib.labels import ED, ET, NCR
from experiments.outlines import describe_outline


def cube(side):
    """A cube of so many voxels in the middle of one of 61."""
    start = (61 - side) // 2
    return (slice(start, start + side),) * 3


@pytest.fixture
def case():
    """A cube of edema, in it a cube that enhances, in it one of necrosis."""
    mask = np.zeros((61, 61, 61), np.uint8)
    flair, t1ce = np.full(mask.shape, 10.0), np.full(mask.shape, 5.0)
    mask[cube(41)], mask[cube(17)], mask[cube(7)] = ED, ET, NCR
    # The outermost layer of the edema, and of what enhances, is less bright.
    flair[cube(41)], flair[cube(39)] = 14, 20
    t1ce[cube(41)], t1ce[cube(17)], t1ce[cube(15)] = 4, 6, 9
    return {"flair": flair, "t1ce": t1ce}, mask


def test_outline_by_hand(case):
    # Outermost voxels of ET are the outer layer at 6, 17^3 - 15^3 = 1538 of them, and the layer around the necrosis at
    # 9, at most 9^3 - 7^3 = 386; the median is 6, two fifths of the way from 4 to 9. FLAIR is 14 on the way from 10 to
    # 20.
    expected = {"core_surface_enhancing": 1, "et_outermost": 2 / 5, "wt_outermost": 0.4}
    assert describe_outline(*case) == pytest.approx(expected)


def test_necrosis_at_the_surface_is_counted(case):
    volumes, mask = case
    mask[22, 22:39, 22:39] = NCR  # one of six sides, edges included: 289 of 1538 voxels
    assert describe_outline(volumes, mask)["core_surface_enhancing"] == pytest.approx(1 - 289 / 1538)


def test_regions_that_are_empty_or_thin_have_no_outline(case):
    volumes, mask = case
    nothing = describe_outline(volumes, np.zeros_like(mask))
    assert np.isnan(list(nothing.values())).all()
    mask[mask == ET] = NCR
    mask[30, 30, 30] = ET
    assert np.isnan(describe_outline(volumes, mask)["et_outermost"])
