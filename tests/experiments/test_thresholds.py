"""The threshold of the whole tumour is chosen on some cases and reported on others."""

import pandas as pd
import pytest

from experiments import thresholds
from experiments.thresholds import chosen_by_others, decide

# Dice of each case with thresholds .5, .4 and .3: two cases like a low one, one is ruined by it.
DICE = {"a": (0.5, 0.6, 0.7), "b": (0.6, 0.7, 0.9), "c": (0.9, 0.8, 0.1)}


def table(dice=DICE):
    return pd.DataFrame([
        {"wt_above": above, "case": case, "region": region, "dice": value, "hd95_mm": 10 * above}
        for case, values in dice.items()
        for above, value in zip(thresholds.WT_ABOVE, values, strict=True)
        for region in ("WT", "TC", "ET")
    ])  # fmt: skip


def test_case_is_scored_with_the_thresholds_that_others_choose():
    found = chosen_by_others(table(), judges=1).query("region == 'WT'").set_index("case")
    # b chooses .3 and c .5 for a, and so on; a choice of its own would have given a .7 and b .9.
    assert found["dice"].to_dict() == pytest.approx({"a": (0.7 + 0.5) / 2, "b": (0.9 + 0.6) / 2, "c": 0.1})
    assert found["hd95_mm"].to_dict() == pytest.approx({"a": 4, "b": 4, "c": 3})


def test_one_half_stays_unless_choices_of_others_do_better():
    # All others together, as there are fewer than four: .4 of all would be best, and helps none who did not choose it.
    above, scores, how = decide(table())
    assert (above, how) == (0.5, "WT from one half")
    assert scores.groupby("case")["dice"].first().to_dict() == {"a": 0.5, "b": 0.6, "c": 0.9}
    above, _, how = decide(table(DICE | {"c": (0.7, 0.8, 0.9)}))
    assert above == 0.3 and "2 others" in how
    # A single case has nobody to choose for it.
    assert decide(table({"a": (0.5, 0.6, 0.7)}))[0] == 0.5
