"""The scores that the paper prints, with the formulas of the public code that its numbers come from.

The paper (section 3.6) gives textbook formulas for one object. Its values are those of the Keras metrics that a family
of public BraTS notebooks shares, which count differently: over four channels of which one is background, on slices
resized to 128x128, with probabilities instead of decisions. They are reproduced here so that its numbers can be met,
and each docstring says what its measure hides. Judge a network by `brats_lib.scores.challenge`.

Throughout, `truth` is the one-hot ground truth and `probabilities` the softmax output of one volume, both of shape
(n, height, width, 4), values 0-1, channels in the order of `labels.LABELS` with background first.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from brats_lib.labels import BACKGROUND, ED, ET, LABELS, NCR


def accuracy(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of pixels whose most probable class is the true one.

    Hides the tumour: 98.3 % of the pixels are background, so finding nothing scores .983.
    """
    return float(np.mean(truth.argmax(-1) == probabilities.argmax(-1)))


def precision(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Sum of round(t p) over sum of round(p), over all pixels and all four channels.

    Nearly the accuracy, since every background pixel that is called background counts as a true positive. Pixels whose
    highest probability is at most one half are not counted.
    """
    return _keras_ratio(truth * probabilities, probabilities)


def sensitivity(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Sum of round(t p) over sum of round(t): hides the tumour as `precision` does."""
    return _keras_ratio(truth * probabilities, truth)


def specificity(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Sum of round((1 - t)(1 - p)) over sum of round(1 - t), over all pixels and all four channels.

    Hides more than the accuracy: a pixel has three negatives and a wrong decision spoils one of them, so it is about
    1 - (1 - accuracy) / 3. Finding nothing scores .994.
    """
    return _keras_ratio((1 - truth) * (1 - probabilities), 1 - truth)


def mse(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared difference over all pixels and channels (paper, equation 4): finding nothing scores .008."""
    return float(np.mean(np.square(truth - probabilities), dtype=np.float64))


def iou(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Intersection over union of the most probable class, averaged over the classes that occur in either.

    Hides that background is one of them: finding nothing scores up to .25 where all classes occur and 1 where the truth
    is empty too. The average over volumes is not the IoU of the pooled pixels, which is what Keras reports.
    """
    return _mean_iou(truth.argmax(-1), probabilities.argmax(-1))


def keras_mean_iou(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """What `keras.metrics.MeanIoU(num_classes=4)` makes of one-hot truth and softmax output.

    The metric expects class indices and casts what it gets to integers, so it counts which probabilities are exactly
    1.0 (TensorFlow issues 39173 and 55565) and says nothing about a segmentation: finding nothing with probability 1.0
    scores .978, with probability .99 .375, and so does the perfect answer with probability .999.
    """
    return _mean_iou(truth.astype(np.uint8), probabilities.astype(np.uint8))


def dice(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Soft Dice averaged over the four channels, (2 sum(t p) + 1) / (sum(t) + sum(p) + 1) in each.

    Hides that a quarter of it is background, nearly 1 always, and decisions: the same segmentation scores lower with
    less extreme probabilities. Not comparable with a challenge's Dice of WT, TC or ET.
    """
    overlap, true, found = (
        np.sum(values, axis=(0, 1, 2), dtype=np.float64) for values in (truth * probabilities, truth, probabilities)
    )
    return float(np.mean((2 * overlap + 1) / (true + found + 1)))


def dice_of_label(truth: np.ndarray, probabilities: np.ndarray, label: int) -> float:
    """Soft Dice of one label with squared denominators, 2 sum(t p) / (sum(t^2) + sum(p^2) + 1e-6).

    Hides empty volumes: where a label is absent, the right answer scores 0. The formula is not that of `dice`: the mean
    of background and three labels is not the overall value.
    """
    t, p = (a[..., LABELS.index(label)] for a in (truth, probabilities))
    overlap, true, found = (np.sum(values, dtype=np.float64) for values in (t * p, np.square(t), np.square(p)))
    return float(2 * overlap / (true + found + 1e-6))


MEASURES: dict[str, Callable[..., float]] = {
    "accuracy": accuracy,
    "precision": precision,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "mse": mse,
    "iou": iou,
    "dice": dice,
    "dice_ncr": partial(dice_of_label, label=NCR),
    "dice_ed": partial(dice_of_label, label=ED),
    "dice_et": partial(dice_of_label, label=ET),
    "keras_mean_iou": keras_mean_iou,
}


def published_scores(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Score one volume with every one of `MEASURES`; soft labels are allowed, as the public notebooks have them."""
    truth, probabilities = np.asarray(truth), np.asarray(probabilities)
    if truth.shape != probabilities.shape:
        raise ValueError(f"truth and probabilities have shapes {truth.shape} and {probabilities.shape}")
    # float16 sums and products would round what the measures are about.
    truth, probabilities = (a.astype(np.promote_types(a.dtype, np.float32), copy=False) for a in (truth, probabilities))
    lowest, highest = probabilities.min(), probabilities.max()
    # A softmax may exceed 1 by rounding; the negated form also catches NaN.
    if not (lowest >= 0 and highest <= 1 + 1e-3):
        raise ValueError(f"probabilities range from {lowest} to {highest}; they must be within 0-1")
    return {name: measure(truth, probabilities) for name, measure in MEASURES.items()}


def background_probabilities(shape: tuple[int, ...]) -> np.ndarray:
    """Output of the trivial predictor, which finds no tumour anywhere: background has probability 1."""
    probabilities = np.zeros(shape, np.float32)
    probabilities[..., LABELS.index(BACKGROUND)] = 1
    return probabilities


def _keras_ratio(part, whole):
    part, whole = (np.sum(np.round(np.clip(values, 0, 1)), dtype=np.float64) for values in (part, whole))
    return float(part / (whole + 1e-7))  # Keras's epsilon


def _mean_iou(truth, prediction):
    n = len(LABELS)
    pairs = np.bincount(truth.ravel().astype(np.intp) * n + prediction.ravel(), minlength=n * n).reshape(n, n)
    overlap = np.diag(pairs)
    union = pairs.sum(0) + pairs.sum(1) - overlap
    return float(np.mean(overlap[union > 0] / union[union > 0]))
