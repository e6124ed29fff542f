"""Who sees what in which order, and what becomes of what they say."""

import io
import sqlite3
import threading
from dataclasses import replace

import pandas as pd
import pytest
from app.seen import tiny_scan

from brats_lib.app.ratings import Ratings, reader_code
from brats_lib.app.study import Item, Study, reading_order
from brats_lib.cases import Cohort
from brats_lib.errors import BratsError
from brats_lib.prediction.weights import read_card
from brats_lib.scores.readers import COLUMNS, SIDES, read_ratings

CASES = [f"case {i}" for i in range(12)]


@pytest.fixture
def ratings(tmp_path):
    return Ratings(tmp_path / "ratings.sqlite")


def test_every_reader_sees_every_mask_once():
    order = reading_order(CASES, "R1")
    assert sorted((item.case, item.side) for item in order) == sorted((case, side) for case in CASES for side in SIDES)


def test_the_two_masks_of_a_case_are_in_different_halves_and_never_adjacent():
    for reader in map(str, range(200)):
        order = [item.case for item in reading_order(CASES[:3], reader)]
        assert set(order[:3]) == set(order[3:]) == set(CASES[:3])
        assert all(one != other for one, other in zip(order, order[1:], strict=False))


def test_the_order_is_the_same_again_for_a_reader_and_another_for_others():
    assert reading_order(CASES, "R1") == reading_order(CASES[::-1], "R1")
    assert len({tuple(reading_order(CASES, f"R{i}", seed)) for i in range(5) for seed in (0, 1)}) == 10


def test_neither_side_comes_first_more_often():
    first = [reading_order(CASES, f"reader {i}")[0].side for i in range(400)]
    # Four standard deviations of a fair coin thrown 400 times are 40.
    assert 160 < first.count("truth") < 240


def test_a_study_keeps_predictions_and_shows_either_mask(tmp_path):
    scan = tiny_scan(tmp_path / "cases")
    card = read_card("phantom")
    study = Study(Cohort.find(tmp_path / "cases"), card, tmp_path / "studies")
    assert study.missing() == [scan.case]
    study.keep(scan.case, scan.truth[::-1])
    assert study.missing() == []
    assert (study.mask(Item(scan.case.name, "truth")) == scan.truth).all()
    assert (study.mask(Item(scan.case.name, "prediction")) == scan.truth[::-1]).all()
    # The same weights with another threshold make other masks, and the name is no part of them.
    other = replace(card, rule=replace(card.rule, wt_above=0.5))
    names = [
        Study(Cohort.find(tmp_path / "cases"), each, tmp_path).name for each in (other, replace(card, name="other"))
    ]
    assert names[0] != study.name and names[1] == study.name


def test_a_study_needs_masks(tmp_path):
    tiny_scan(tmp_path / "cases", with_mask=False)
    with pytest.raises(BratsError, match="none of its cases has a mask"):
        Study(Cohort.find(tmp_path / "cases"), read_card("phantom"), tmp_path)


def test_a_second_score_replaces_the_first_and_both_are_logged(ratings):
    ratings.rate("s", "R1", "a", "truth", 2, "first")
    ratings.rate("s", "R1", "a", "truth", 5, "second")
    assert ratings.rated("s", "R1") == {("a", "truth"): (5, "second")}
    with sqlite3.connect(ratings.path) as connection:
        assert connection.execute("SELECT score, comment FROM log ORDER BY id").fetchall() == [
            (2, "first"),
            (5, "second"),
        ]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        for change in ("UPDATE log SET score = 1", "DELETE FROM log"):
            with pytest.raises(sqlite3.DatabaseError, match="not changed"):
                connection.execute(change)


def test_studies_and_readers_do_not_mix(ratings):
    ratings.rate("s", "R1", "a", "truth", 2)
    ratings.rate("s", "R2", "a", "truth", 3)
    ratings.rate("t", "R1", "a", "truth", 4)
    assert ratings.counts("s") == {"R1": 1, "R2": 1}
    assert ratings.rated("t", "R1") == {("a", "truth"): (4, "")}
    assert ratings.rated("s", "R3") == {}


def test_what_a_reader_writes_is_text_and_nothing_else(ratings):
    nasty = "'); DROP TABLE ratings; --"
    ratings.rate("s", nasty, nasty, "truth", 3, nasty)
    ratings.rate("s", "R1", "a", "truth", 3, '=HYPERLINK("elsewhere")')
    table = pd.read_csv(io.StringIO(ratings.to_csv("s")))
    assert set(table["comment"]) == {'\'=HYPERLINK("elsewhere")', nasty}
    assert ratings.rated("s", nasty) == {(nasty, "truth"): (3, nasty)}


def test_the_export_is_what_the_analysis_reads(ratings, tmp_path):
    ratings.rate("s", "R1", "a", "prediction", 4, 'well, "good",\nbut small')
    ratings.rate("s", "R1", "a", "prediction", 5, "better")
    (tmp_path / "r.csv").write_text(ratings.to_csv("s"))
    table = read_ratings(tmp_path / "r.csv")
    assert tuple(table.columns) == COLUMNS
    assert table[["reader", "case", "side", "score", "comment", "revision", "simulated"]].values.tolist() == [
        ["R1", "a", "prediction", 5, "better", 2, 0]
    ]


@pytest.mark.parametrize("score", [0, 6, 2.5, None])
def test_a_score_off_the_scale_is_refused(ratings, score):
    with pytest.raises(BratsError, match="1, 2, 3, 4 or 5"):
        ratings.rate("s", "R1", "a", "truth", score)
    assert ratings.counts("s") == {}


@pytest.mark.parametrize("code", ["", "   ", "x" * 41, "a\x00b", "a\nb"])
def test_a_reader_needs_a_code_that_can_be_read(code):
    with pytest.raises(BratsError, match="reader code"):
        reader_code(code)


def test_readers_may_save_at_the_same_time(ratings):
    def save(reader):
        for i in range(20):
            ratings.rate("s", reader, f"case {i}", "truth", 3)

    threads = [threading.Thread(target=save, args=(f"R{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ratings.counts("s") == {f"R{i}": 20 for i in range(4)}


def test_a_file_that_is_no_database_is_not_overwritten(tmp_path):
    path = tmp_path / "ratings.sqlite"
    path.write_text("my thesis, the only copy. " * 50)
    with pytest.raises(BratsError, match="ratings.sqlite"):
        Ratings(path)
    assert path.read_text().startswith("my thesis")
