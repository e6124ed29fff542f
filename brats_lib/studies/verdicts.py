"""What section 6 of the paper claims of its hyper-parameters, as comparisons of trainings of a study."""

import pandas as pd

from brats_lib.scores.comparison import Claim

SCORE, BASELINE = "val_region_dice", "baseline"
# What is said, then the setting that would be better and the one that would be worse: factor and value of
# `tuning.FACTORS`, or the position among a factor's values in their order, -1 for the largest.
SETTINGS = (
    ("too slow: they'll take forever to learn", BASELINE, ("learning_rate", 0.0001)),
    ("too fast: they might jump to conclusions", BASELINE, ("learning_rate", 0.01)),
    ("smaller batch: better generalization and higher accuracy", ("batch_slices", 0), BASELINE),
    ("very large batch: reduced accuracy on validation", BASELINE, ("batch_slices", -1)),
    ("too little (10 %): may fixate on irrelevant details", BASELINE, ("dropout", 0.1)),
    ("too much (50 %): could forget important characteristics", BASELINE, ("dropout", 0.5)),
    ("forces it to learn multiple ways: better than none", BASELINE, ("dropout", 0.0)),
    ("the choice of optimizer counts: Adam before SGD", BASELINE, ("optimizer", "sgd")),
    ("the choice of optimizer counts: Adam before RMSprop", BASELINE, ("optimizer", "rmsprop")),
    ("tuning beta_1 can lead to better final accuracy: 0.5", ("betas", (0.5, 0.999)), BASELINE),
    ("tuning beta_2 can lead to better final accuracy: 0.99", ("betas", (0.9, 0.99)), BASELINE),
    ("getting these numbers wrong: half as many filters", BASELINE, ("width", 0)),
    ("getting these numbers wrong: twice as many filters", BASELINE, ("width", -1)),
)
# Of `epoch_scores` of a short and of a long study.
_EPOCHS = (
    Claim("too few epochs: underfitting", "short: last epoch", "short: first epoch"),
    Claim("too many epochs: memorises, poor generalisation", "long: kept epoch", "long: last epoch"),
    Claim(
        "ModelCheckpoint: highest accuracy on fresh data", "long, accuracy: kept epoch", "long, accuracy: last epoch"
    ),
)


def kept_scores(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a `tuning.sweep` whose weights are kept, one per training, with a column system: factor and value."""
    kept = table[table["kept"].astype(bool)].reset_index(drop=True)
    return kept.assign(system=(kept["factor"] + " " + kept["value"]).str.strip())


def epoch_scores(table: pd.DataFrame, study: str, column: str = SCORE) -> pd.DataFrame:
    """A score of the baseline's trainings after their first, their kept and their last epoch, as systems of a study."""
    own = table[table["factor"] == BASELINE]
    epochs = {"first": own["epoch"] == 1, "kept": own["kept"].astype(bool), "last": own["epoch"] == own["epoch"].max()}
    parts = [own[rows].assign(system=f"{study}: {name} epoch") for name, rows in epochs.items()]
    return pd.concat(parts, ignore_index=True).assign(**{SCORE: lambda rows: rows[column]})


def section_6(one: pd.DataFrame, long: pd.DataFrame) -> tuple[pd.DataFrame, list[Claim]]:
    """Scores and claims for `comparison.verdicts`, from a sweep of one factor at a time and one of many epochs."""
    kept = kept_scores(one)

    def system(setting):
        factor, value = (setting, "") if setting == BASELINE else setting
        if isinstance(value, int):
            value = sorted(set(kept.loc[kept["factor"] == factor, "value"]), key=float)[value]
        return f"{factor} {value}".strip()

    scores = [
        kept, epoch_scores(one, "short"), epoch_scores(long, "long"),
        epoch_scores(long, "long, accuracy", "val_accuracy"),
    ]  # fmt: skip
    claims = [Claim(text, system(better), system(worse)) for text, better, worse in SETTINGS]
    return pd.concat(scores, ignore_index=True), [*claims, *_EPOCHS]
