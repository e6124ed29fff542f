"""Intervals against closed forms; a missing value is never dropped in silence."""

import numpy as np
import pandas as pd
import pytest

from brats_lib.errors import BratsError
from brats_lib.scores.summary import bootstrap_interval, spread


def test_interval_of_zeros_and_ones_has_binomial_bounds():
    # Ten cases, half of them 1: the resampled sum is binomial(10, 1/2), whose 2.5 % and 97.5 % quantiles are 2 and 8.
    assert bootstrap_interval([0, 1] * 5) == (0.5, pytest.approx(0.2), pytest.approx(0.8))
    assert bootstrap_interval([0.7]) == (0.7, 0.7, 0.7)


def test_interval_is_always_that_of_the_same_resamples():
    """Those of numpy's generator from seed 0, with which recorded tables were made."""
    values = np.linspace(0, 1, 7) ** 2
    drawn = np.random.default_rng(0).integers(7, size=(10_000, 7))
    expected = (values.mean(), *np.quantile(values[drawn].mean(1), (0.025, 0.975)))
    assert bootstrap_interval(values) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("values", [[], [0.5, np.nan], [0.5, np.inf], [[0.5]]])
def test_interval_refuses_what_it_would_have_to_drop(values):
    with pytest.raises(ValueError, match="values"):
        bootstrap_interval(values)


def test_spread_is_that_of_the_seeds_means_over_cases():
    # Means .6, .7 and .8; the cases of one seed are much further apart.
    frame = pd.DataFrame({
        "row": "full", "region": "WT", "seed": np.repeat([1, 2, 3], 2), "case": ["a", "b"] * 3,
        "dice": [0.2, 1.0, 0.4, 1.0, 0.6, 1.0],
    })  # fmt: skip
    (row,) = spread(frame, by=("row", "region")).to_dict("records")
    assert row == pytest.approx(
        {"row": "full", "region": "WT", "runs": 3, "mean": 0.7, "sd": 0.1, "min": 0.6, "max": 0.8}
    )
    # What would flatter is refused.
    with pytest.raises(BratsError, match="seeds of WT have different cases"):
        spread(frame[1:])
    with pytest.raises(BratsError, match="1 of 6 rows"):
        spread(frame.assign(dice=[0.1, np.nan, 0.2, 0.3, 0.4, 0.5]))


def test_spread_keeps_the_order_of_rows_and_takes_tables_without_cases():
    table = spread(pd.DataFrame({"row": ["z", "a", "z"], "seed": [1, 1, 2], "dice": [0.5, 0.4, 0.7]}), by=("row",))
    assert table["row"].tolist() == ["z", "a"] and table["runs"].tolist() == [2, 1]
    assert table["mean"].tolist() == pytest.approx([0.6, 0.4])
    assert table["sd"].tolist() == pytest.approx([np.sqrt(0.02), np.nan], nan_ok=True)
