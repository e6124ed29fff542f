"""The paper's measures by hand, against Keras's own metrics, and on predictors whose scores are known."""

import keras
import numpy as np
import pytest

from brats_lib.labels import one_hot
from brats_lib.scores.published import background_probabilities, published_scores

SHAPE = (10, 100, 100)  # 100,000 pixels
COUNTS = {1: 200, 2: 1150, 3: 300}  # 1,650 tumour pixels: 98.35 % background, as slices 22-121 of BraTS 2020


@pytest.fixture(scope="module")
def brats_like():
    classes = np.repeat([*COUNTS, 0], [*COUNTS.values(), np.prod(SHAPE) - sum(COUNTS.values())])
    return one_hot(classes.reshape(SHAPE))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_finding_nothing_scores_over_98_percent(brats_like, dtype):
    scores = published_scores(brats_like, background_probabilities(brats_like.shape).astype(dtype))
    # Over four channels a quarter of the values is 1; a wrong pixel misses a 1 and adds one.
    hits, misses = 0.25 * 0.9835, 0.25 * 0.0165
    background = (2 * 98350 + 1) / (98350 + 100000 + 1)
    empty = sum(1 / (count + 1) for count in COUNTS.values())
    assert scores == pytest.approx({
        "accuracy": 0.9835, "precision": 0.9835, "sensitivity": 0.9835, "specificity": 1 - 0.0165 / 3,
        "mse": 2 * 0.0165 / 4, "iou": 0.9835 / 4, "dice": (background + empty) / 4,
        "dice_ncr": 0, "dice_ed": 0, "dice_et": 0,
        "keras_mean_iou": (hits / (0.25 + misses) + (0.75 - misses) / (0.75 + misses)) / 2,
    })  # fmt: skip


def test_keras_mean_iou_sees_only_probabilities_of_exactly_one(brats_like):
    unsure = published_scores(brats_like, background_probabilities(brats_like.shape) * 0.99)
    right = published_scores(brats_like, brats_like * 0.999 + (1 - brats_like) * 0.001 / 3)
    assert unsure["keras_mean_iou"] == right["keras_mean_iou"] == pytest.approx(0.375)
    assert unsure["accuracy"] == pytest.approx(0.9835)
    assert right["accuracy"] == right["iou"] == 1
    # Nothing is wrong, but a third of 0.001 over the background adds up.
    assert right["dice"] < 0.97


def test_perfect_answer_scores_one_everywhere_and_zero_where_a_label_is_absent(brats_like):
    scores = published_scores(brats_like, brats_like)
    assert scores.pop("mse") == 0
    assert scores == pytest.approx(dict.fromkeys(scores, 1.0), abs=1e-6)
    without_core = one_hot(np.where(brats_like.argmax(-1) == 1, 0, brats_like.argmax(-1)))
    scores = published_scores(without_core, without_core)
    assert (scores["dice_ncr"], scores["dice"], scores["iou"]) == (0, 1, 1)


def test_two_pixels_by_hand():
    truth = np.array([[1, 0, 0, 0], [0, 0, 1, 0]], float).reshape(1, 1, 2, 4)
    probabilities = np.array([[0.7, 0.1, 0.1, 0.1], [0.6, 0.0, 0.4, 0.0]]).reshape(1, 1, 2, 4)
    dices = [(2 * 0.7 + 1) / (1 + 1.3 + 1), 1 / (0.1 + 1), (2 * 0.4 + 1) / (1 + 0.5 + 1), 1 / (0.1 + 1)]
    assert published_scores(truth, probabilities) == pytest.approx({
        "accuracy": 0.5,
        "precision": 1 / 2,  # round(p) has 0.7 and 0.6, round(t p) has 0.7
        "sensitivity": 1 / 2,
        "specificity": 5 / 6,  # of six negatives, the 0.6 is called positive
        "mse": (0.09 + 0.03 + 0.36 + 0.36) / 8,
        "iou": (1 / 2 + 0 / 1) / 2,  # background 1 of 2, edema 0 of 1, others absent
        "dice": np.mean(dices),
        "dice_ncr": 0,
        "dice_ed": 0.8 / (1 + 0.01 + 0.16 + 1e-6),
        "dice_et": 0,
        "keras_mean_iou": (6 / 8 + 0) / 2,  # no probability is 1: all eight are cast to 0
    })  # fmt: skip


def test_scores_equal_keras_metrics():
    rng = np.random.default_rng(0)
    truth = one_hot(rng.integers(0, 4, (3, 8, 8)))
    raised = np.exp(rng.normal(0, 3, truth.shape)).astype(np.float32)
    probabilities = raised / raised.sum(-1, keepdims=True)
    probabilities[0] = truth[0]  # some probabilities of exactly 1
    scores = published_scores(truth, probabilities)
    for name, metric in (
        ("accuracy", keras.metrics.CategoricalAccuracy()),
        ("iou", keras.metrics.OneHotMeanIoU(num_classes=4)),
        ("mse", keras.metrics.MeanSquaredError()),
        ("keras_mean_iou", keras.metrics.MeanIoU(num_classes=4)),
    ):
        metric.update_state(truth, probabilities)
        assert scores[name] == pytest.approx(float(metric.result()), rel=1e-5), name


def test_soft_labels_are_rounded_as_keras_backend_does():
    truth = np.array([0.5, 0.5, 0, 0]).reshape(1, 1, 1, 4)  # a half rounds to the even number, 0
    scores = published_scores(truth, background_probabilities(truth.shape))
    assert scores["sensitivity"] == scores["precision"] == 0


@pytest.mark.parametrize(("shape", "value"), [((1, 2, 2, 4), 0.5), ((1, 2, 3, 4), 2.0), ((1, 2, 3, 4), np.nan)])
def test_bad_input_is_refused(shape, value):
    with pytest.raises(ValueError, match="have shapes|within 0-1"):
        published_scores(background_probabilities((1, 2, 3, 4)), np.full(shape, value))
