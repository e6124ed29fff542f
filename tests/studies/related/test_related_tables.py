"""Tables of chapter 8, by hand."""

import numpy as np
import pandas as pd
import pytest

from brats_lib.studies.related.tables import in_order, scores_table


def test_means_stand_beside_what_was_printed_in_the_order_of_the_paper():
    rows = [("nnunet", "phantoms", case, "ET", dice) for case, dice in (("a", 0.8), ("b", 1.0))]
    rows += [("pereira", "phantoms", "a", "WT", 0.5), ("pereira", "real patients", "c", "WT", 0.25)]
    scores = pd.DataFrame([*rows, ("stranger", "phantoms", "a", "WT", 1)])
    scores.columns = ["system", "data", "case", "region", "dice"]
    assert in_order(scores)["title"].unique().tolist() == ["Pereira", "nnU-Net"]
    table = scores_table(scores)
    assert table.loc["nnU-Net", ("phantoms", "ET")] == pytest.approx(0.9)
    assert table.loc["Pereira", ("real patients", "WT")] == 0.25
    assert np.isnan(table.loc["nnU-Net", ("real patients", "WT")])
    printed = table["printed in its paper", "WT / TC / ET"]
    assert printed["Pereira"] == "0.88 / 0.83 / 0.77, BRATS 2013 challenge"
    assert list(table.columns.get_level_values(0).unique()) == ["phantoms", "real patients", "printed in its paper"]
