"""Score a network the paper's way and the challenge's way, with the trivial predictor beside it."""

import numpy as np
import pandas as pd
from tqdm import tqdm

from brats_lib.cases.predictions import CODINGS, OPTIONS, read_predictions
from brats_lib.errors import BratsError
from brats_lib.files import home_path, write_whole
from brats_lib.labels import ED, LABELS, NCR, REGIONS, one_hot, region
from brats_lib.prediction.inference import class_slices, from_slices, segment_case
from brats_lib.prediction.ledger import Ledger
from brats_lib.scores.calibration import pooled, reliability
from brats_lib.scores.challenge import COLUMNS, score_mask
from brats_lib.scores.published import background_probabilities, published_scores
from brats_lib.slices.preprocess import case_labels

__all__ = [
    "BACKGROUND_PREDICTOR",
    "NETWORK",
    "challenge_scores",
    "evaluate",
    "read_scores",
    "score_folder",
    "write_scores",
]

# Above that, predictions look as if they had NCR and ED exchanged.
SUSPICIOUS_GAIN = 0.2
NETWORK = "network"
BACKGROUND_PREDICTOR = "background everywhere"


def _published_rows(slices, case, recipe, subset):
    truth = one_hot(case_labels(case, recipe))
    for predictor, probabilities in (
        (NETWORK, slices),
        (BACKGROUND_PREDICTOR, background_probabilities(truth.shape)),
    ):
        scores = published_scores(truth, probabilities)
        yield {"predictor": predictor, "subset": subset, "case": case.name, **scores}


def _challenge_rows(mask, case):
    truth = case.mask()
    return [{"case": case.name, **row} for row in score_mask(mask, truth, case.spacing)]


def evaluate(network, cohort, split, predictions, subsets=("train", "val", "test")):
    """Run a network over the split and score it.

    The published scores are computed for every subset, on the recipe's own grid as the paper does. The challenge
    scores are computed for the test subset, on the native grid, from the label volumes that are written.

    Parameters
    ----------
    network : Network
        Of a `Recipe`.
    cohort : Cohort
        The cases of the split.
    split : Split
        Who trained, validated and tests.
    predictions : str or Path
        Folder of its own that gets `<case>_seg.nii.gz` of every test case and a list of them; those that the list has
        of an earlier split are removed, and nothing else is.
    subsets : sequence of str
        Subsets to score.

    Returns
    -------
    published : pandas.DataFrame
        Columns predictor, subset, case and one per published score.
    challenge : pandas.DataFrame
        The columns of `scores.csv` for the network on the test subset.
    background : pandas.DataFrame
        The same for the trivial predictor, which finds nothing.

    Raises
    ------
    BratsError
        If a case cannot be segmented or has no mask, or files of the cohort lie in the folder.
    """
    published, challenge, background = [], [], []
    kept = Ledger(predictions, cohort)
    kept.keep_only(split.test)
    names = [(subset, name) for subset in subsets for name in getattr(split, subset)]
    for subset, name in tqdm(names, desc="Scoring", unit="case"):
        case = cohort[name]
        slices = class_slices(case, network)
        published += _published_rows(slices, case, network.recipe, subset)
        if subset == "test":
            mask = from_slices(slices, case.shape, network.recipe).mask
            kept.save(case, mask)
            challenge += _challenge_rows(mask, case)
            background += _challenge_rows(np.zeros_like(mask), case)
    return (
        pd.DataFrame(published),
        pd.DataFrame(challenge, columns=list(COLUMNS)),
        pd.DataFrame(background, columns=list(COLUMNS)),
    )


