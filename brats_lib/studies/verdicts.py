"""What section 6 of the paper claims of its hyper-parameters, as comparisons of trainings of a study."""

import pandas as pd

from brats_lib.scores.comparison import Claim

SCORE, BASELINE, SEARCHED = "val_region_dice", "baseline", "best of the search"
# What is said, then the setting that would be better and the one that would be worse: factor and value of
# `tuning.FACTORS`, or the position among a factor's values in their order, -1 for the largest.
SETTINGS = (
    ("too slow: they'll take forever to learn", BASELINE, ("learning_rate", 0.0001)),
    ("too fast: they might jump to conclusions", BASELINE, ("learning_rate", 0.01)),
    ("smaller batch: better generalization and higher accuracy", ("batch_slices", 0), BASELINE),
    ("very large batch: reduced accuracy on validation", BASELINE, ("batch_slices", -1)),
    ("too much (50 %): could forget important characteristics", BASELINE, ("dropout", 0.5)),
    ("forces it to learn multiple ways: better than none", BASELINE, ("dropout", 0.0)),
    ("the choice of optimizer counts: Adam before SGD", BASELINE, ("optimizer", "sgd")),
    ("the choice of optimizer counts: Adam before RMSprop", BASELINE, ("optimizer", "rmsprop")),
    ("getting these numbers wrong: half as many filters", BASELINE, ("width", 0)),
    ("profoundly influenced by the effectiveness of its tuning", SEARCHED, BASELINE),
)


def section_6(scores: pd.DataFrame) -> tuple[pd.DataFrame, list[Claim]]:
    """Scores and claims for `comparison.verdicts`.

    From the scores of a `tuning.sweep` and, as a factor of their own, of the best setting of a search.
    """
    scores = scores.assign(system=(scores["factor"] + " " + scores["value"]).str.strip())

    def system(setting):
        factor, value = (setting, "") if isinstance(setting, str) else setting
        if isinstance(value, int):
            value = sorted(set(scores.loc[scores["factor"] == factor, "value"]), key=float)[value]
        return f"{factor} {value}".strip()

    return scores, [Claim(text, system(better), system(worse)) for text, better, worse in SETTINGS]
