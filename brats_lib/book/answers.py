"""Checks of the exercises: each tries a student's answer and says what is wrong with it, not what is right.

They try small inputs whose answers were worked out by hand, and know the usual mistakes by the values that these give.
Notebooks import this module as `check`.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba

from brats_lib.book.hints import Hint, checked, hint_for, same
from brats_lib.labels import COLOURS
from brats_lib.phantom.population import Tumour


@checked
def volumes(volumes_ml: Any) -> str | None:
    """Exercise 1a: volumes of WT, TC and ET in mL."""
    # 20 voxels of ED, 12 of NCR and 8 of ET, each of 1 x 2 x 5 = 10 mm³.
    mask = np.repeat([0, 1, 2, 4], [80, 12, 20, 8]).reshape(4, 5, 6)
    found = volumes_ml(mask, (1.0, 2.0, 5.0))
    if not isinstance(found, dict) or set(found) != {"WT", "TC", "ET"}:
        return "The answer is a dictionary with the keys WT, TC and ET."
    units = {
        0.01: "",
        1: "These are numbers of voxels. What is the volume of one?",
        10: "These are mm³. How many of them make a millilitre?",
        0.001: "The voxels are taken for 1 mm³ each: the spacing is forgotten.",
    }
    regions = {
        (40, 20, 8): "",
        (32, 12, 0): "Label 4 is missing. BraTS has no label 3, and code for 0-3 loses the enhancing tumour.",
        (20, 12, 8): "These are the labels ED, NCR and ET. Regions are unions of labels.",
        (40, 12, 0): "Label 4 is missing in the core and in ET. BraTS has no label 3.",
        (40, 12, 8): "The core is more than label 1: enhancing tumour belongs to it as well.",
        (40, 32, 8): "Edema is not part of the core; enhancing tumour is.",
    }
    mistakes = [
        (np.multiply(counts, volume), f"{unit} {region}".strip())
        for volume, unit in units.items()
        for counts, region in regions.items()
    ]
    values = [found[name] for name in ("WT", "TC", "ET")]
    return hint_for(values, [0.4, 0.2, 0.08], mistakes, "Not these volumes. Count the voxels of each region first.")


@checked
def spacing(found: Any) -> str | None:
    """Exercise 1a: the voxel size of every fifth slice of 1 mm."""
    mistakes = [
        ([1, 1, 1], "The slices that are left stand for those between them."),
        ([5, 5, 5], "Only one axis has fewer voxels."),
        ([5, 1, 1], "Which axis runs through the slices?"),
        ([1, 1, 0.2], "The voxels became thicker, not thinner."),
    ]
    return hint_for(found, [1, 1, 5], mistakes, "Three numbers in mm: what one voxel now stands for along each axis.")


@checked
def side(patient_side: Any) -> str | None:
    """Exercise 1b: the patient's side that a tumour lies on, in an LPS array."""
    for start, hint in ((6, "high"), (0, "low")):
        mask = np.zeros((9, 4, 3), np.uint8)
        mask[start : start + 3, 1] = 2
        found, right = patient_side(mask), {6: "left", 0: "right"}[start]
        if found not in ("left", "right"):
            return 'The answer is the text "left" or "right".'
        if found != right:
            return f"A tumour at {hint} indices of axis 0 is not on the {found}. To which side does axis 0 grow?"
    mask[:] = 0
    mask[5:8, 0], mask[0, 0, 0] = 4, 1
    return None if patient_side(mask) == "left" else "One stray voxel decides here. Use where most of the tumour lies."


@checked
def display(radiological: Any) -> str | None:
    """Exercise 1b: an axial slice of an LPS array as rows and columns of a picture."""
    axial = np.arange(12).reshape(3, 4)
    mistakes = [
        (axial, "Rows of the picture still run along axis 0, so the nose points to the side."),
        (axial[::-1].T, "This is the neurological view: the patient's left is on the viewer's left."),
        (axial.T[::-1], "The nose points down. Row 0 is at the top of the picture."),
        (axial[::-1, ::-1].T, "The picture is turned by half a circle."),
    ]
    return hint_for(radiological(axial), axial.T, mistakes, "Where do left and nose point?")


