"""Figures of single cases: every case is drawn where its scores are, none is left out in silence."""

import pandas as pd
import pytest
from figures.drawn import SOURCE, check_plot, marked

from brats_lib.figures import cases

NAMES = ("Brain_00007", "Brain_00012", "Brain_00030")


def scores(*dice, regions=("WT", "TC", "ET"), names=NAMES):
    """The same Dice in every region."""
    rows = [(case, region, value) for region in regions for case, value in zip(names, dice, strict=True)]
    return pd.DataFrame(rows, columns=["case", "region", "dice"])


def test_short_names_leave_out_whole_parts_that_are_common():
    assert cases.short_names(["BraTS2021_00000", "BraTS2021_00002"]) == ["00000", "00002"]
    assert cases.short_names(["BraTS-GLI-00005-000", "BraTS-GLI-00006-000"]) == ["00005-000", "00006-000"]
    assert cases.short_names(["a_", "a_b"]) == ["a_", "b"]


def test_paired_cases_join_two_scores_and_write_the_gain_its_interval_and_its_p_value():
    first, second = scores(0.2, 0.6, 0.5), scores(0.8, 0.5, 0.9)[::-1]
    figure = cases.paired_cases(first, second, ("published", "native"), SOURCE)
    check_plot(figure)
    # The hardest case of the second is on top.
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == ["00012", "00007", "00030", "mean"]
    ends = [segment[:, 0].tolist() for segment in marked(figure, "change")[0].get_segments()]
    assert ends == [[0.6, 0.5], [0.2, 0.8], [0.5, 0.9], pytest.approx([1.3 / 3, 2.2 / 3])]
    # Gains -.1, .6, .4: the interval ends at the extreme cases, and half of all assignments of signs are as far from 0.
    # The same three times makes 1.
    written = figure.axes[0].get_xlabel()
    assert "mean gain +0.300" in written and "−0.100 to +0.600" in written and "corrected p = 1, 3 cases" in written


def test_dice_over_size_names_the_hardest_case():
    both = [scores(0.2, 0.6, 0.5).assign(recipe="published"), scores(0.8, 0.5, 0.9).assign(recipe="native")]
    sizes = pd.DataFrame({"case": NAMES, "wt_ml": [5, 90, 95]})
    figure = cases.dice_against_size(pd.concat(both, ignore_index=True).merge(sizes), SOURCE)
    check_plot(figure)
    (native, *_), (published, *_) = marked(figure, "native"), marked(figure, "published")
    assert sorted(zip(native.get_xdata(), native.get_ydata(), strict=True)) == [(5, 0.8), (90, 0.5), (95, 0.9)]
    assert list(published.get_ydata()) == [0.2, 0.6, 0.5]
    assert [name.get_text() for name in marked(figure, "case")] == ["00007"] * 3
