"""Who sees what in which order, and what becomes of what they say."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from conftest import write_case

from brats_lib.app.study import Item, Ratings, Study, reader_code, reading_order
from brats_lib.cases import Cohort
from brats_lib.errors import BratsError
from brats_lib.prediction.weights import read_card
from brats_lib.scores.readers import COLUMNS, SIDES, read_ratings

CASES = [f"case {i}" for i in range(12)]
MASK = Item("a", "truth")


@pytest.fixture
def ratings(tmp_path):
    return Ratings(tmp_path / "ratings.sqlite")


def test_every_reader_sees_every_mask_once_in_an_order_that_comes_back():
    order = reading_order(CASES, "R1")
    assert sorted(order) == sorted((case, side) for case in CASES for side in SIDES)
    assert order == reading_order(CASES[::-1], "R1")
    assert len({tuple(reading_order(CASES, f"R{i}")) for i in range(10)}) == 10


def test_the_two_masks_of_a_case_are_in_different_halves_and_neither_side_comes_first_more_often():
    orders = [reading_order(CASES[:3], f"reader {i}") for i in range(400)]
    for order in orders:
        cases = [item.case for item in order]
        assert set(cases[:3]) == set(cases[3:]) == set(CASES[:3]) and cases[2] != cases[3]
    # Four standard deviations of a fair coin thrown 400 times are 40.
    assert 160 < sum(order[0].side == "truth" for order in orders) < 240


def test_a_study_keeps_predictions_and_shows_either_mask(scan, tmp_path):
    card, cohort = read_card("phantom"), Cohort.find(scan.case.files["flair"].parents[1])
    study = Study(cohort, card, tmp_path / "studies")
    assert study.missing() == [scan.case]
    study.save(scan.case, scan.truth[::-1])
    assert study.missing() == []
    assert (study.mask(Item(scan.case.name, "truth")) == scan.truth).all()
    assert (study.mask(Item(scan.case.name, "prediction")) == scan.truth[::-1]).all()
    # The same weights with another threshold make other masks, and the name is no part of them.
    other = replace(card, rule=replace(card.rule, wt_above=0.5))
    names = [Study(cohort, each, tmp_path).name for each in (other, replace(card, name="other"))]
    assert names[0] != study.name and names[1] == study.name


def test_a_study_needs_masks(tmp_path):
    write_case(tmp_path, "BraTS20_Training_001", with_mask=False)
    with pytest.raises(BratsError, match="none of its cases has a mask"):
        Study(Cohort.find(tmp_path), read_card("phantom"), tmp_path)


def test_studies_and_readers_do_not_mix_though_they_save_at_the_same_time(ratings):
    def save(number):
        for case in CASES:
            ratings.rate("st"[number % 2], f"R{number}", Item(case, "truth"), number + 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, range(4)))
    assert ratings.table("s").groupby(["reader", "score"]).size().to_dict() == {("R0", 1): 12, ("R2", 3): 12}
    assert ratings.rated("t", "R1") == {Item(case, "truth"): (2, "") for case in CASES}
    assert ratings.rated("s", "R1") == ratings.rated("u", "R1") == {}


def test_the_export_is_what_the_analysis_reads(ratings, tmp_path):
    nasty = "'); DROP TABLE log; --"
    ratings.rate("s", "R1", Item("a", "prediction"), 4)
    ratings.rate("s", "R1", Item("a", "prediction"), 5, 'better, "good",\nbut small')
    ratings.rate("s", "R1", MASK, 3, '=HYPERLINK("elsewhere")')
    ratings.rate("s", nasty, Item(nasty, "truth"), 1, nasty)
    assert Ratings(ratings.path).rated("s", "R1")[Item("a", "prediction")] == (5, 'better, "good",\nbut small')
    (tmp_path / "r.csv").write_text(ratings.to_csv("s"))
    table = read_ratings(tmp_path / "r.csv")
    assert tuple(table.columns) == COLUMNS
    assert table[["reader", "case", "side", "score", "comment", "revision"]].to_numpy().tolist() == [
        [nasty, nasty, "truth", 1, nasty, 1],
        ["R1", "a", "prediction", 5, 'better, "good",\nbut small', 2],
        ["R1", "a", "truth", 3, '\'=HYPERLINK("elsewhere")', 1],
    ]


@pytest.mark.parametrize("code", ["   ", "x" * 41, "a\x00b"])
def test_a_reader_needs_a_code_that_can_be_read(code):
    with pytest.raises(BratsError, match="reader code"):
        reader_code(code)


def test_a_file_that_is_no_database_is_not_overwritten(tmp_path):
    path = tmp_path / "ratings.sqlite"
    path.write_text("my thesis, the only copy. " * 50)
    with pytest.raises(BratsError, match="ratings.sqlite"):
        Ratings(path)
    assert path.read_text().startswith("my thesis")
