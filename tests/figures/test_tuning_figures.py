"""Figures of a study show the numbers of its tables."""

import pandas as pd
import pytest
from figures.drawn import SOURCE, check_plot, marked

from brats_lib.figures import tuning


@pytest.fixture
def table():
    """Two seeds of the baseline and of two other values of dropout, two epochs each."""
    values = [("baseline", "", 0.5), ("dropout", "0.5", 0.3), ("dropout", "0.0", 0.4)]
    rows = [(*value, seed, epoch) for value in values for seed in (0, 1) for epoch in (1, 2)]
    table = pd.DataFrame(rows, columns=["factor", "value", "dice", "seed", "epoch"])
    return table.assign(dice=table["dice"] * table["epoch"] / 2 + 0.02 * table["seed"])


def test_effects_are_means_over_seeds_in_the_order_of_the_values(table):
    figure = tuning.factor_effects(table[table["epoch"] == 2], SOURCE, {"dropout": 0.2})
    check_plot(figure)
    means = {mark.get_xdata()[0]: mark.get_ydata()[0] for mark in marked(figure, "mean") if len(mark.get_xdata())}
    assert means == pytest.approx({0: 0.41, 1: 0.51, 2: 0.31})
    (line,) = marked(figure, "baseline")
    assert line.get_ydata()[0] == pytest.approx(0.51)


def test_curves_are_means_over_seeds(table):
    figure = tuning.learning_curves(table.rename(columns={"dice": "val_region_dice"}), ["dropout"], SOURCE)
    check_plot(figure)
    (dice,) = figure.axes
    baseline, none, half = (list(line.get_ydata()) for line in dice.lines if len(line.get_ydata()))
    assert half == pytest.approx([0.16, 0.31]) and baseline == pytest.approx([0.26, 0.51])


def test_search_shows_importance_and_marks_what_was_stopped():
    trials = pd.DataFrame(
        {"score": [0.2, 0.4, 0.1], "state": ["complete", "complete", "pruned"], "learning_rate": [1e-3, 1e-2, 1e-1],
         "optimizer": ["adam", "sgd", "sgd"]}
    )  # fmt: skip
    figure = tuning.importance_and_interaction(trials, {"learning_rate": 0.7, "width": 0.3}, SOURCE)
    check_plot(figure)
    assert [bar.get_width() for bar in figure.axes[0].patches] == [0.3, 0.7]
    (stopped,) = marked(figure, "sgd pruned")
    assert (stopped.get_xdata(), stopped.get_ydata()) == ([0.1], [0.1])