@checked
def one_hot(encode: Any) -> str | None:
    """Exercise 2a: labels 0, 1, 2, 4 as four channels."""
    mask = np.array([[0, 1], [2, 4], [4, 0]])
    found, five = np.asarray(encode(mask)), np.eye(5)[mask]
    if found.shape == (3, 2, 5):
        return "Five channels: `to_categorical` counts up to the largest label, and nothing has label 3."
    if found.shape == (4, 3, 2):
        return "The channels come first here. Networks of Keras expect them last."
    mistakes = [
        (five[..., :4], "Label 4 is left out: its voxels belong to no channel, and the network never learns them."),
        (np.eye(4)[np.where(mask == 4, 0, mask)], "Label 4 has become background."),
        (five[..., [4, 0, 1, 2]], "The channels are in another order than the labels."),
    ]
    right = five[..., [0, 1, 2, 4]]
    return hint_for(found, right, mistakes, f"The shape should be {right.shape}, with one 1 for every voxel.")


@checked
def labels_again(decode: Any) -> str | None:
    """Exercise 2a: class probabilities back to labels."""
    probabilities = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.2, 0.3, 0.4], [0, 0.1, 0.6, 0.3], [0, 0.9, 0, 0.1]])
    mistakes = [
        ([0, 3, 2, 1], "These are classes. The masks of BraTS have no 3, and a score would count no enhancing tumour."),
        ([0.7, 0.4, 0.6, 0.9], "These are the largest probabilities. Which channel do they stand in?"),
    ]
    return hint_for(decode(probabilities), [0, 4, 2, 1], mistakes, "The most probable channel decides, then its label.")


@checked
def resized(there_and_back: Any) -> str | None:
    """Exercise 2b: a region shrunk and enlarged again, its class chosen last."""
    # Three of eight columns shrink to [1, 0.5, 0, 0] and come back as [1, 0.875, 0.625, 0.375, 0.125, 0, 0, 0].
    region = np.repeat([[True] * 3 + [False] * 5], 8, axis=0)
    found = np.asarray(there_and_back(region, 4))
    if found.shape != (8, 8):
        return f"The shape is {found.shape}. The region should be on its own grid again."
    if found.dtype != bool:
        return "These are shares of a voxel. Decide at the end which voxels belong to the region."
    early = "The class is chosen in the small picture, before the way back."
    mistakes = [
        ([1, 1, 0, 0, 0, 0, 0, 0], early),
        ([1, 1, 1, 1, 0, 0, 0, 0], early),
        ([1, 1, 1, 1, 1, 0, 0, 0], "Every share above zero counts as region. From which share on is it more likely?"),
    ]
    return hint_for(found[3], [1, 1, 1, 0, 0, 0, 0, 0], mistakes, "When is a pixel more region than not?")


PATIENTS, SLICES = np.repeat([1, 2, 3], 6), np.tile(np.arange(6), 3)


def _training(function, right):
    """Which samples a function trains on; refused where it is not for each of them, or the other way round."""
    found = np.asarray(function(PATIENTS, SLICES))
    if found.shape != PATIENTS.shape or found.dtype != bool:
        raise Hint("The answer is an array of True (training) and False (test), one for each sample.")
    if same(found, ~right):
        raise Hint("True stands for training. Here it stands for testing.")
    return found


@checked
def split_by_slice(train: Any) -> str | None:
    """Exercise 3a: every third slice of every patient is for testing."""
    right = SLICES % 3 != 0
    return None if same(_training(train, right), right) else "Slices 0, 3, 6, ... of every patient are for testing."


@checked
def split_by_patient(train: Any) -> str | None:
    """Exercise 3a: the last patient is for testing."""
    right = PATIENTS != 3
    found = _training(train, right)
    if set(PATIENTS[found]) & set(PATIENTS[~found]):
        return "One patient is on both sides, so the test knows what it was trained on."
    return None if same(found, right) else "The patient of the highest number alone is for testing."


