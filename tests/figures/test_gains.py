"""Curves and steps of several trainings: means and ranges are those of the table."""

import numpy as np
import pandas as pd
import pytest
from figures.drawn import SOURCE, check_plot, marked, texts

from brats_lib.errors import BratsError
from brats_lib.figures import gains


@pytest.fixture
def trainings():
    """Two seeds; 8 and 64 phantoms for 40 minutes, and 64 for 10. The second seed is better by .1."""
    points = [(8, 40, 0.3), (64, 40, 0.7), (64, 10, 0.5)]
    rows = [
        (phantoms, minutes, seed, region, dice + 0.1 * seed - 0.05 * i)
        for phantoms, minutes, dice in points
        for seed in (0, 1)
        for i, region in enumerate(("WT", "ET"))
    ]
    return pd.DataFrame(rows, columns=["phantoms", "minutes", "seed", "region", "dice"])


def curve(axes, name):
    (line,) = [line for line in axes.lines if line.get_gid() == name]
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def test_a_curve_holds_the_other_quantity_at_its_largest_and_its_band_spans_the_seeds(trainings):
    figure = gains.transfer_curve(trainings, SOURCE)
    check_plot(figure)
    more, longer = figure.axes
    assert curve(more, "WT") == ([8, 64], pytest.approx([0.35, 0.75]))
    assert curve(longer, "WT") == ([10, 40], pytest.approx([0.55, 0.75]))
    assert curve(longer, "ET")[1] == pytest.approx([0.5, 0.7])
    assert more.get_title(loc="left") == "More phantoms (40 minutes)"
    assert longer.get_title(loc="left") == "Longer training (64 phantoms)"
    assert more.get_xscale() == "log"
    assert "TC" not in texts(figure) and "lowest to highest of 2 seeds" in texts(figure)
    band = marked(figure, "band WT")[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.3) and band[:, 1].max() == pytest.approx(0.8)


def test_with_one_seed_the_band_is_the_interval_over_cases(trainings):
    one = trainings[trainings["seed"] == 0]
    cases = pd.concat([one.assign(case=name, dice=one["dice"] + shift) for name, shift in (("a", 0.2), ("b", -0.2))])
    figure = gains.transfer_curve(cases, SOURCE)
    assert "95 % interval over 2 cases" in texts(figure)
    assert curve(figure.axes[0], "WT")[1] == pytest.approx([0.3, 0.7])
    band = marked(figure, "band WT")[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.1)  # both draws are the worse case


def test_what_was_never_varied_has_no_panel_and_one_seed_no_band(trainings):
    figure = gains.transfer_curve(trainings[(trainings["minutes"] == 40) & (trainings["seed"] == 1)], SOURCE)
    check_plot(figure)
    assert [axes.get_xlabel() for axes in figure.axes] == ["phantoms in training"]
    assert marked(figure, "band WT") == [] and not any("seeds" in text for text in texts(figure))
    single = gains.transfer_curve(trainings[trainings["phantoms"] == 8], SOURCE)
    assert curve(single.axes[0], "WT")[0] == [8]


def test_minutes_that_differ_everywhere_are_not_held(trainings):
    uneven = trainings[trainings["minutes"] == 40].assign(minutes=trainings["phantoms"] / 2)
    figure = gains.transfer_curve(uneven, SOURCE)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["More phantoms", "Longer training"]
    assert curve(figure.axes[1], "WT")[0] == [4, 32]


@pytest.fixture
def steps():
    rows = [
        (step, data, region, seed, dice + 0.02 * seed - 0.3 * (data == "real"))
        for step, dice in (("published", 0.5), ("z-score", 0.6), ("native", 0.8))
        for data in ("phantoms", "real")
        for region in ("WT", "TC", "ET")
        for seed in (0, 1, 2)
    ]
    return pd.DataFrame(rows, columns=["step", "data", "region", "seed", "dice"])


def test_ablation_draws_each_step_its_range_and_the_first_and_last_row(steps):
    figure = gains.ablation(steps, SOURCE)
    check_plot(figure)
    phantoms, real = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["phantoms", "real"]
    assert [label.get_text() for label in phantoms.get_yticklabels()] == ["published", "z-score", "native"]
    low, high = phantoms.get_ylim()
    assert low > high  # the first step is on top
    (marks,) = [line for line in real.lines if line.get_gid() == "TC"]
    assert marks.get_xdata().tolist() == pytest.approx([0.22, 0.32, 0.52])
    assert np.all(np.diff(marks.get_ydata()) > 0)
    ranges = [segment[:, 0].tolist() for lines in phantoms.collections for segment in lines.get_segments()]
    assert ranges == [pytest.approx(ends) for ends in [[0.5, 0.54], [0.6, 0.64], [0.8, 0.84]] * 3]
    for row, mean in (("first row", 0.52), ("last row", 0.82)):
        assert [line.get_xdata()[0] for line in phantoms.lines if line.get_gid() == row] == pytest.approx([mean] * 3)
    assert "range of 3 seeds" in texts(figure)


def test_ablation_writes_the_mean_of_the_regions_within_the_page(steps):
    uneven = steps.assign(dice=steps["dice"] + steps["region"].map({"WT": 0.03, "TC": 0, "ET": -0.09}))
    figure = gains.ablation(uneven, SOURCE)
    check_plot(figure)
    means = marked(figure, "mean")
    assert [text.get_text() for text in means] == ["0.500", "0.600", "0.800", "0.200", "0.300", "0.500"]
    assert all(text.get_window_extent().x1 <= figure.bbox.x1 for text in means)


def test_a_long_name_of_a_step_is_broken_and_a_step_may_be_missing_for_some_data(steps):
    long = steps.replace({"step": {"z-score": "intensities standardised in the brain of every scan"}})
    part = long[(long["data"] == "real") | (long["step"] == "native")]
    figure = gains.ablation(part[part["seed"] == 0], SOURCE)
    check_plot(figure)
    assert any(label.get_text().count("\n") >= 2 for label in figure.axes[0].get_yticklabels())
    assert not any("seeds" in text for text in texts(figure))


def test_a_missing_column_is_named(steps):
    with pytest.raises(BratsError, match="no column 'region'"):
        gains.ablation(steps.drop(columns="region"), SOURCE)
