"""Intervals against closed forms; a missing value is never dropped in silence."""

import numpy as np
import pandas as pd
import pytest

from brats_lib.errors import BratsError
from brats_lib.scores.summary import bootstrap_interval, spread, summarise


def rows(**dice_by_region):
    return [
        {"case": f"case{i}", "region": region, "dice": value, "hd95_mm": 10 * value}
        for region, values in dice_by_region.items()
        for i, value in enumerate(values)
    ]


def test_interval_agrees_with_the_normal_approximation_for_many_cases():
    values = np.random.default_rng(1).normal(0.8, 0.1, 400)
    mean, low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / 20
    assert mean == pytest.approx(values.mean())
    assert low == pytest.approx(mean - half, abs=0.0005)
    assert high == pytest.approx(mean + half, abs=0.0005)


def test_interval_of_zeros_and_ones_has_binomial_bounds():
    # Ten cases, half of them 1: the resampled sum is binomial(10, 1/2), whose 2.5 % and 97.5 % quantiles are 2 and 8.
    assert bootstrap_interval([0, 1] * 5) == (0.5, pytest.approx(0.2), pytest.approx(0.8))


def test_interval_is_seeded_and_widens_with_the_level():
    values = np.linspace(0, 1, 23)
    assert bootstrap_interval(values, seed=4) == bootstrap_interval(values, seed=4)
    assert bootstrap_interval(values, seed=4) != bootstrap_interval(values, seed=5)
    _, low90, high90 = bootstrap_interval(values, level=0.9)
    _, low99, high99 = bootstrap_interval(values, level=0.99)
    assert low99 < low90 < high90 < high99


def test_interval_does_not_depend_on_how_many_resamples_fit_in_memory(monkeypatch):
    values = np.linspace(0, 1, 7)
    expected = bootstrap_interval(values, resamples=100)
    monkeypatch.setattr("brats_lib.scores.summary._INDICES_AT_ONCE", 70)
    assert bootstrap_interval(values, resamples=100) == expected


def test_one_case_has_no_spread():
    assert bootstrap_interval([0.7]) == (0.7, 0.7, 0.7)


@pytest.mark.parametrize("values", [[], [0.5, np.nan], [0.5, np.inf], [[0.5]]])
def test_interval_refuses_what_it_would_have_to_drop(values):
    with pytest.raises(ValueError, match="values"):
        bootstrap_interval(values)


def test_summary_by_hand():
    summary = summarise(rows(WT=[0.9, 0.8, 0.1], ET=[0, 0, 1]))
    assert [(line["region"], line["score"]) for line in summary] == [
        ("WT", "dice"), ("WT", "hd95_mm"), ("ET", "dice"), ("ET", "hd95_mm")
    ]  # fmt: skip
    dice = summary[0]
    assert dice["cases"] == 3
    assert dice["mean"] == pytest.approx(0.6)
    assert dice["sd"] == pytest.approx(np.sqrt((0.09 + 0.04 + 0.25) / 2))
    assert dice["median"] == 0.8
    assert 0.1 <= dice["low"] < 0.6 < dice["high"] <= 0.9
    assert summary[3]["mean"] == pytest.approx(10 / 3)


def test_summary_takes_a_data_frame_and_other_groups():
    frame = pd.DataFrame({
        "predictor": ["network", "network", "background"], "subset": ["val", "test", "test"],
        "case": ["a", "b", "b"], "accuracy": [0.9, 0.8, 0.7],
    })  # fmt: skip
    summary = summarise(frame, by=("predictor", "subset"))
    assert [(s["predictor"], s["subset"], s["mean"], s["sd"]) for s in summary] == [
        ("network", "val", 0.9, 0), ("network", "test", 0.8, 0), ("background", "test", 0.7, 0)
    ]  # fmt: skip


@pytest.mark.parametrize("hole", [np.nan, None, "", float("inf")])
def test_a_missing_score_stops_the_summary_and_names_the_case(hole):
    scores = rows(WT=[0.9, 0.8], ET=[0.5, 0.4])
    scores[3]["dice"] = hole
    with pytest.raises(BratsError, match="case1, region ET"):
        summarise(scores)


def test_a_missing_or_repeated_case_stops_the_summary():
    with pytest.raises(BratsError, match="case2"):
        summarise(rows(WT=[0.9, 0.8, 0.7], ET=[0.5, 0.4]))
    with pytest.raises(BratsError, match="case0 occurs twice in region WT"):
        summarise(rows(WT=[0.9]) + rows(WT=[0.8]))
    with pytest.raises(BratsError, match="no rows"):
        summarise([])
    with pytest.raises(BratsError, match="column 'region'"):
        summarise([{"case": "a", "dice": 1.0}])


def runs(**dice_by_seed):
    """One row per seed and case of region WT."""
    rows = [
        {"row": "full", "region": "WT", "seed": seed, "case": f"case{i}", "dice": value}
        for seed, values in dice_by_seed.items()
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_spread_is_that_of_the_seeds_means_over_cases():
    # Means .6, .7 and .8; the cases of one seed are much further apart.
    (row,) = spread(runs(a=[0.2, 1.0], b=[0.4, 1.0], c=[0.6, 1.0]), by=("row", "region")).to_dict("records")
    assert row == pytest.approx(
        {"row": "full", "region": "WT", "runs": 3, "mean": 0.7, "sd": 0.1, "min": 0.6, "max": 0.8}
    )


def test_spread_keeps_the_order_of_rows_and_takes_tables_without_cases():
    frame = pd.DataFrame({"row": ["z", "a", "z"], "seed": [1, 1, 2], "dice": [0.5, 0.4, 0.7]})
    table = spread(frame, by=("row",))
    assert table["row"].tolist() == ["z", "a"]
    assert table["runs"].tolist() == [2, 1]
    assert table["mean"].tolist() == pytest.approx([0.6, 0.4])
    assert table["sd"].tolist() == pytest.approx([np.sqrt(0.02), 0])


def test_spread_refuses_what_would_flatter():
    frame = runs(a=[0.2, 1.0], b=[0.4, 1.0])
    with pytest.raises(BratsError, match="seeds of full, WT have 1, 2 cases"):
        spread(frame[1:], by=("row", "region"))
    with pytest.raises(BratsError, match="1 of 4 rows"):
        spread(frame.assign(dice=[0.1, np.nan, 0.2, 0.3]))
    with pytest.raises(BratsError, match="no column 'data'"):
        spread(frame, by=("data",))
    with pytest.raises(BratsError, match="no rows"):
        spread(frame.head(0))
