"""Curves and steps of several trainings, and systems beside each other: means and ranges are those of the table."""

import numpy as np
import pandas as pd
import pytest
from figures.drawn import SOURCE, check_plot, marked, points, texts

from brats_lib.figures import gains


@pytest.fixture
def trainings():
    """Two seeds after 2 and 40 epochs, two cases each. The second seed is better by .1."""
    rows = [
        (epochs, seed, case, region, dice + 0.1 * seed + shift)
        for epochs, dice in ((2, 0.3), (40, 0.7))
        for seed in (0, 1)
        for case, shift in (("a", 0.2), ("b", -0.2))
        for region in ("WT", "ET")
    ]
    return pd.DataFrame(rows, columns=["epochs", "seed", "case", "region", "dice"])


def band(axes):
    """The lower and the upper end of the first band."""
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    return [heights.min(), heights.max()]


def test_the_band_of_a_curve_spans_the_seeds(trainings):
    figure = gains.transfer_curve(trainings, SOURCE)
    check_plot(figure)
    (axes,) = figure.axes
    assert points(axes, "WT") == ([2, 40], pytest.approx([0.35, 0.75]))
    assert band(axes) == pytest.approx([0.3, 0.8])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "40"]
    assert "TC" not in texts(figure) and "lowest to highest of 2 seeds" in texts(figure)


def test_with_one_seed_the_band_is_the_interval_over_cases(trainings):
    figure = gains.transfer_curve(trainings[trainings["seed"] == 0], SOURCE)
    (axes,) = figure.axes
    assert "95 % interval over 2 cases" in texts(figure)
    assert points(axes, "WT") == ([2, 40], pytest.approx([0.3, 0.7]))
    assert band(axes) == pytest.approx([0.1, 0.9])  # all draws are the worse case, or the better


def test_ablation_draws_each_step_and_its_range():
    rows = [
        (step, data, region, seed, dice + 0.02 * seed - 0.3 * (data == "real"))
        for step, dice in (("published", 0.5), ("z-score", 0.6), ("native", 0.8))
        for data in ("phantoms", "real")
        for region in ("WT", "TC", "ET")
        for seed in (0, 1, 2)
    ]
    steps = pd.DataFrame(rows, columns=["step", "data", "region", "seed", "dice"])
    figure = gains.ablation(steps, SOURCE)
    check_plot(figure)
    phantoms, real = figure.axes
    assert [label.get_text() for label in phantoms.get_yticklabels()] == ["published", "z-score", "native"]
    # The mean over the regions, in each row.
    written = [float(text.get_text()) for text in marked(figure, "mean")]
    assert written == [0.52, 0.62, 0.82, 0.22, 0.32, 0.52]
    means, heights = points(real, "TC")
    assert means == pytest.approx([0.22, 0.32, 0.52]) and np.all(np.diff(heights) > 0)
    ranges = {tuple(np.round(line.get_xdata(), 3)) for line in phantoms.lines if len(line.get_xdata()) == 2}
    assert ranges >= {(0.5, 0.54), (0.6, 0.64), (0.8, 0.84)}
    # Through the first and the last row.
    assert ranges >= {(0.52, 0.52), (0.82, 0.82)}
    assert "range of 3 seeds" in texts(figure)


def test_every_system_lies_where_its_cost_and_dice_are():
    rows = [("One", 0.8, 1e3, 10), ("Two", 0.79, 1e6, 300), ("Ours", 0.9, 1e5, 3)]
    systems = pd.DataFrame(rows, columns=["title", "dice", "multiply_adds", "case_seconds"])
    figure = gains.cost_against_dice(systems, SOURCE, ours=["Ours"])
    check_plot(figure)
    for axes, column in zip(figure.axes, ("multiply_adds", "case_seconds"), strict=True):
        drawn = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_gid() == "system"]
        assert sorted(drawn) == sorted(zip(systems[column], systems["dice"], strict=True))
        # Names of systems that are alike do not lie on each other.
        heights = sorted(text.get_position()[1] for text in axes.texts)
        assert len(heights) == 3 and min(np.diff(heights)) > 0.03
