"""Claims of section 6 name trainings of a study, at the epoch that they are about."""

import pandas as pd
import pytest

from brats_lib.scores.comparison import verdicts
from brats_lib.studies.verdicts import SCORE, SETTINGS, kept_scores, section_6


def sweep(*settings):
    """Three epochs of three seeds each; the second is kept, the third is more accurate."""
    rows = [
        {"factor": factor, "value": value, "seed": seed, "epoch": epoch, "kept": epoch == 2,
         SCORE: dice + 0.01 * seed - 0.1 * abs(epoch - 2), "val_accuracy": 0.9 + 0.01 * epoch + 0.001 * seed}
        for factor, value, dice in settings
        for seed in range(3)
        for epoch in (1, 2, 3)
    ]  # fmt: skip
    return pd.DataFrame(rows)


BATCHES = [("batch_slices", value, dice) for value, dice in (("5", 0.4), ("40", 0.3), ("20", 0.45))]


def test_kept_epoch_is_scored_once_for_each_training():
    kept = kept_scores(sweep(("baseline", "", 0.5), *BATCHES))
    assert kept["system"].unique().tolist() == ["baseline", "batch_slices 5", "batch_slices 40", "batch_slices 20"]
    assert kept[SCORE].tolist()[:3] == pytest.approx([0.5, 0.51, 0.52]) and len(kept) == 12


def test_claims_compare_the_trainings_that_they_speak_of():
    factors = {factor for _, *pair in SETTINGS for factor, *_ in [side for side in pair if side != "baseline"]}
    others = [(side[0], str(side[1]), 0.5) for _, *pair in SETTINGS for side in pair if isinstance(side, tuple)]
    others = [row for row in others if row[0] not in ("batch_slices", "width")]
    widths = [("width", "8", 0.5), ("width", "32", 0.5)]
    one = sweep(("baseline", "", 0.5), *BATCHES, *others, *widths)
    assert factors == set(one["factor"]) - {"baseline"}
    table = verdicts(*section_6(one, sweep(("baseline", "", 0.6), ("dropout", "0.0", 0.1))), SCORE).set_index("claim")
    small = table.loc["smaller batch: better generalization and higher accuracy"]
    large = table.loc["very large batch: reduced accuracy on validation"]
    # Values are ordered as numbers: 5 is the smallest and 40 the largest.
    assert [small["difference"], large["difference"]] == pytest.approx([-0.1, 0.2])
    epochs = table.iloc[-3:]["difference"].tolist()
    # Last against first epoch, both .1 below the kept one; kept against last; the same in accuracy.
    assert epochs == pytest.approx([0, 0.1, -0.01])
    assert (table["seeds"] == 3).all() and (table["cases"] == 1).all()
