"""The figure of the reader study: what is counted, and that nobody mistakes simulated readers for people."""

import numpy as np
import pandas as pd
import pytest
from figures.drawn import SOURCE, marked

from brats_lib.figures.readers import reader_ratings
from brats_lib.scores.readers import COLUMNS, agreement, simulate_ratings

DICE = {f"case {i}": dice for i, dice in enumerate(np.linspace(0.4, 0.95, 8))}


def written(ratings, gid):
    return [text.get_text() for text in marked(reader_ratings(ratings, SOURCE, "Readers"), gid)]


def test_simulated_ratings_are_stamped_and_those_of_people_are_not():
    ratings = simulate_ratings(DICE)
    assert written(ratings, "stamp") == ["SIMULATED", "SIMULATED"]
    assert written(ratings.assign(simulated=0), "stamp") == []


def test_bars_are_shares_and_every_pair_has_its_kappa():
    ratings = simulate_ratings(DICE, readers=3)
    fig = reader_ratings(ratings, SOURCE, "Readers")
    bars = fig.axes[0].patches
    one = ratings[(ratings["reader"] == "simulated 1") & (ratings["side"] == "truth")]["score"]
    assert [bar.get_width() for bar in bars[:5]] == pytest.approx([(one == grade).mean() for grade in range(1, 6)])
    assert sum(bar.get_width() for bar in bars) == pytest.approx(6)
    expected = [f"{row.kappa:.2f}\nn = 16" for row in agreement(ratings).itertuples()]
    assert [text.get_text() for text in marked(fig, "kappa")] == expected


def test_a_study_of_one_case_or_one_reader_is_drawn():
    one = pd.DataFrame([(r, "a", "truth", 4, "", "", 1, 0) for r in ("R1", "R2")], columns=COLUMNS)
    assert written(one, "kappa") == ["undefined\nn = 1"]
    assert written(one[:1], "kappa") == []
