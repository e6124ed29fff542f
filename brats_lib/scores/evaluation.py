"""Score a network the paper's way and the challenge's way, with the trivial predictor beside it.

Tables of the challenge's scores have the columns of `scores.csv`, five rows per case.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from brats_lib.cases import Case, Cohort, Split
from brats_lib.cases.predictions import CODINGS, OPTIONS, read_predictions
from brats_lib.errors import BratsError
from brats_lib.files import home_path, write_whole
from brats_lib.labels import ED, NCR, REGIONS, one_hot, region
from brats_lib.prediction.inference import class_slices, from_slices, segment_case
from brats_lib.prediction.ledger import Ledger
from brats_lib.prediction.networks import Network
from brats_lib.recipes import Recipe
from brats_lib.scores.calibration import pooled, reliability
from brats_lib.scores.challenge import COLUMNS, score_mask
from brats_lib.scores.published import background_probabilities, published_scores
from brats_lib.slices.preprocess import case_labels

# Above that, predictions look as if they had NCR and ED exchanged.
SUSPICIOUS_GAIN = 0.2
NETWORK = "network"
BACKGROUND_PREDICTOR = "background everywhere"


def evaluate(
    network: Network[Recipe], cohort: Cohort, split: Split, predictions: str | Path
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Run a network of a `Recipe` over the split and score it.

    The folder `predictions`, one of its own, gets `<case>_seg.nii.gz` of every test case and a list of them; those that
    the list has of an earlier split are removed, and nothing else is.

    Returns
    -------
    published
        Scores of every subset on the recipe's own grid, as the paper does: columns predictor, subset, case and one per
        published score.
    challenge, background
        Challenge scores of the network and of the trivial predictor, which finds nothing, on the test subset: on the
        native grid, from the label volumes that are written.
    """
    published, challenge, background = [], [], []
    ledger = Ledger(predictions, cohort)
    ledger.keep_only(split.test)
    subset_of = {name: subset for subset in ("train", "val", "test") for name in getattr(split, subset)}
    for name, subset in tqdm(subset_of.items(), desc="Scoring", unit="case"):
        case = cohort[name]
        slices = class_slices(case, network)
        truth = one_hot(case_labels(case, network.recipe))
        for predictor, found in ((NETWORK, slices), (BACKGROUND_PREDICTOR, background_probabilities(truth.shape))):
            row = {"predictor": predictor, "subset": subset, "case": name}
            published.append(row | published_scores(truth, found))
        if subset == "test":
            mask, truth = from_slices(slices, case.shape, network.recipe).mask, case.mask()
            ledger.save(case, mask)
            challenge += _challenge_rows(case, mask, truth)
            background += _challenge_rows(case, np.zeros_like(mask), truth)
    return pd.DataFrame(published), _table(challenge), _table(background)


def challenge_scores(
    network: Network, cases: Iterable[Case], predictions: str | Path | None = None
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Segment cases with a network of any recipe and score them on their native grid.

    Returns the challenge scores, and for WT, TC and ET what `calibration.pooled` gives over the brains of all cases.
    The folder `predictions`, one of its own, gets `<case>_seg.nii.gz`; nothing is written where it is omitted.
    """
    cases, rows = list(cases), []
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in REGIONS}
    ledger = None if predictions is None else Ledger(predictions, cases)
    for case in tqdm(cases, desc="Segmenting", unit="case"):
        prediction = segment_case(case, network)
        if ledger:
            ledger.save(case, prediction.mask)
        truth, brain = case.mask(), case.volume(network.recipe.modalities[0]) != 0
        for name, parts in tables.items():
            parts.append(reliability(prediction.region(name), region(truth, name), inside=brain))
        rows += _challenge_rows(case, prediction.mask, truth)
    return _table(rows), {name: pooled(parts) for name, parts in tables.items()}


def score_folder(
    predictions: str | Path, truth: Cohort, names: Sequence[str] | None = None, labels: str | None = None,
    remarks: list[str] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Score a folder of predicted label volumes against the masks of a cohort.

    The folder has `<case>_seg.nii.gz`, `<case>-seg.nii.gz` or `<case>.nii.gz` for every case of `names`, by default all
    with a mask. `labels` says what the numbers mean, "brats", "brats2023" or "nnunet"; by default what
    `predictions.read_predictions` can tell. `remarks` gets a sentence on all that was decided or looks wrong. Refused
    are predictions of no case, cases without one (a mean over the rest would flatter), and ambiguous numbers.
    """
    folder = home_path(predictions)
    given = read_predictions(folder, truth, names, labels)
    rows, gains = [], []
    for name in tqdm(sorted(given.files), desc="Scoring", unit="case"):
        case = truth[name]
        mask, true = case.read_mask_file(given.files[name], CODINGS[given.labels[name]]), case.mask()
        rows += _challenge_rows(case, mask, true)
        gains.append(_gain_of_exchange(mask, true))
    remarks = [] if remarks is None else remarks
    remarks += given.remarks
    if (gain := np.mean(gains)) > SUSPICIOUS_GAIN:
        found = f"with NCR and ED exchanged, the mean of their Dice would be {gain:.2f} higher"
        if not given.certain:
            expected = "predictions that agree better as they were read"
            raise BratsError(folder, found, expected, f"Say what the numbers mean: {OPTIONS}")
        remarks.append(f"WARNING: {found}; check what the numbers in the predictions mean ({OPTIONS})")
    return _table(rows)


def write_scores(scores: pd.DataFrame, path: str | Path) -> Path:
    """Write `scores.csv`: long form, one row per case and region, six decimals."""
    path = home_path(path)
    write_whole(path, scores.to_csv(index=False, float_format="%.6f").encode())
    return path


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read `scores.csv` back; a case called 007 or NA keeps its name."""
    return pd.read_csv(path, dtype={"case": str}, keep_default_na=False)


def _table(rows):
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _challenge_rows(case, mask, truth):
    return [{"case": case.name, **row} for row in score_mask(mask, truth, case.spacing)]


def _gain_of_exchange(mask, truth):
    """How much higher the mean Dice of NCR and ED is if the prediction has one for the other."""

    def dice(true, named):
        true, named = truth == true, mask == named
        sizes = true.sum() + named.sum()
        return 2 * (true & named).sum() / sizes if sizes else 1.0

    return (dice(NCR, ED) + dice(ED, NCR) - dice(NCR, NCR) - dice(ED, ED)) / 2
