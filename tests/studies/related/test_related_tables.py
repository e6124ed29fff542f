"""Tables of chapter 8, by hand."""

import numpy as np
import pandas as pd
import pytest

from brats_lib.studies.related.tables import TITLES, costs_table, in_order, read_masks, scores_table


def scores():
    rows = [
        ("nnunet", "phantoms", case, region, dice)
        for case, dice in (("a", 0.8), ("b", 1.0))
        for region in ("WT", "TC", "ET", "NCR")
    ]
    rows += [("pereira", "phantoms", "a", "WT", 0.5), ("pereira", "real patients", "c", "WT", 0.25)]
    return pd.DataFrame(rows, columns=["system", "data", "case", "region", "dice"])


def test_systems_come_in_the_order_of_the_paper_and_under_their_titles():
    table = in_order(scores())
    assert list(dict.fromkeys(table["title"])) == ["Pereira", "nnU-Net"]
    assert "stranger" not in set(in_order(scores().assign(system="stranger"))["system"])
    assert list(TITLES)[0] == "nothing" and list(TITLES)[-1] == "phantom"


def test_means_stand_beside_what_was_printed():
    table = scores_table(scores())
    assert table.loc["nnU-Net", ("phantoms", "ET")] == pytest.approx(0.9)
    assert table.loc["Pereira", ("real patients", "WT")] == 0.25
    assert np.isnan(table.loc["nnU-Net", ("real patients", "WT")])
    printed = table["printed in its paper", "WT / TC / ET"]
    assert printed["Pereira"] == "0.88 / 0.83 / 0.77, BRATS 2013 challenge"
    assert list(table.columns.get_level_values(0).unique()) == ["phantoms", "real patients", "printed in its paper"]


def test_costs_are_written_for_people():
    found = ("pereira", 2117956, 586240.4, 3.96, 580, 12.4)
    columns = ["system", "parameters", "multiply_adds", "minutes", "steps", "case_seconds"]
    facts = pd.DataFrame([found], columns=columns)
    (row,) = costs_table(facts).to_dict("records")
    assert list(row.values()) == ["Pereira", "2,117,956", "586", "4.0", "580", "12"]


def test_masks_are_read_row_by_row():
    table = pd.DataFrame(
        [("b", 1, "30"), ("b", 0, "12"), ("a", 0, "00"), ("a", 1, "33")], columns=["system", "row", "classes"]
    )
    masks = read_masks(table)
    assert masks["b"].tolist() == [[1, 2], [4, 0]]
    assert masks["a"].tolist() == [[0, 0], [4, 4]]
