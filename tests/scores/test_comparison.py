"""Tests by hand and against the binomial distribution; the rate at which verdicts find what is not there."""

import numpy as np
import pandas as pd
import pytest

from brats_lib.errors import BratsError
from brats_lib.scores.comparison import Claim, compare, paired_test, verdicts


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
    columns = ["region", "cases", "first", "second", "difference", "low", "high", "p_value", "corrected_p"]
    assert list(table.columns) == columns
    assert table["region"].tolist() == ["WT", "ET"] and table["cases"].tolist() == [3, 3]
    assert table["first"].tolist() == pytest.approx([0.6, 0.2])
    assert table["second"].tolist() == pytest.approx([0.6, 0.3])
    # WT: gains .1, 0, -.1: every sum of signs is at least as far from 0. ET: .2, .1, 0: p = 4 / 8.
    assert table["p_value"].tolist() == [1, 0.5]
    # The smaller of two counts twice.
    assert table["corrected_p"].tolist() == [1, 1]
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


def trainings(**systems):
    """A table of Dice, from an array of seeds and cases for each system; without cases from one of seeds."""
    parts = []
    for name, dice in systems.items():
        long = pd.DataFrame(dice).rename_axis(index="seed", columns="case").stack().rename("dice").reset_index()
        parts.append(long.assign(system=name).drop(columns="case" if np.ndim(dice) == 1 else []))
    return pd.concat(parts, ignore_index=True)


CLAIM = Claim("a before b", "a", "b")


def test_verdict_by_hand():
    # Means of a's seeds .7, .8, .9: variance .01, over 3; b's are alike. Gains of the cases .2, .3, .4: .01, over 3.
    # The variance of the mean gain .3 is 2 / 300, its standard error .081650, t = 3.674235. Degrees of freedom are
    # 2^2 / (1 / 2 + 1 / 2) = 4, of which the distribution has a closed form: p = .021312, and t = 2.776445 at .975.
    a, b = [[0.6, 0.7, 0.8], [0.7, 0.8, 0.9], [0.8, 0.9, 1.0]], np.full((3, 3), 0.5)
    (row,) = verdicts(trainings(a=a, b=b)[::-1], [CLAIM]).to_dict("records")
    assert (row["claim"], row["first"], row["second"]) == CLAIM
    assert (row["cases"], row["seeds"], row["verdict"]) == (3, 3, "better")
    assert row["difference"] == pytest.approx(0.3) and row["p_value"] == row["corrected_p"]
    assert [row["p_value"], row["low"], row["high"]] == pytest.approx([0.021312, 0.073304, 0.526696], abs=1e-6)
    (row,) = verdicts(trainings(a=a, b=b), [Claim("", "b", "a")]).to_dict("records")
    assert row["difference"] == pytest.approx(-0.3) and row["verdict"] == "worse"
    # Of three claims the smallest p-value counts three times, .0639, the next is no smaller, and that of no difference
    # stays 1.
    three = verdicts(trainings(a=a, b=b, c=b), [CLAIM, Claim("", "a", "c"), Claim("", "b", "c")])
    assert three["corrected_p"].tolist() == pytest.approx([0.063935, 0.063935, 1], abs=3e-6)
    assert set(three["verdict"]) == {"undecided"}


def test_without_cases_a_verdict_is_of_seeds_alone():
    # Variances 1 and 0 of three seeds each: t = 12 / sqrt(1 / 3) with 2 degrees of freedom, whose p-value is
    # 1 - t / sqrt(2 + t^2) = .002307.
    (row,) = verdicts(trainings(a=[12.0, 13.0, 14.0], b=[1.0, 1.0, 1.0]), [CLAIM]).to_dict("records")
    assert row["p_value"] == pytest.approx(0.002307, abs=1e-6) and row["cases"] == 1 and row["verdict"] == "better"


def test_two_seeds_or_copies_of_one_decide_nothing():
    good, bad = np.full((2, 9), 0.9), np.random.default_rng(0).normal(0.1, 0.01, (3, 9))
    (row,) = verdicts(trainings(a=good, b=bad), [CLAIM]).to_dict("records")
    assert row["seeds"] == 2 and row["verdict"] == "undecided" and row["difference"] == pytest.approx(0.8, abs=0.01)
    assert np.isnan([row["low"], row["high"], row["p_value"], row["corrected_p"]]).all()
    (row,) = verdicts(trainings(a=[0.1] * 3, b=[0.3] * 3), [CLAIM]).to_dict("records")
    assert (row["p_value"], row["verdict"]) == (1, "undecided")


def test_verdicts_name_what_is_missing_from_claimed_systems_alone():
    table = trainings(a=np.ones((3, 2)), b=np.ones((3, 2)), c=np.ones((1, 5)))
    # Another pair may have other cases.
    assert verdicts(table, [CLAIM, Claim("", "c", "c")])["cases"].tolist() == [2, 5]
    with pytest.raises(BratsError, match="missing: a, seed 0, case 1;"):
        verdicts(table.drop(1), [CLAIM])
    with pytest.raises(BratsError, match="missing: d;"):
        verdicts(table, [Claim("", "a", "d")])


def simulate_chapter(rng, seeds, cases, of_seeds, of_cases, systems=13):
    """Scores of systems that are equally good, an array of systems, seeds and cases.

    Cases differ in how hard they are, seeds by a standard deviation of `of_seeds`, four times that for every second
    system, and cases by system with heavy tails; one case in twelve is found or missed by chance.
    """
    spread = np.where(np.arange(systems) % 2, 1, 4)[:, None, None]
    dice = 0.75 + rng.normal(0, 0.1, (1, 1, cases)) + of_seeds * spread * rng.normal(size=(systems, seeds, 1))
    dice = dice + of_cases * rng.standard_t(3, (systems, 1, cases)) + rng.normal(0, 0.03, (systems, seeds, cases))
    by_chance = rng.random(cases) < 1 / 12
    return np.where(by_chance, rng.random(dice.shape) < 0.5, dice.clip(0, 1))


def judge_chapter(dice):
    """The words of twelve claims that share the last system, from an array of 13 systems, seeds and cases."""
    names = ["system", "seed", "case"]
    table = pd.MultiIndex.from_product(map(range, dice.shape), names=names).to_frame(index=False)
    claims = [Claim("", system, 12) for system in range(12)]
    return verdicts(table.assign(dice=dice.ravel()), claims)["verdict"].to_numpy()


@pytest.mark.parametrize(("of_seeds", "of_cases"), [(0.03, 0.01), (0.002, 0.08)])
def test_at_most_one_chapter_in_twenty_finds_what_is_not_there(of_seeds, of_cases):
    rng = np.random.default_rng(0)
    wrong = [(judge_chapter(simulate_chapter(rng, 3, 26, of_seeds, of_cases)) != "undecided").any() for _ in range(400)]
    assert np.mean(wrong) <= 0.05


def test_at_most_one_chapter_in_twenty_finds_what_is_not_there_in_one_score_of_five_seeds():
    rng = np.random.default_rng(0)
    wrong = [(judge_chapter(rng.normal(0.6, 0.03, (13, 5, 1))) != "undecided").any() for _ in range(400)]
    assert np.mean(wrong) <= 0.05


def test_most_of_what_is_there_is_found_among_twelve_claims():
    rng, found = np.random.default_rng(0), []
    for _ in range(50):
        dice = simulate_chapter(rng, 3, 26, 0.002, 0.02)
        dice[3] -= 0.25
        found.append(judge_chapter(dice)[3] == "worse")
    assert np.mean(found) > 0.7
