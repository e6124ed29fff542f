"""What the checks of the exercises say of wrong answers; that they call the solutions right, test_exercises shows."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgba

from brats_lib.book import answers, hints
from brats_lib.labels import COLOURS
from brats_lib.phantom import draw_case
from brats_lib.slices.preprocess import resize_slices

CHECKS = {name: check for name, check in vars(answers).items() if hasattr(check, "__wrapped__")}
TUMOUR = replace(draw_case(0, 0), whole_ml=20.0, core_ml=8.0, enhancing_ml=0.0, grade="LGG")


def counted(mask, spacing, core=(1, 4), enhancing=4, scale=0.001):
    size = np.prod(spacing) * scale
    return {
        "WT": size * np.sum(mask > 0),
        "TC": size * np.isin(mask, core).sum(),
        "ET": size * np.sum(mask == enhancing),
    }


def in_place(mask):
    mask[mask == 4] = 3
    return np.eye(4)[mask]


def dice(a, b, smooth=0.0):
    return (2 * np.sum(a & b) + smooth) / np.float64(a.sum() + b.sum() + smooth)


def distances(a, b, spacing):
    """From every voxel of small masks to the nearest of the other, without a tree and without surfaces."""
    first, second = (np.argwhere(mask) * spacing for mask in (a, b))
    apart = np.linalg.norm(first[:, None] - second[None], axis=-1)
    return apart.min(1), apart.min(0)


def ratios(tp, fp, fn, tn):
    dice, sensitivity = 2 * tp / (2 * tp + fp + fn), tp / (tp + fp)
    accuracy = (tp + tn) / (tp + fp + fn + tn)
    return {"accuracy": accuracy, "sensitivity": sensitivity, "specificity": tn / (tn + fp), "dice": dice}


def painted(labels, opacity, fixed=True):
    picture = colormaps["viridis"](labels / (4 if fixed else labels.max()))
    picture[..., 3] = np.where(labels > 0, opacity, 0)
    return picture


def histogram(probabilities, truth, edges):
    return np.histogram(probabilities[truth], edges)[0] / np.maximum(np.histogram(probabilities, edges)[0], 1)


def balled(volume, centre, radius, brightness, add=False):
    offsets = np.indices(volume.shape) - np.reshape(centre, (3, 1, 1, 1))
    return np.where((offsets**2).sum(0) <= radius**2, brightness + add * volume, volume)


@pytest.mark.parametrize("name", CHECKS)
def test_what_is_not_written_yet_is_met_with_one_and_the_same_hint(name):
    given = (np.ones((2, 2, 2)), np.ones((2, 2, 2))) if name == "shown_slice" else ()
    for answer in (None, ...):
        with pytest.raises(hints.Hint, match=hints.OPEN):
            CHECKS[name](answer, *given)


def test_a_function_that_returns_nothing_fails_or_changes_what_it_is_given_is_told_so():
    with pytest.raises(hints.Hint, match=hints.OPEN):
        answers.volumes(lambda mask, spacing: None)
    with pytest.raises(hints.Hint, match="stops with ZeroDivisionError: division by zero"):
        answers.volumes(lambda mask, spacing: 1 / 0)
    with pytest.raises(hints.Hint, match="`in_place` changes what it is given"):
        answers.one_hot(in_place)
    with pytest.raises(hints.Hint, match="cannot be checked"):
        answers.side(lambda mask: np.array([1, 2]))


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("volumes", lambda mask, spacing: counted(mask, (1, 1, 1)), "spacing is forgotten"),
        ("volumes", lambda mask, spacing: counted(mask, spacing, scale=1), "mm³"),
        ("volumes", lambda mask, spacing: counted(mask, spacing, core=(1, 3), enhancing=3), "no label 3"),
        ("volumes", lambda mask, spacing: counted(mask, spacing, core=(1,)), "enhancing tumour belongs to it"),
        ("volumes", lambda mask, spacing: counted(mask, spacing, scale=1, core=(1,)), "millilitre.*belongs to it"),
        ("spacing", (5, 1, 1), "Which axis"),
        ("side", lambda mask: "right" if mask[len(mask) // 2 :].any() else "left", "high indices"),
        ("side", lambda mask: "left" if np.argwhere(mask)[0, 0] > 4 else "right", "stray voxel"),
        ("display", lambda axial: axial[::-1].T, "neurological"),
        ("display", lambda axial: axial, "nose points to the side"),
        ("one_hot", lambda mask: np.eye(5)[mask], "Five channels"),
        ("one_hot", lambda mask: np.eye(4)[mask], "stops with IndexError"),
        ("one_hot", lambda mask: np.eye(5)[mask][..., :4], "Label 4 is left out"),
        ("labels_again", lambda probabilities: probabilities.argmax(-1), "These are classes"),
        ("resized", lambda region, size: resize_slices(region[None], size)[0] > 0.5, "shape"),
        ("resized", lambda region, size: region * 0.7, "shares"),
        (
            "resized",
            lambda region, size: resize_slices(resize_slices(region[None], size) > 0.5, 8)[0] > 0.5,
            "before the way back",
        ),
        ("split_by_slice", lambda patients, slices: slices % 3 == 0, "True stands for training"),
        ("split_by_slice", lambda patients, slices: slices < 4, "0, 3, 6"),
        ("split_by_patient", lambda patients, slices: slices % 3 != 0, "on both sides"),
        ("split_by_patient", lambda patients, slices: patients != 1, "highest number"),
        ("best_epoch", lambda history: history["val_loss"].idxmin(), "counted from one"),
        ("best_epoch", lambda history: history["epoch"][history["loss"].idxmin()], "by heart"),
        ("early_stop", lambda losses, patience: int(np.argmin(losses[:8])) + 1, "best epoch"),
        ("early_stop", lambda losses, patience: 8 if len(losses) == 9 else len(losses), "lowest loss so far"),
        ("empty_masks", dice, "0/0 gives NaN"),
        ("empty_masks", lambda a, b: dice(a, b, 1.0), "smoothing constant"),
        ("empty_masks", lambda a, b: np.nan_to_num(dice(a, b)), "Nothing was there"),
        ("empty_masks", lambda a, b: np.sum(a & b) / np.sum(a | b), "IoU"),
        ("confusion_scores", ratios, "sensitivity: This is the precision"),
        ("largest_missed", 0.02 * 155 * 240 * 240 / 1000, "not 155"),
        ("hausdorff", lambda a, b, s: np.percentile(np.concatenate(distances(a, b, (1, 1, 1))), 95), "spacing"),
        ("hausdorff", lambda a, b, s: max(map(np.max, distances(a, b, s))), "maximum"),
        ("hausdorff", lambda a, b, s: np.percentile(distances(a, b, s)[0], 95), "one direction only"),
        ("hausdorff", lambda a, b, s: max(np.percentile(d, 95) for d in distances(a, b, s)), "larger of two"),
        ("overlay", lambda labels, opacity: colormaps["viridis"](labels / 4), "background is painted"),
        ("overlay", lambda labels, opacity: painted(labels, 1), "hide the scan"),
        ("overlay", painted, "not the colours"),
        ("calibration", histogram, "Use NaN"),
        ("threshold", lambda dice, patients: dice.mean(axis=1).idxmax(), "test patient"),
        ("threshold", lambda dice, patients: dice[patients].mean(axis=1).max(), "the Dice"),
        ("threshold", lambda dice, patients: dice[patients].max(axis=1).idxmax(), "one patient"),
        ("ball", balled, "out of the brain"),
        ("ball", lambda volume, *given: np.where(volume, balled(volume, *given, add=True), 0), "added"),
        ("own_tumour", replace(TUMOUR, whole_ml=28.0), "includes its core"),
        ("own_tumour", replace(TUMOUR, grade="HGG"), "low grade"),
        ("stream", "tests", "seen the answer"),
    ],
)
def test_usual_mistake_is_called_by_its_name(name, answer, hint):
    with pytest.raises(hints.Hint, match=hint):
        CHECKS[name](answer)


def test_colours_that_depend_on_the_other_labels_are_found():
    def scaled(labels, opacity):
        names = list(COLOURS.values())
        picture = np.array(
            [[to_rgba(names[int(3 * value)], opacity) for value in row] for row in labels / labels.max()]
        )
        picture[labels == 0] = 0
        return picture if labels.size == 4 else picture[..., [1, 0, 2, 3]]

    with pytest.raises(hints.Hint, match="depends on which others"):
        answers.overlay(scaled)


def test_slice_that_the_prediction_chose_is_refused():
    truth = np.zeros((4, 4, 6))
    truth[:, :, 1], truth[:2, :, 4] = 2, 2
    prediction = truth * (np.arange(6) > 2)
    answers.shown_slice(1, truth, prediction)
    with pytest.raises(hints.Hint, match="prediction's choice"):
        answers.shown_slice(4, truth, prediction)
