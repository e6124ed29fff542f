"""The native recipe trains towards its last epoch's average, and can be killed, repeated and carried on from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from training import test_training as published
from training.test_training import assert_equal_arrays, assert_same_training, read_state

from brats_lib import labels
from brats_lib.errors import BratsError
from brats_lib.recipes import NativeRecipe, Recipe
from brats_lib.training.objectives import compile_model

RECIPE = NativeRecipe(neighbours=0, widths=(8, 8), patch=16, averaging=0.8, warmup=0.25, learning_rate=1e-2, epochs=4)


class RegionBlobs(published.Blobs):
    """Blobs whose targets are the regions WT, TC and ET."""

    def __getitem__(self, batch):
        images, targets = super().__getitem__(batch)
        if np.isnan(targets).any():
            images[:] = np.nan
        masks = labels.to_labels(targets.argmax(-1))
        return images, np.stack([labels.region(masks, name) for name in labels.REGIONS], -1).astype(np.float32)


VALIDATION = RegionBlobs(seed=1, fixed=True)


def run(folder, recipe=RECIPE, batches=None, val=VALIDATION, **options):
    """Train on the CPU in float32, silently, unless told otherwise."""
    return published.run(folder, recipe, batches or RegionBlobs(), val, **options)


small_network = published.small_network


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """An uninterrupted training; not to be changed."""
    folder = tmp_path_factory.mktemp("straight") / "training"
    return folder, run(folder)


def arrays(folder, kind):
    """Those of a kind that a training has saved: its `variables`, or the `best` weights."""
    return [array for name, array in sorted(read_state(folder).items()) if name.startswith(kind)]


def test_average_is_kept_and_leaves_the_training_itself_alone(straight, tmp_path):
    run(tmp_path, replace(RECIPE, averaging=0.0))
    assert_equal_arrays(arrays(straight[0], "variables"), arrays(tmp_path, "variables"))
    pairs = zip(arrays(straight[0], "best"), arrays(tmp_path, "best"), strict=True)
    assert not any(np.array_equal(averaged, plain) for averaged, plain in pairs)


def test_last_epoch_is_the_one_returned_and_its_validation_is_that_of_the_average(straight):
    folder, result = straight
    assert result.best_epoch == 4
    assert_equal_arrays(result.model.get_weights(), arrays(folder, "best"))
    compile_model(result.model, RECIPE, "float32", 1)
    measured = result.model.evaluate(VALIDATION, verbose=0, return_dict=True)
    last = result.history.iloc[-1]
    np.testing.assert_allclose([measured["loss"], measured["dice"]], [last["val_loss"], last["val_dice"]], rtol=1e-5)


def test_log_has_what_was_measured_and_the_rates_of_the_schedule(straight):
    history = straight[1].history
    assert list(history) == ["epoch", "loss", "dice", "val_loss", "val_dice", "learning_rate", "seconds"]
    # Twelve batches, three of them warm-up; epochs begin with batch 0, 3, 6 and 9 of these.
    falling = [(0.99 * (1 + np.cos(np.pi * share)) / 2 + 0.01) * 1e-2 for share in (0, 1 / 3, 2 / 3)]
    np.testing.assert_allclose(history["learning_rate"], [1e-4, *falling], rtol=1e-5)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


def test_training_without_validation_logs_none_and_more_epochs_are_another_training(tmp_path):
    result = run(tmp_path / "training", val=None, epochs=1)
    assert list(result.history) == ["epoch", "loss", "dice", "learning_rate", "seconds"]
    again = run(tmp_path / "training", val=None, epochs=1)
    assert again.resumed_from == again.best_epoch == 1
    pd.testing.assert_frame_equal(again.history, result.history)
    assert run(tmp_path / "training", val=None, epochs=2).resumed_from == 0


@pytest.mark.parametrize(("recipe", "val"), [(RECIPE, []), (Recipe(size=16, width=2), None)])
def test_validation_that_is_empty_or_that_the_published_recipe_lacks_is_refused(tmp_path, recipe, val):
    with pytest.raises(BratsError, match="0 validation batches"):
        run(tmp_path / "training", recipe, val=val)


def test_fine_tuning_starts_from_the_given_weights_and_is_another_training(straight, tmp_path):
    given = straight[1].model.get_weights()
    # A rate this small leaves float32 weights of ordinary size where they are.
    still = {"recipe": replace(RECIPE, learning_rate=1e-12), "epochs": 1}
    tuned = run(tmp_path / "tuned", **still, initial_weights=given)
    for ours, theirs in zip(tuned.model.get_weights(), given, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
    assert run(tmp_path / "tuned", **still, initial_weights=given).resumed_from == 1
    changed = [given[0] + np.float32(1e-3), *given[1:]]
    assert run(tmp_path / "tuned", **still, initial_weights=changed).resumed_from == 0


def test_training_that_weights_of_nan_stopped_resumes_to_the_same_bits(straight, tmp_path):
    folder = tmp_path / "interrupted"
    with pytest.raises(BratsError, match="became .* epoch 2.*finished epochs are kept .1"):
        run(folder, batches=RegionBlobs(nan_in=(1, 1)))
    assert run(folder).resumed_from == 1
    assert_same_training(straight[0], folder)
