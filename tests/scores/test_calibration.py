"""Calibration worked out by hand; the tables of cases add up to the table of all voxels."""

import numpy as np
import pytest

from brats_lib.scores.calibration import expected_calibration_error, pooled, reliability


def test_reliability_by_hand():
    # Two bins: .1, .2 and .3 with one region voxel of three; .5, .8 and 1 with two of three.
    table = reliability(np.array([0.1, 0.5, 0.2, 0.8, 0.3, 1.0]), np.array([0, 0, 1, 1, 0, 1]), bins=2)
    assert table["lower"].tolist() == [0, 0.5] and table["upper"].tolist() == [0.5, 1]
    assert table["voxels"].tolist() == [3, 3]
    assert table["probability"].tolist() == pytest.approx([0.2, 2.3 / 3])
    assert table["frequency"].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert expected_calibration_error(table) == pytest.approx((3 * (1 / 3 - 0.2) + 3 * (2.3 / 3 - 2 / 3)) / 6)


def test_an_empty_bin_has_no_frequency_and_no_weight():
    table = reliability(np.full(4, 0.1), np.array([1, 0, 0, 0]))
    assert table["voxels"].tolist() == [0, 4, *[0] * 8]
    assert table["frequency"].isna().sum() == table["probability"].isna().sum() == 9
    assert expected_calibration_error(table) == pytest.approx(0.15)
    assert np.isnan(expected_calibration_error(reliability(np.zeros(0), np.zeros(0, bool))))


def test_tables_of_cases_add_up_to_the_table_of_all_voxels():
    rng = np.random.default_rng(3)
    chances = rng.random(140), rng.random(60) * 0.6
    truths = [rng.random(len(chance)) < chance**2 for chance in chances]
    together = reliability(np.concatenate(chances), np.concatenate(truths))
    np.testing.assert_allclose(pooled(map(reliability, chances, truths)), together)
    # Only those inside count.
    inside = np.repeat([True, False], [140, 60])
    first = reliability(np.concatenate(chances), np.concatenate(truths), inside=inside)
    np.testing.assert_allclose(first, reliability(chances[0], truths[0]))


def test_half_precision_is_summed_in_full():
    # In float16 a sum stops growing at 2048 * 0.5.
    table = reliability(np.full(100_000, 0.5, np.float16), np.ones(100_000, bool), bins=2)
    assert table["probability"][1] == 0.5 and table["voxels"][1] == 100_000


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_what_is_no_probability_is_refused(value):
    with pytest.raises(ValueError, match="0-1"):
        reliability(np.array([0.5, value]), np.zeros(2, bool))
    assert reliability(np.array([1.0005]), np.ones(1, bool))["probability"].iloc[-1] == 1  # rounding is not
