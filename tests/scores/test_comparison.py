"""Paired tests against enumeration by hand and the binomial distribution; unequal cases are refused."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import permutation_test

from brats_lib.errors import BratsError
from brats_lib.scores.comparison import compare, paired_test


def scores(dice_by_region, cases=("a", "b", "c")):
    rows = [
        (case, region, value, 5.0)
        for region, values in dice_by_region.items()
        for case, value in zip(cases, values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["case", "region", "dice", "hd95_mm"])


def test_p_value_by_hand():
    # Differences 1, 2 and 3: of the eight sums only 6 and -6 are as far from 0.
    result = paired_test([0, 0, 0], [1, 2, 3])
    assert (result["cases"], result["difference"], result["p_value"]) == (3, 2, 2 / 8)
    # 3, 1 and -1: sums 3, 5, 1, 3, and the same with the other sign; six of eight are at least 3 away.
    assert paired_test([0, 0, 1], [3, 1, 0])["p_value"] == 6 / 8


def test_eight_gains_in_eight_cases_have_the_smallest_p_value_there_is():
    result = paired_test(np.full(8, 0.5), np.linspace(0.6, 0.9, 8))
    assert result["p_value"] == 2 / 256
    assert result["difference"] == pytest.approx(0.25)
    assert 0.1 < result["low"] < 0.25 < result["high"] < 0.4


def test_the_difference_is_the_seconds_gain_and_the_p_value_has_no_side():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 12))
    there, back = paired_test(a, b), paired_test(b, a)
    assert there["difference"] == pytest.approx(-back["difference"])
    assert there["p_value"] == back["p_value"]


def test_the_exact_test_agrees_with_scipy():
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 11))
    theirs = permutation_test((a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf)
    assert paired_test(a, b)["p_value"] == pytest.approx(theirs.pvalue)


def test_rounding_does_not_break_ties():
    # All signs give sums of +-.1 or +-.3, in many orders; .1 + .2 - .3 must not count as different from 0.
    assert paired_test([0, 0, 0], [0.1, 0.2, -0.3])["p_value"] == 1
    assert paired_test([0.7], [0.7])["p_value"] == 1


def test_many_cases_are_drawn_at_random_and_agree_with_the_binomial():
    # 20 differences of one size, 15 of them up: p is the chance of at least 15 or at most 5 heads in 20 throws.
    first, second = np.zeros(20), np.where(np.arange(20) < 15, 1.0, -1.0)
    result = paired_test(first, second, draws=40_000)
    assert result["p_value"] == pytest.approx(0.04139, abs=0.004)
    assert result == paired_test(first, second, draws=40_000)


def test_a_random_test_is_never_certain():
    assert paired_test(np.zeros(40), np.ones(40), draws=99)["p_value"] == 1 / 100


def test_the_random_test_does_not_depend_on_how_many_signs_fit_in_memory(monkeypatch):
    rng = np.random.default_rng(2)
    a, b = rng.random((2, 30))
    expected = paired_test(a, b, draws=500)
    monkeypatch.setattr("brats_lib.scores.comparison._SIGNS_AT_ONCE", 30 * 70)
    assert paired_test(a, b, draws=500) == expected


@pytest.mark.parametrize("second", [[0.5], [0.5, np.nan], []])
def test_scores_that_are_not_paired_are_refused(second):
    with pytest.raises(ValueError):
        paired_test([0.5, 0.6] if second else [], second)


def test_compare_pairs_by_case_whatever_the_order_of_rows():
    first = scores({"ET": [0.1, 0.2, 0.3], "WT": [0.5, 0.6, 0.7]})
    second = scores({"ET": [0.3, 0.3, 0.3], "WT": [0.6, 0.6, 0.6]})[::-1]
    table = compare(first, second)
    assert list(table.columns) == ["region", "cases", "first", "second", "difference", "low", "high", "p_value"]
    assert table["region"].tolist() == ["WT", "ET"]
    assert table["cases"].tolist() == [3, 3]
    assert table["first"].tolist() == pytest.approx([0.6, 0.2])
    assert table["second"].tolist() == pytest.approx([0.6, 0.3])
    # WT: gains .1, 0, -.1: every sum of signs is at least as far from 0. ET: .2, .1, 0: p = 4 / 8.
    assert table["p_value"].tolist() == [1, 0.5]
    assert table["difference"].tolist() == pytest.approx([0, 0.1])


def test_compare_takes_another_score():
    table = compare(scores({"WT": [0.1, 0.2, 0.3]}), scores({"WT": [0.1, 0.2, 0.4]}), score="hd95_mm")
    assert table["difference"].tolist() == [0] and table["first"].tolist() == [5]


def test_compare_refuses_other_cases_regions_and_columns():
    three, other = scores({"WT": [0.1, 0.2, 0.3]}), scores({"WT": [0.1, 0.2, 0.3]}, cases=("a", "b", "d"))
    with pytest.raises(BratsError, match="cases are in one of them only: c, d"):
        compare(three, other)
    with pytest.raises(BratsError, match="cases are in one of them only: c"):
        compare(three[three["case"] != "c"], three)
    with pytest.raises(BratsError, match="regions are in one of them only: ET"):
        compare(three, scores({"WT": [0.1, 0.2, 0.3], "ET": [0, 0, 0]}))
    with pytest.raises(BratsError, match="no column 'iou'"):
        compare(three, three, score="iou")
    with pytest.raises(BratsError, match="a occurs twice"):
        compare(pd.concat([three, three]), three)
    with pytest.raises(BratsError, match="finite"):
        compare(three.assign(dice=np.nan), three)
