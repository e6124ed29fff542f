"""What is watched while training is what its formulas say."""

import keras
import numpy as np
import pytest

from brats_lib.labels import one_hot
from brats_lib.training.monitors import ClassIoU, RegionDice, hard_dice, soft_dice

# Four pixels of classes 0, 0, 1, 2.
TRUTH = one_hot(np.array([[[0, 0], [1, 2]]]))
GUESS = np.array([[[[0.5, 0.5, 0, 0], [1, 0, 0, 0]], [[0, 0.5, 0.5, 0], [0, 0, 0, 1]]]], np.float32)


def test_soft_dice_is_the_mean_over_four_channels_worked_out_by_hand():
    # Per class, (2 sum(tp) + 1) / (sum(t) + sum(p) + 1):
    expected = np.mean([(2 * 1.5 + 1) / (2 + 1.5 + 1), (2 * 0.5 + 1) / (1 + 1 + 1), 1 / (1 + 0.5 + 1), 1 / (0 + 1 + 1)])
    np.testing.assert_allclose(float(soft_dice(TRUTH, keras.ops.convert_to_tensor(GUESS))), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("truth", "guess", "regions", "expected"),
    [
        # argmax: 0, 0, 1, 3. WT is right; TC has two pixels for one; the only ET is a false one.
        (TRUTH, GUESS, False, [1, 2 / 3, 0]),
        # Above one half: of WT one of two; of TC one right, one false; neither has any ET.
        ([[[[1, 0, 0], [1, 1, 0]]]], [[[[0.6, 0.6, 0.5], [0.4, 0.9, 0.1]]]], True, [2 / 3, 2 / 3, 1]),
    ],
)
def test_hard_dice_is_the_mean_over_regions_worked_out_by_hand(truth, guess, regions, expected):
    found = hard_dice(*(keras.ops.convert_to_tensor(each, "float32") for each in (truth, guess)), regions)
    np.testing.assert_allclose(float(found), np.mean(expected), rtol=1e-6)


def test_iou_over_batches_is_that_of_keras():
    rng = np.random.default_rng(0)
    ours, keras_own = ClassIoU(4), keras.metrics.OneHotMeanIoU(4)
    for _ in range(3):
        truth, guess = one_hot(rng.integers(0, 4, (5, 8, 8))), rng.random((5, 8, 8, 4), np.float32)
        ours.update_state(truth, guess)
        keras_own.update_state(truth, guess)
    np.testing.assert_allclose(float(ours.result()), float(keras_own.result()), rtol=1e-5)


def test_region_dice_is_worked_out_by_hand_and_does_not_depend_on_the_batches():
    # Whole tumour right; of the core one pixel for two; the only ET is a false one.
    together, apart, empty = RegionDice(4), RegionDice(4), RegionDice(4)
    together.update_state(TRUTH, GUESS)
    for row in range(2):
        apart.update_state(TRUTH[:, row : row + 1], GUESS[:, row : row + 1])
    for found in (together, apart):
        np.testing.assert_allclose(float(found.result()), np.mean([1, 2 / 3, 0]), rtol=1e-6)
    background = one_hot(np.zeros((1, 2, 2), int))
    empty.update_state(background, background)
    assert float(empty.result()) == 1
