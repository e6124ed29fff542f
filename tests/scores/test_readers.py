"""Tables of ratings: what is refused, what was given how often, and who agrees with whom."""

import math

import pandas as pd
import pytest

from brats_lib.errors import BratsError
from brats_lib.scores.readers import COLUMNS, agreement, grade_counts, read_ratings, weighted_kappa


def rows(*given):
    return pd.DataFrame([(*row, "", "", 1) for row in given], columns=COLUMNS)


THREE = rows(
    ("R1", "a", "truth", 1), ("R1", "a", "prediction", 2), ("R1", "b", "truth", 3), ("R1", "b", "prediction", 5),
    ("R2", "a", "truth", 1), ("R2", "a", "prediction", 3), ("R2", "b", "truth", 3), ("R2", "b", "prediction", 3),
    ("R3", "c", "truth", 4),
)  # fmt: skip


def test_agreement_is_over_the_masks_that_both_rated():
    """Observed: squares 0, 1, 0, 4, mean 5/4. Expected: over all 16 pairs of 1 2 3 5 and 1 3 3 3.

    From 1: 0 4 4 4; from 2: 1 1 1 1; from 3: 4 0 0 0; from 5: 16 4 4 4. Together 48, mean 3. Kappa 1 - (5/4) / 3.
    """
    found = agreement(THREE)
    assert found[["first", "second", "masks"]].values.tolist() == [["R1", "R2", 4], ["R1", "R3", 0], ["R2", "R3", 0]]
    assert found["kappa"][0] == pytest.approx(7 / 12) and found["kappa"][1:].isna().all()
    assert math.isnan(weighted_kappa([4, 4], [4, 4]))


def test_grades_are_counted_by_reader_and_side():
    counts = grade_counts(THREE)
    assert counts.columns[0] == "1 unusable"
    assert counts.loc[("R1", "prediction")].tolist() == [0, 1, 0, 0, 1]
    assert counts.loc[("R2", "truth")].tolist() == [1, 0, 1, 0, 0]


def test_names_that_look_like_numbers_stay_and_other_columns_are_left_out(tmp_path):
    rows(("007", "2020_01", "truth", 1)).assign(simulated=0).to_csv(tmp_path / "r.csv", index=False)
    table = read_ratings(tmp_path / "r.csv")
    assert table[["reader", "case"]].to_numpy().tolist() == [["007", "2020_01"]] and tuple(table) == COLUMNS


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
    spoil(THREE[:1]).to_csv(tmp_path / "r.csv", index=False)
    with pytest.raises(BratsError, match=found):
        read_ratings(tmp_path / "r.csv")
