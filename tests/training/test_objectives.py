"""Losses, learning rates and averages are what their formulas say."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from brats_lib import models
from brats_lib.errors import BratsError
from brats_lib.labels import one_hot
from brats_lib.recipes import NATIVE, PUBLISHED
from brats_lib.training.objectives import SegmentationLoss, compile_model, learning_rate_schedule

TINY = replace(NATIVE, modalities=("flair",), neighbours=0, widths=(8, 8), patch=4)
# Four pixels: the tumour is the upper row, its core the first of them, and nothing enhances.
REGIONS = np.array([[[[1, 1, 0], [1, 0, 0]], [[0, 0, 0], [0, 0, 0]]]], np.float32)
CHANCES = np.full((1, 2, 2, 3), [0.5, 0.5, 0.25], np.float32)
CROSS_ENTROPY = (8 * np.log(2) - 4 * np.log(0.75)) / 12
# (2 sum(pt) + 50) / (sum(p) + sum(t) + 50) of WT, TC and ET.
DICE_LOSS = 1 - np.mean([(2 * 1 + 50) / (2 + 2 + 50), (2 * 0.5 + 50) / (2 + 1 + 50), 50 / (1 + 0 + 50)])
# All four classes equally likely. Class 1 and 3: sum(pt) = 1/4, sum(p) = sum(t) = 1; class 2: sum(p) = 1 alone.
CLASSES, EVEN = one_hot(np.array([[[0, 0], [1, 3]]])), np.full((1, 2, 2, 4), 0.25, np.float32)
LOSS_OF_CLASSES = np.log(4) + 1 - np.mean([50.5 / 52, 50 / 51, 50.5 / 52])


def with_empty_slice(array):
    return np.concatenate([array, 0 * array])


@pytest.mark.parametrize(
    ("loss", "truth", "chances", "expected"),
    [
        (SegmentationLoss(dice=False), REGIONS, CHANCES, CROSS_ENTROPY),
        (SegmentationLoss(), REGIONS, CHANCES, CROSS_ENTROPY + DICE_LOSS),
        (SegmentationLoss(regions=False), CLASSES, EVEN, LOSS_OF_CLASSES),
        # The second slice is empty and said to be: it halves cross-entropy and adds nothing to the sums of the batch.
        (SegmentationLoss(), with_empty_slice(REGIONS), with_empty_slice(CHANCES), CROSS_ENTROPY / 2 + DICE_LOSS),
        # Certainty in what is wrong has a finite price.
        (SegmentationLoss(dice=False), REGIONS, 1 - REGIONS, -np.log(np.float32(1e-6))),
    ],
)
def test_loss_is_the_one_worked_out_by_hand(loss, truth, chances, expected):
    np.testing.assert_allclose(float(loss(truth, chances)), expected, rtol=1e-2 if expected > 10 else 1e-5)
    # Keras divides by the number of devices where it takes the mean, and takes none of a single number.
    assert loss.call(truth, chances).shape == (len(truth),)


def test_learning_rate_rises_along_a_line_and_falls_along_a_cosine_to_one_percent():
    # Eight batches, the first quarter of them warm-up.
    schedule = learning_rate_schedule(replace(NATIVE, learning_rate=1e-2, warmup=0.25), 8)
    rates = [float(schedule(batch)) for batch in (0, 1, 2, 5, 8, 9)]
    np.testing.assert_allclose(rates, [1e-4, 5.05e-3, 1e-2, 5.05e-3, 1e-4, 1e-4], rtol=1e-5)
    without = learning_rate_schedule(replace(NATIVE, learning_rate=1e-2, warmup=0.0), 4)
    np.testing.assert_allclose([float(without(batch)) for batch in (0, 2, 4)], [1e-2, 5.05e-3, 1e-4], rtol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_average_is_that_of_the_weights_after_each_batch(precision):
    model = models.build(TINY, precision, seed=0)
    compile_model(model, replace(TINY, averaging=0.75, warmup=0.0), precision, steps=3)
    rng, seen = np.random.default_rng(0), []
    for _ in range(3):
        model.train_on_batch(rng.normal(size=(2, 4, 4, 1)).astype(np.float32), rng.integers(0, 2, (2, 4, 4, 3)))
        seen.append(model.get_weights()[0])
    model.optimizer.finalize_variable_values(model.trainable_variables)
    assert not np.array_equal(seen[0], seen[2])
    expected = 0.75 * (0.75 * seen[0] + 0.25 * seen[1]) + 0.25 * seen[2]
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-5, atol=1e-7)
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (precision == "mixed_float16")
    inner = model.optimizer.inner_optimizer if scaled else model.optimizer
    assert (inner.weight_decay, inner.clipnorm) == (TINY.weight_decay, 1.0)


def compiled(**changes):
    model = keras.Sequential([keras.Input((2, 2, 2)), keras.layers.Conv2D(4, 1, activation="softmax")])
    compile_model(model, replace(PUBLISHED, **changes), "float32", 1)
    return model


@pytest.mark.parametrize(
    ("name", "expected"),
    [("adam", {"beta_1": 0.5, "beta_2": 0.99}), ("sgd", {"momentum": 0.5}), ("rmsprop", {"rho": 0.9})],
)
def test_published_recipe_names_its_optimizer(name, expected):
    optimizer = compiled(optimizer=name, betas=(0.5, 0.99)).optimizer
    assert type(optimizer).__name__.lower() == name
    assert expected.items() <= optimizer.get_config().items()
    assert float(optimizer.learning_rate) == pytest.approx(1e-3)


# Of four classes the right one gets 0.7, the others 0.1.
SURE = np.where(one_hot(np.array([[[0, 1], [2, 3]]])) == 1, 0.7, 0.1).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cross-entropy", -np.log(0.7)),
        # Focal: cross-entropy times the square of what is missing to certainty.
        ("focal", -np.log(0.7) * 0.3**2),
        # Each tumour class has one pixel: sum(pt) = 0.7, sum(p) = 0.7 + 3 x 0.1 = 1.
        ("cross-entropy+dice", -np.log(0.7) + 1 - (1.4 + 50) / (2 + 50)),
    ],
)
def test_published_recipe_names_its_loss(name, expected):
    model = compiled(loss=name)
    loss = model.compute_loss(y=one_hot(np.array([[[0, 1], [2, 3]]])), y_pred=keras.ops.convert_to_tensor(SURE))
    np.testing.assert_allclose(float(loss), expected, rtol=1e-5)
    with pytest.raises(BratsError, match="loss of the recipe: it is 'best'; expected one of"):
        compiled(loss="best")
