"""The published recipe is the paper's, value by value as the paper prints them."""

import pytest

from brats_lib.errors import BratsError
from brats_lib.paper import value
from brats_lib.recipes import PUBLISHED, get_recipe

PRINTED = (
    "size",
    "width",
    "dropout",
    "learning_rate",
    "plateau_patience",
    "plateau_factor",
    "volumes_per_batch",
    "epochs",
)


@pytest.mark.parametrize("setting", PRINTED)
def test_published_recipe_has_the_value_that_the_paper_prints(setting):
    assert getattr(PUBLISHED, setting) == value(setting).value


def test_published_recipe_takes_the_hundred_slices_from_22_in_two_channels():
    assert (PUBLISHED.first_slice, PUBLISHED.stop_slice, PUBLISHED.slices) == (22, 122, 100)
    assert PUBLISHED.modalities == ("flair", "t1ce")


def test_slice_settings_leave_the_cache_valid_when_only_training_changes():
    assert not {"epochs", "dropout", "learning_rate"} & set(PUBLISHED.slice_settings())


def test_unknown_recipe_is_refused_with_the_known_ones_named():
    with pytest.raises(BratsError, match="published"):
        get_recipe("improved")