@checked
def best_epoch(best: Any) -> str | None:
    """Exercise 3b: the epoch whose weights are kept."""
    loss, val_loss = [0.9, 0.6, 0.5, 0.3, 0.2], [0.8, 0.7, 0.75, 0.7, 0.9]
    found = best(pd.DataFrame({"epoch": range(1, 6), "loss": loss, "val_loss": val_loss}))
    mistakes = [
        (5, "The training loss falls whenever the network learns its examples by heart. Which loss tells you?"),
        (1, "This is a row or the first epoch. Epochs are counted from one."),
        (4, "The second of two equal losses. The earlier epoch has learnt less by heart."),
        (0.7, "This is the loss, not the epoch."),
    ]
    return hint_for(found, 2, mistakes, "Look for the lowest validation loss and take its epoch.")


@checked
def early_stop(stops_at: Any) -> str | None:
    """Exercise 3b: the epoch after which early stopping ends a training."""
    losses, dip = [0.9, 0.7, 0.8, 0.7, 0.6, 0.7, 0.65, 0.61, 0.5], [0.9, 0.5, 0.8, 0.4, 0.7, 0.6, 0.5, 0.3]
    again = "An improvement sets the count of bad epochs to zero again."
    mistakes = [
        (3, "It stops at the first epoch that is worse. Patience waits for several."),
        (5, "This is the best epoch. The training goes on for as many epochs as the patience says."),
        (6, again),
        (7, f"{again} Or is this an index? Epochs are counted from one."),
        (9, "Too late: the third epoch in a row that is no better than the lowest loss so far is the last one."),
    ]
    hint = hint_for(stops_at(losses, 3), 8, mistakes, "Count the epochs since the lowest loss so far.")
    hint = hint or hint_for(stops_at(dip, 3), 7, [], "Compare with the lowest loss so far, not with the epoch before.")
    end = "Where the patience is never used up, training ends with the last epoch."
    return hint or hint_for(stops_at(losses[:3], 3), 3, [], end)


@checked
def empty_masks(dice: Any) -> str | None:
    """Exercise 4a: Dice where one of two masks is empty, or both."""
    none, two, three = (np.arange(9).reshape(3, 3) < count for count in (0, 2, 3))
    nothing = [
        (np.nan, "0/0 gives NaN, and a mean that leaves NaN out forgets the patients without this region."),
        (0, "Nothing was there and nothing was found. Should that cost as much as missing everything?"),
    ]
    smooth = "The smoothing constant gives points for a miss. Decide about empty masks in a line of its own."
    ratio = [(2 / 3, "This is the IoU."), (0.4, "The overlap counts twice in Dice."), (5 / 6, smooth)]
    return (
        hint_for(dice(three, two), 0.8, ratio, "For two masks that overlap, the formula is not Dice.")
        or hint_for(dice(none, none), 1, nothing, "Two empty masks are not scored as the challenge does.")
        or hint_for(dice(none, two), 0, [(1 / 3, smooth), nothing[0]], "An empty prediction misses everything.")
        or hint_for(dice(two, none), 0, [(1 / 3, smooth), nothing[0]], "What is not there earns no point.")
    )


@checked
def confusion_scores(scores: Any) -> str | None:
    """Exercise 4b: scores from the counts of true and false positives and negatives."""
    names = ("accuracy", "sensitivity", "specificity", "dice")
    found = scores(3, 2, 1, 94)
    if not isinstance(found, dict) or set(found) != set(names):
        return f"The answer is a dictionary with the keys {', '.join(names)}."
    rights = dict(zip(names, (97 / 100, 3 / 4, 94 / 96, 6 / 9), strict=True))
    known = {
        "sensitivity": [(3 / 5, "This is the precision, the share of what was found that is true.")],
        "specificity": [(94 / 95, "Sound voxels are the true negatives and the false positives.")],
        "dice": [(3 / 6, "This is the IoU."), (3 / 9, "The overlap counts twice in Dice.")],
    }
    otherwise = "Write down what it is a share of."
    hints = ((n, hint_for(found[n], rights[n], known.get(n, []), otherwise)) for n in names)
    return next((f"{name}: {hint}" for name, hint in hints if hint), None)


