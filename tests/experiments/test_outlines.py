"""Outlines by hand, on cubes whose layers can be counted."""

import numpy as np
import pytest

from brats_lib.labels import ED, ET, NCR
from experiments.outlines import describe_outline


def cube(side, inner):
    """Where a cube of so many voxels lies in the middle of one of `side`."""
    start = (side - inner) // 2
    return (slice(start, start + inner),) * 3


@pytest.fixture
def case():
    """A cube of edema, in it a cube that enhances, in it one of necrosis."""
    mask = np.zeros((61, 61, 61), np.uint8)
    flair, t1ce = np.full(mask.shape, 10.0), np.full(mask.shape, 5.0)
    mask[cube(61, 41)], mask[cube(61, 17)], mask[cube(61, 7)] = ED, ET, NCR
    flair[cube(61, 41)] = 14  # outermost layer of the edema
    flair[cube(61, 39)] = 20
    t1ce[cube(61, 41)] = 4  # edema
    t1ce[cube(61, 17)] = 6  # outermost layer of ET
    t1ce[cube(61, 15)] = 9
    return {"flair": flair, "t1ce": t1ce}, mask


def test_outline_by_hand(case):
    found = describe_outline(*case)
    assert found["core_surface_enhancing"] == 1
    # Outermost voxels of ET are the outer layer at 6, 17^3 - 15^3 = 1538 of them, and the layer around the necrosis at
    # 9, at most 9^3 - 7^3 = 386; the median is 6, two fifths of the way from 4 to 9.
    assert found["et_outermost"] == pytest.approx(2 / 5)
    # 14 on the way from 10 to 20.
    assert found["wt_outermost"] == pytest.approx(0.4)


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
