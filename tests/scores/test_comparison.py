"""Paired tests against enumeration by hand and the binomial distribution; unequal cases are refused."""

import numpy as np
import pandas as pd
import pytest

from brats_lib.errors import BratsError
from brats_lib.scores.comparison import compare, paired_test


def scores(cases="abc", **dice):
    """A table of Dice, from one value per case of each region."""
    return pd.DataFrame({"case": list(cases), **dice}).melt("case", var_name="region", value_name="dice")


def test_p_value_by_hand():
    # Differences 1, 2 and 3: of the eight sums only 6 and -6 are as far from 0.
    result = paired_test([0, 0, 0], [1, 2, 3])
    assert (result["cases"], result["difference"], result["p_value"]) == (3, 2, 2 / 8)
    # 3, 1 and -1: sums 3, 5, 1, 3, and the same with the other sign; six of eight are at least 3 away.
    assert paired_test([0, 0, 1], [3, 1, 0])["p_value"] == paired_test([3, 1, 0], [0, 0, 1])["p_value"] == 6 / 8
    # Signs give sums of +-.1 or +-.3, in many orders; .1 + .2 - .3 must not count as different from 0.
    assert paired_test([0, 0, 0], [0.1, 0.2, -0.3])["p_value"] == 1


def test_many_cases_are_drawn_at_random_and_agree_with_the_binomial():
    # 20 differences of one size, 15 of them up: p is the chance of at least 15 or at most 5 heads in 20 throws.
    first, second = np.zeros(20), np.where(np.arange(20) < 15, 1.0, -1.0)
    result = paired_test(first, second)
    assert result["p_value"] == pytest.approx(0.04139, abs=0.006)
    assert result == paired_test(first, second)
    # Drawn at random, it is never certain.
    assert paired_test(np.zeros(40), np.ones(40))["p_value"] == 1 / 10_001


@pytest.mark.parametrize("second", [[0.5], [0.5, np.nan]])
def test_scores_that_are_not_paired_are_refused(second):
    with pytest.raises(ValueError, match="same cases|not finite"):
        paired_test([0.5, 0.6], second)


def test_compare_pairs_by_case_whatever_the_order_of_rows():
    first = scores(ET=[0.1, 0.2, 0.3], WT=[0.5, 0.6, 0.7])
    second = scores(ET=[0.3, 0.3, 0.3], WT=[0.6, 0.6, 0.6])[::-1]
    table = compare(first, second)
    assert list(table.columns) == ["region", "cases", "first", "second", "difference", "low", "high", "p_value"]
    assert table["region"].tolist() == ["WT", "ET"] and table["cases"].tolist() == [3, 3]
    assert table["first"].tolist() == pytest.approx([0.6, 0.2])
    assert table["second"].tolist() == pytest.approx([0.6, 0.3])
    # WT: gains .1, 0, -.1: every sum of signs is at least as far from 0. ET: .2, .1, 0: p = 4 / 8.
    assert table["p_value"].tolist() == [1, 0.5]
    assert table["difference"].tolist() == pytest.approx([0, 0.1])


def test_compare_refuses_other_cases_and_regions_and_what_it_would_have_to_drop():
    three, both = scores(WT=[0.1, 0.2, 0.3]), scores(WT=[0.1, 0.2, 0.3], ET=[0, 0, 0])
    with pytest.raises(BratsError, match="cases are in one of them only: c, d"):
        compare(three, scores("abd", WT=[0.1, 0.2, 0.3]))
    with pytest.raises(BratsError, match="regions are in one of them only: ET"):
        compare(three, both)
    for table in (three.assign(dice=[0.1, np.nan, 0.3]), both[:-1], pd.concat([three, three])):
        with pytest.raises(ValueError, match="not finite|duplicate"):
            compare(table, table)
