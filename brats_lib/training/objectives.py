"""What each recipe's network is trained towards, and how fast: loss, optimizer, learning rate."""

from collections.abc import Sequence
from functools import singledispatch

import keras

from brats_lib.errors import BratsError
from brats_lib.labels import LABELS
from brats_lib.recipes import GenerativeRecipe, NativeRecipe, Recipe
from brats_lib.training.monitors import ClassIoU, hard_dice, soft_dice

# Pixels added to both sides of the Dice fraction: a batch with a few pixels of a region is no reason for a leap.
SMOOTHING = 50
# Where the native recipe's learning rate begins and ends, as a share of its height.
LOWEST_RATE = 0.01
# Probabilities are kept this far from 0 and 1, so that their logarithms are finite.
_MARGIN = 1e-6


def compile_model(
    model: keras.Model, recipe: Recipe | NativeRecipe | GenerativeRecipe, precision: str, steps: int,
    monitors: Sequence[keras.metrics.Metric] = (),
) -> None:  # fmt: skip
    """Give a network of `models.build` its recipe's loss, optimizer and monitors; the optimizer is built.

    Published: categorical cross-entropy and Adam at a constant rate, which `plateau_rule` lowers, or what else the
    recipe's `loss` and `optimizer` name. Native: `SegmentationLoss` and AdamW (Loshchilov and Hutter 2019) with the
    rate of `learning_rate_schedule`, the gradient of each variable clipped to norm 1, and a moving average of the
    weights. Generative: the sum of the terms that the network itself gives, Adam, and the rest as native.

    `precision` is what the model was built with, `steps` the batches of the whole training, and `monitors` are watched
    beside those of the recipe.
    """
    optimizer, loss, own = objective(recipe, model, steps)
    if precision == "mixed_float16":
        # Keras does this by itself only where float16 is its global policy.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, loss, metrics=[*own, *monitors])
    optimizer.build(model.trainable_variables)


@singledispatch
def objective(recipe, model, steps):
    """Optimizer, loss and monitors of a recipe's network, as `compile_model` describes them."""
    raise TypeError(f"no objective is known for a {type(recipe).__name__}; import the module that adds it")


@objective.register
def _published(recipe: Recipe, model, steps):
    own = ["accuracy", keras.metrics.MeanMetricWrapper(soft_dice, name="dice"), ClassIoU(len(LABELS))]
    return _choose("optimizer", _OPTIMIZERS, recipe), _choose("loss", _LOSSES, recipe), own


@objective.register
def _native(recipe: NativeRecipe, model, steps):
    optimizer = keras.optimizers.AdamW(
        learning_rate_schedule(recipe, steps), weight_decay=recipe.weight_decay, clipnorm=1.0,
        use_ema=recipe.averaging > 0, ema_momentum=recipe.averaging,
    )  # fmt: skip
    own = [keras.metrics.MeanMetricWrapper(hard_dice, name="dice", regions=recipe.regions)]
    return optimizer, SegmentationLoss(recipe.regions, recipe.dice), own


@singledispatch
def plateau_rule(recipe) -> keras.callbacks.ReduceLROnPlateau | None:
    """What lowers a recipe's learning rate when the validation loss stands still; None where a schedule does."""
    return None


@plateau_rule.register
def _published_plateau(recipe: Recipe):
    return keras.callbacks.ReduceLROnPlateau(
        "val_loss", recipe.plateau_factor, recipe.plateau_patience, mode="min", min_lr=recipe.min_learning_rate
    )


_OPTIMIZERS = {
    "adam": lambda recipe: keras.optimizers.Adam(recipe.learning_rate, beta_1=recipe.betas[0], beta_2=recipe.betas[1]),
    "sgd": lambda recipe: keras.optimizers.SGD(recipe.learning_rate, momentum=recipe.betas[0]),
    "rmsprop": lambda recipe: keras.optimizers.RMSprop(recipe.learning_rate),
}
_LOSSES = {
    "cross-entropy": lambda recipe: "categorical_crossentropy",
    "cross-entropy+dice": lambda recipe: SegmentationLoss(regions=False),
    # Lin et al. 2017, with their gamma of 2 and no weights of the classes.
    "focal": lambda recipe: keras.losses.CategoricalFocalCrossentropy(alpha=1.0),
}


def _choose(field, known, recipe):
    name, expected = getattr(recipe, field), f"one of {', '.join(known)}"
    if name not in known:
        raise BratsError(f"{field} of the recipe", f"it is '{name}'", expected, "Choose one of those")
    return known[name](recipe)


def learning_rate_schedule(
    recipe: NativeRecipe | GenerativeRecipe, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Learning rate of all recipes but the published: up along a line, down a cosine (Loshchilov and Hutter 2017).

    From the number of finished batches to the rate of the next one: 1 % of the recipe's highest at 0, the highest
    after ``warmup * steps``, and 1 % of it again from `steps` on, the batches of the whole training.
    """
    warmup = min(round(recipe.warmup * steps), steps - 1)
    highest, lowest = recipe.learning_rate, recipe.learning_rate * LOWEST_RATE
    if warmup <= 0:
        return keras.optimizers.schedules.CosineDecay(highest, steps, alpha=LOWEST_RATE)
    return keras.optimizers.schedules.CosineDecay(
        lowest, steps - warmup, alpha=LOWEST_RATE, warmup_target=highest, warmup_steps=warmup
    )


class SegmentationLoss(keras.losses.Loss):
    """Cross-entropy, and the soft Dice loss of the whole batch (Milletari et al. 2016, with plain sums below).

    Cross-entropy is the mean over pixels and, for regions, over channels too. The Dice loss is
    ``1 - mean over channels of (2 sum(p t) + s) / (sum(p) + sum(t) + s)`` with ``s`` = 50 pixels, leaving out the
    background where channels are classes. Sums over the batch (each device's share of it), not over each slice, since
    most slices have no pixel of some region.

    With `regions`, channels are overlapping regions, with binary cross-entropy, rather than classes in the order of
    `labels.LABELS`, with categorical; `dice` adds the Dice loss.
    """

    def __init__(self, regions: bool = True, dice: bool = True):
        super().__init__(name="segmentation_loss", dtype="float32")
        self.regions, self.dice = regions, dice

    def call(self, y_true, y_pred):
        """Loss of a batch (n, h, w, channels), as n numbers whose mean it is."""
        # Not as their mean: Keras shares a loss out among several devices only where it averages it itself.
        ops = keras.ops
        truth, chance = y_true, ops.clip(y_pred, _MARGIN, 1 - _MARGIN)
        if self.regions:
            loss = -ops.mean(truth * ops.log(chance) + (1 - truth) * ops.log(1 - chance), (1, 2, 3))
        else:
            loss = -ops.mean(ops.sum(truth * ops.log(chance), -1), (1, 2))
        if self.dice:
            if not self.regions:
                # The first class is the background.
                truth, chance = truth[..., 1:], chance[..., 1:]
            axes = (0, 1, 2)
            shared, total = ops.sum(truth * chance, axes), ops.sum(truth, axes) + ops.sum(chance, axes)
            loss = loss + 1 - ops.mean((2 * shared + SMOOTHING) / (total + SMOOTHING))
        return loss