@checked
def largest_missed(millilitres: Any) -> str | None:
    """Exercise 4b: the largest tumour that background everywhere misses at an accuracy of .98."""
    mistakes = [
        (115200, "These are mm³, the voxels of 1 mm. How many of them make a millilitre?"),
        (178.56, "The paper's slices are 100, not 155."),
        (5644.8, "This is the volume of the background."),
    ]
    return hint_for(millilitres, 115.2, mistakes, "Which share of 100 slices of 240 x 240 voxels may be tumour?")


@checked
def hausdorff(hd95: Any) -> str | None:
    """Exercise 4c: HD95 in mm of the surfaces of two masks."""
    one, other, both = np.zeros((3, 12, 3, 3), bool)
    one[0, 0, 0], other[3, 0, 0] = True, True
    both[[0, 10], 0, 0] = True
    unit = "The voxels are 3 mm long and 3 voxels apart. What does the spacing do?"
    hint = hint_for(hd95(one, other, (3.0, 1.0, 1.0)), 9, [(81, "These are squares of distances.")], unit)
    # The distances are 0 from one to both, and 0 and 10 back: the 95th percentile of 0, 0, 10 is 9.
    mistakes = [
        (10, "This is the maximum, the Hausdorff distance itself. HD95 forgives the furthest five per cent."),
        (0, "The distances of one direction only: what lies far out in the other mask is not seen."),
        (9.5, "The percentile of one direction, or the larger of two. Pool the distances of both, then take it."),
        (4.75, "The mean of two percentiles. Pool the distances of both directions, then take it."),
    ]
    for a, b in ((one, both), (both, one)):
        hint = hint or hint_for(hd95(a, b, (1.0, 1.0, 1.0)), 9, mistakes, "Pool both, then take one percentile.")
    return hint


@checked
def overlay(paint: Any) -> str | None:
    """Exercise 5a: labels as a transparent picture (RGBA, 0-1) to lay over a scan."""
    found = np.asarray(paint(np.array([[0, 1], [2, 4]]), 0.5), float)
    alone = np.asarray(paint(np.array([[0, 4]]), 0.5), float)
    if found.shape != (2, 2, 4):
        return f"The shape is {found.shape}. A picture has rows, columns and four values: red, green, blue, opacity."
    if found[0, 0, 3] > 0:
        return "The background is painted too, and hides the scan. What is not labelled should be transparent."
    if not same(alone[0, 1], found[1, 1]):
        return "The colour of a label depends on which others are there, so slices cannot be compared."
    if same(found[1, :, 3], [1, 1]):
        return "The labels hide the scan. Nobody can see whether they fit: use the opacity that is given."
    wanted = [to_rgba(COLOURS[label], 0.5) for label in (1, 2, 4)]
    return None if same(found[[0, 1, 1], [1, 0, 1]], wanted) else "These are not the colours of `COLOURS`, in 0-1."


