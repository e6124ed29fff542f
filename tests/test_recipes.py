"""The published recipe is the paper's; its values that the paper prints are compared in `test_paper`."""

import pytest

from brats_lib.errors import BratsError
from brats_lib.recipes import PUBLISHED, get_recipe


def test_published_recipe_takes_the_hundred_slices_from_22_in_two_channels():
    assert (PUBLISHED.first_slice, PUBLISHED.stop_slice, PUBLISHED.slices) == (22, 122, 100)
    assert PUBLISHED.modalities == ("flair", "t1ce")


def test_unknown_recipe_is_refused_with_the_known_ones_named():
    with pytest.raises(BratsError, match="published"):
        get_recipe("improved")