def challenge_scores(network, cases, predictions=None):
    """Segment cases with a network of any recipe and score them on their native grid.

    Parameters
    ----------
    network : Network
    cases : iterable of Case
        With masks.
    predictions : str or Path, optional
        Folder of its own that gets `<case>_seg.nii.gz`.

    Returns
    -------
    scores : pandas.DataFrame
        The columns of `scores.csv`.
    reliable : dict of str to pandas.DataFrame
        For WT, TC and ET what `metrics.calibration.pooled` gives over the brains of all cases.
    """
    rows, tables = [], {name: [] for name in REGIONS}
    cases = list(cases)
    kept = None if predictions is None else Ledger(predictions, cases)
    for case in tqdm(cases, desc="Segmenting", unit="case"):
        prediction = segment_case(case, network)
        if kept:
            kept.save(case, prediction.mask)
        truth, brain = case.mask(), case.volume(network.recipe.modalities[0]) != 0
        for name, parts in tables.items():
            parts.append(reliability(prediction.region(name), region(truth, name), inside=brain))
        rows += _challenge_rows(prediction.mask, case)
    return pd.DataFrame(rows, columns=list(COLUMNS)), {name: pooled(parts) for name, parts in tables.items()}


def score_folder(predictions, truth, names=None, labels=None, remarks=None):
    """Score a folder of predicted label volumes against the masks of a cohort.

    Parameters
    ----------
    predictions : str or Path
        Folder with `<case>_seg.nii.gz`, `<case>-seg.nii.gz` or `<case>.nii.gz` for every case.
    truth : Cohort
        Cases with masks.
    names : sequence of str, optional
        Cases to score; predictions of others are then passed over. By default every case with a mask.
    labels : {"brats", "brats2023", "nnunet"}, optional
        What the numbers in predictions mean; by default what `predictions.read_predictions` can tell.
    remarks : list, optional
        Gets a sentence, without its full stop, on what was decided and on what looks wrong.

    Returns
    -------
    pandas.DataFrame
        The columns of `scores.csv`; five rows per case.

    Raises
    ------
    BratsError
        If a prediction names no case, a case to score has no prediction (a mean over the rest would flatter), or its
        numbers may mean different things.
    """
    folder = home_path(predictions)
    given = read_predictions(folder, truth, names, labels)
    rows, gains = [], []
    for name in tqdm(sorted(given.files), desc="Scoring", unit="case"):
        case = truth[name]
        mask, true = case.read_mask_file(given.files[name], CODINGS[given.labels[name]]), case.mask()
        rows += [{"case": name, **row} for row in score_mask(mask, true, case.spacing)]
        gains.append(_gain_of_exchange(mask, true))
    remarks = [] if remarks is None else remarks
    remarks += given.remarks
    if (gain := np.mean(gains)) > SUSPICIOUS_GAIN:
        found = f"with NCR and ED exchanged, the mean of their Dice would be {gain:.2f} higher"
        if not given.certain:
            expected = "predictions that agree better as they were read"
            raise BratsError(folder, found, expected, f"Say what the numbers mean: {OPTIONS}")
        remarks.append(f"WARNING: {found}; check what the numbers in the predictions mean ({OPTIONS})")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _gain_of_exchange(mask, truth):
    """How much higher the mean Dice of NCR and ED is if the prediction has one for the other."""
    counts = np.bincount((truth.astype(np.intp) * (max(LABELS) + 1) + mask).ravel(), minlength=(max(LABELS) + 1) ** 2)
    counts = counts.reshape(max(LABELS) + 1, -1)
    held, found = counts.sum(1), counts.sum(0)
    dice = {
        (true, named): 2 * counts[true, named] / (held[true] + found[named]) if held[true] + found[named] else 1.0
        for true in (NCR, ED)
        for named in (NCR, ED)
    }
    return (dice[NCR, ED] + dice[ED, NCR] - dice[NCR, NCR] - dice[ED, ED]) / 2


def write_scores(scores, path):
    """Write `scores.csv`: long form, one row per case and region, six decimals.

    Raises
    ------
    BratsError
        If it cannot be written.
    """
    path = home_path(path)
    write_whole(path, scores.to_csv(index=False, float_format="%.6f").encode())
    return path


def read_scores(path):
    """Read `scores.csv` back; a case called 007 or NA keeps its name."""
    return pd.read_csv(path, dtype={"case": str}, keep_default_na=False)
