"""Tables of ratings: what is refused, what is simulated and marked so, and who agrees with whom."""

import numpy as np
import pandas as pd
import pytest

from brats_lib.errors import BratsError
from brats_lib.scores.readers import COLUMNS, agreement, open_ratings, read_ratings, simulate_ratings

DICE = {f"case {i}": dice for i, dice in enumerate(np.linspace(0.3, 0.95, 14))}


def rows(*given):
    return pd.DataFrame([(*row, "", "", 1, 0) for row in given], columns=COLUMNS)


def test_agreement_is_over_the_masks_that_both_rated():
    table = rows(
        ("R1", "a", "truth", 1), ("R1", "a", "prediction", 2), ("R1", "b", "truth", 3), ("R1", "b", "prediction", 5),
        ("R2", "a", "truth", 1), ("R2", "a", "prediction", 3), ("R2", "b", "truth", 3), ("R2", "b", "prediction", 3),
        ("R3", "c", "truth", 4),
    )  # fmt: skip
    found = agreement(table)
    assert found[["first", "second", "masks"]].values.tolist() == [["R1", "R2", 4], ["R1", "R3", 0], ["R2", "R3", 0]]
    # Worked out by hand in the test of the metric.
    assert found["kappa"][0] == pytest.approx(7 / 12) and found["kappa"][1:].isna().all()


def test_one_reader_agrees_with_nobody():
    assert list(agreement(rows(("R1", "a", "truth", 1))).columns) == ["first", "second", "masks", "kappa"]


def test_simulated_readers_are_marked_in_every_row_and_by_name():
    table = simulate_ratings(DICE, readers=3, seed=1)
    assert len(table) == 3 * 2 * len(DICE) and (table["simulated"] == 1).all()
    assert set(table["reader"]) == {"simulated 1", "simulated 2", "simulated 3"}
    assert table["score"].between(1, 5).all() and not table.duplicated(["reader", "case", "side"]).any()
    assert table.equals(simulate_ratings(DICE, readers=3, seed=1))


def test_simulated_readers_see_quality_and_so_agree():
    table = simulate_ratings(DICE, readers=2, seed=0)
    mine = table[table["side"] == "prediction"]
    assert mine.groupby("case")["score"].mean().corr(pd.Series(DICE)) > 0.8
    assert agreement(table)["kappa"][0] > 0.4


def test_ratings_of_readers_take_the_place_of_simulated_ones(tmp_path):
    path = tmp_path / "ratings.csv"
    assert (open_ratings(path, DICE)["simulated"] == 1).all()
    rows(("R1", "a", "truth", 1)).to_csv(path, index=False)
    assert open_ratings(path, DICE)["reader"].tolist() == ["R1"]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda table: table.drop(columns="score"), "no column 'score'"),
        (lambda table: table.iloc[:0], "no rows"),
        (lambda table: table.assign(score=7), "holds 7"),
        (lambda table: table.assign(side="both"), "holds both"),
        (lambda table: pd.concat([table, table]), "twice"),
    ],
)
def test_a_table_that_is_no_study_is_refused(tmp_path, spoil, found):
    spoil(rows(("R1", "a", "truth", 1))).to_csv(tmp_path / "r.csv", index=False)
    with pytest.raises(BratsError, match=found):
        read_ratings(tmp_path / "r.csv")


def test_readers_and_cases_keep_names_that_look_like_numbers(tmp_path):
    rows(("007", "2020_01", "truth", 1)).to_csv(tmp_path / "r.csv", index=False)
    assert read_ratings(tmp_path / "r.csv")[["reader", "case"]].to_numpy().tolist() == [["007", "2020_01"]]


def test_a_table_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(BratsError, match="cannot be read"):
        read_ratings(tmp_path / "r.csv")
