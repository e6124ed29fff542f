"""A claim is decided by all seeds together, and only where they leave no doubt."""

import pandas as pd
import pytest

from brats_lib.studies.verdicts import CLAIMS, Claim, compare, judge, kept_scores

DROPOUT = Claim("dropout", "less is worse", "baseline", 0.1)


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
    assert judge(scores(baseline, changed), [DROPOUT])["verdict"].tolist() == [verdict]


def test_difference_is_taken_seed_by_seed():
    assert compare(scores((0.5, 0.7), (0.4, 0.5)), DROPOUT) == pytest.approx([0.1, 0.2])


def test_values_are_ordered_as_numbers():
    both = pd.concat([scores((0.5,), (0.3,), "batch_slices", "5"), scores((0.5,), (0.2,), "batch_slices", "40")[1:]])
    assert compare(both, Claim("batch_slices", "smallest", 0, "baseline")) == pytest.approx([-0.2])
    assert compare(both, Claim("batch_slices", "largest", -1, "baseline")) == pytest.approx([-0.3])


def test_row_that_was_not_trained_leaves_the_claim_undecided():
    found = judge(scores((0.5,) * 3, (0.4,) * 3), CLAIMS)
    decided = found[found["verdict"] != "undecided"]
    assert decided["section 6"].tolist() == ["too little (10 %): may fixate on irrelevant details"]
    assert (found.loc[found["factor"] == "width", "seeds"] == 0).all()


def test_kept_epoch_is_scored():
    table = pd.DataFrame(
        {"factor": "baseline", "value": "", "seed": 0, "epoch": [1, 2, 3], "kept": [False, True, False],
         "val_region_dice": [0.1, 0.4, 0.3], "val_accuracy": [0.9, 0.95, 0.96]}
    )  # fmt: skip
    (row,) = kept_scores(table).to_dict("records")
    assert (row["val_region_dice"], row["val_accuracy"]) == (0.4, 0.95)
