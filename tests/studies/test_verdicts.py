"""Claims of section 6 name trainings of a study, whose seeds and cases both count."""

import pandas as pd
import pytest

from brats_lib.scores.comparison import verdicts
from brats_lib.studies.tuning import FACTORS
from brats_lib.studies.verdicts import SEARCHED, SETTINGS, section_6


def test_claims_compare_the_trainings_that_they_speak_of():
    dice = {("baseline", ""): 0.5, (SEARCHED, ""): 0.7, ("width", "8"): 0.5}
    dice |= {("batch_slices", "5"): 0.4, ("batch_slices", "40"): 0.3, ("batch_slices", "20"): 0.45}
    sides = [side for _, *pair in SETTINGS for side in pair if isinstance(side, tuple)]
    assert {factor for factor, _ in sides} == set(FACTORS)
    dice |= {(factor, str(value)): 0.5 for factor, value in sides if not isinstance(value, int)}
    rows = [
        {"factor": factor, "value": value, "seed": seed, "case": case, "dice": mean + 0.01 * seed + 0.1 * case}
        for (factor, value), mean in dice.items()
        for seed in range(3)
        for case in range(4)
    ]
    table = verdicts(*section_6(pd.DataFrame(rows))).set_index("claim")
    small = table.loc["smaller batch: better generalization and higher accuracy"]
    large = table.loc["very large batch: reduced accuracy on validation"]
    # Values are ordered as numbers: 5 is the smallest and 40 the largest.
    assert [small["difference"], large["difference"]] == pytest.approx([-0.1, 0.2])
    assert table["difference"].iloc[-1] == pytest.approx(0.2) and table["second"].iloc[-1] == "baseline"
    assert (table["seeds"] == 3).all() and (table["cases"] == 4).all()