@checked
def shown_slice(z: Any, truth: np.ndarray, prediction: np.ndarray) -> str | None:
    """Exercise 5a: the slice to show, chosen by the truth and not by the prediction."""
    areas, found = (truth > 0).sum((0, 1)), (prediction > 0).sum((0, 1))
    overlap = 2 * ((truth > 0) & (prediction > 0)).sum((0, 1)) / np.maximum(areas + found, 1)
    mistakes = [
        (found.argmax(), "This slice is the prediction's choice: what it has missed can never be seen."),
        (overlap.argmax(), "The slice with the best score flatters. Would you show it if it were the worst?"),
        (truth.shape[2] // 2, "The middle of the volume need not have any tumour."),
        (areas.max(), "This is the area. In which slice is it?"),
    ]
    return hint_for(z, areas.argmax(), mistakes, "Choose by the truth alone: where is most tumour?")


@checked
def calibration(frequencies: Any) -> str | None:
    """Exercise 5b: the share of tumour in bins of probability."""
    probabilities = np.array([0.05, 0.1, 0.15, 0.2, 0.9, 0.95, 1.0, 0.97])
    truth = np.array([0, 0, 0, 1, 1, 1, 1, 0], bool)
    mistakes = [
        ([1, 0, 0, 3], "These are numbers of tumour voxels. A frequency is their share of the bin."),
        ([1 / 8, 0, 0, 3 / 8], "Divide by the voxels of the bin, not by all voxels."),
        ([0.125, np.nan, np.nan, 0.955], "This is the mean probability, what was promised. What came true?"),
        ([1 / 4, 0, 0, 3 / 4], "An empty bin has no frequency; zero would be a claim. Use NaN."),
        ([1 / 4, np.nan, np.nan, 2 / 3], "The last bin loses the probability of exactly one."),
    ]
    found = frequencies(probabilities, truth, np.linspace(0, 1, 5))
    return hint_for(found, [1 / 4, np.nan, np.nan, 3 / 4], mistakes, "Of the voxels of each bin, how many are tumour?")


@checked
def threshold(choose: Any) -> str | None:
    """Exercise 6a: the threshold with the best mean Dice of some patients."""
    dice = pd.DataFrame({"a": [0.9, 0.7, 0.2], "b": [0.1, 0.6, 0.4], "c": [0.3, 0.2, 1.0]}, index=[0.5, 1.5, 2.5])
    mistakes = [
        (1, "This is a position in the table, not a threshold."),
        (0.5, "This is best for one patient. The mean over the patients decides."),
        (2.5, "The test patient has a say in this. Only the patients that were given may choose."),
        (0.65, "This is the Dice, not the threshold."),
    ]
    return hint_for(choose(dice, ["a", "b"]), 1.5, mistakes, "Which row is best on average, and where in the index?")


@checked
def ball(with_ball: Any) -> str | None:
    """Exercise 6b: a volume with a ball of one brightness in it, nowhere but in the brain."""
    volume = np.full((9, 9, 9), 100.0)
    volume[:, :, 8] = 0
    found = np.asarray(with_ball(volume, (4, 4, 7), 2, 300.0))
    inside = ((np.indices(volume.shape) - np.array([4, 4, 7])[:, None, None, None]) ** 2).sum(0) <= 4
    if found.shape != volume.shape:
        return f"The shape is {found.shape}; it should be that of the volume."
    if (found[volume == 0] != 0).any():
        return "The ball reaches out of the brain, where skull-stripped scans are 0."
    if same(found, np.where(inside & (volume > 0), 400, volume)):
        return "The brightness is added to what was there. The ball should have it everywhere."
    otherwise = "The voxels at a distance of at most the radius, in all three axes, should have the brightness."
    return None if same(found, np.where(inside & (volume > 0), 300, volume)) else otherwise


@checked
def own_tumour(tumour: Any) -> str | None:
    """Exercise 6c: a tumour of 20 mL with a core of 8 mL that does not enhance, of low grade."""
    if not isinstance(tumour, Tumour):
        return "This is no `Tumour`. `dataclasses.replace` makes one from another."
    volumes = [tumour.whole_ml, tumour.core_ml, tumour.enhancing_ml]
    mistakes = [
        ([28, 8, 0], "The whole tumour includes its core: 20 mL in all."),
        ([20000, 8000, 0], "These are mm³; the fields are in millilitres."),
        ([20, 12, 0], "The core is what is not edema."),
    ]
    hint = hint_for(volumes, [20, 8, 0], mistakes, "Not these volumes: whole 20 mL, core 8 mL, nothing enhancing.")
    return hint or (None if tumour.grade == "LGG" else "A tumour without enhancement is of low grade here.")


@checked
def stream(name: Any) -> str | None:
    """Exercise 6c: what a phantom is drawn for that a network will learn from."""
    known = {
        "tests": "A network that has learnt from a test patient has seen the answer.",
        "choices": "These decide on thresholds; what was learnt from them would decide on itself.",
        "cohort": "These are the patients of the book, which its networks are shown on.",
    }
    return None if name == "training" else known.get(name, "Choose one of the keys of `STREAMS`.")
