"""Runs of the book in miniature: trainings of seconds, in the folders where notebooks 03 and 06 leave theirs."""

import dataclasses

from training.test_native_training import RECIPE as TINY_NATIVE
from training.test_native_training import RegionBlobs
from training.test_native_training import run as train_native
from training.test_training import Blobs
from training.test_training import run as train_published

from brats_lib.recipes import Recipe

# Of a case of `conftest.write_case`, which has 36 slices, it reads 28.
TINY_PUBLISHED = Recipe(size=16, width=2, first_slice=4, stop_slice=32, epochs=1)


def named(kind, *names):
    """Batches of a kind that say which cases they are of."""
    batches = kind()
    batches.names = names
    return batches


def write_published(folder):
    """Train the paper's recipe on two cases into a folder."""
    train_published(folder, TINY_PUBLISHED, named(Blobs, "BraTS20_Training_001", "BraTS20_Training_007"))


def write_run(runs, profile="workshop"):
    """Train both networks of a run and return its folder."""
    folder = runs / profile
    write_published(folder / "training")
    train_native(
        folder / "native", dataclasses.replace(TINY_NATIVE, name="lesson", epochs=1), named(RegionBlobs, "p_1")
    )
    return folder
