"""A claim is decided by all seeds together, and only where they leave no doubt."""

import pandas as pd
import pytest

from brats_lib.studies.verdicts import Claim, judge, kept_scores


def scores(baseline, changed, factor="dropout", value="0.1"):
    rows = [
        {"factor": name, "value": text, "seed": seed, "val_region_dice": dice, "val_accuracy": 0.98}
        for name, text, values in (("baseline", "", baseline), (factor, value, changed))
        for seed, dice in enumerate(values)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("baseline", "changed", "verdict"),
    [
        ((0.5, 0.6, 0.7), (0.4, 0.5, 0.5), "confirmed"),
        ((0.4, 0.5, 0.5), (0.5, 0.6, 0.7), "refuted"),
        # The seeds disagree.
        ((0.5, 0.6, 0.7), (0.4, 0.7, 0.5), "undecided"),
        # They agree, but the mean of 0.04 is less than the standard deviation of 0.052.
        ((0.51, 0.61, 0.80), (0.50, 0.60, 0.70), "undecided"),
        # Two seeds decide nothing.
        ((0.5, 0.6), (0.1, 0.2), "undecided"),
    ],
)
def test_claim_needs_three_seeds_that_agree_beyond_their_spread(baseline, changed, verdict):
    found = judge(scores(baseline, changed)).query("seeds > 0").to_dict("records")
    assert [row["section 6"] for row in found] == ["too little (10 %): may fixate on irrelevant details"]
    assert found[0]["verdict"] == verdict and found[0]["seeds"] == len(changed)
    assert found[0]["difference"] == pytest.approx((sum(baseline) - sum(changed)) / len(changed))


def test_values_are_ordered_as_numbers():
    both = pd.concat([scores((0.5,), (0.3,), "batch_slices", "5"), scores((0.5,), (0.2,), "batch_slices", "40")[1:]])
    claims = [Claim("batch_slices", "", 0, "baseline"), Claim("batch_slices", "", -1, "baseline")]
    assert judge(both, claims)["difference"].tolist() == pytest.approx([-0.2, -0.3])


def test_kept_epoch_is_scored():
    table = pd.DataFrame(
        {"factor": "baseline", "value": "", "seed": 0, "epoch": [1, 2, 3], "kept": [False, True, False],
         "val_region_dice": [0.1, 0.4, 0.3], "val_accuracy": [0.9, 0.95, 0.96]}
    )  # fmt: skip
    (row,) = kept_scores(table).to_dict("records")
    assert (row["val_region_dice"], row["val_accuracy"]) == (0.4, 0.95)
