"""Training patches: targets worked out by hand, draws that repeat, images and labels that stay together."""

import dataclasses

import numpy as np
import pytest

from brats_lib.recipes import NATIVE, PLANES
from brats_lib.slices.patches import PatchBatches, region_targets
from brats_lib.slices.stacks import Stack

TINY = dataclasses.replace(NATIVE, patch=16, batch_slices=8, slices_per_epoch=24, augmentation=(), planes=tuple(PLANES))

CHANGED = dataclasses.replace(TINY, augmentation=("mirror", "intensity"))


def stack(seed=0, shape=(20, 24, 14)):
    """Every modality shows the label itself: FLAIR 1 + label, T1ce 2 + label, and so on; all of it brain."""
    labels = np.zeros(shape, np.uint8)
    corner = np.random.default_rng(seed).integers(3, 7, 3)
    labels[tuple(slice(c, c + 5) for c in corner)] = 2
    labels[tuple(slice(c, c + 2) for c in corner)] = 4
    images = np.stack([labels + 1.0 + m for m in range(4)], -1).astype(np.float16) / 4
    return Stack(f"case_{seed}", images, labels, tuple(slice(0, n) for n in shape), shape, f"{seed:016x}")


def test_targets_are_the_overlapping_regions():
    assert region_targets(np.array([0, 1, 2, 4])).tolist() == [[0, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]]


def test_batches_depend_on_seed_epoch_and_number_alone():
    first, again = (PatchBatches([stack(0), stack(1)], CHANGED, 3) for _ in range(2))
    assert len(first) == 3
    later = again[2], again[0]
    np.testing.assert_array_equal(first[0][0], later[1][0])
    first.epoch = 1
    assert not np.array_equal(first[0][0], later[1][0])


@pytest.mark.parametrize("augmentation", [(), ("mirror",)])
def test_image_and_targets_show_the_same_place(augmentation):
    recipe = dataclasses.replace(TINY, augmentation=augmentation)
    images, targets = PatchBatches([stack()], recipe)[0]
    flair = images[..., 2]  # the middle slice of three, first modality
    assert images.shape == (8, 16, 16, 6)
    np.testing.assert_array_equal(targets[..., 0] == 1, (flair == 0.75) | (flair == 1.25))
    np.testing.assert_array_equal(targets[..., 2] == 1, flair == 1.25)
    # T1ce is the third of a case's four modalities.
    np.testing.assert_array_equal(images[..., 3][flair > 0], flair[flair > 0] + 0.5)


def test_lesion_share_decides_how_many_patches_show_tumour():
    always = PatchBatches([stack()], dataclasses.replace(TINY, lesion_share=1.0))
    assert np.mean([always[number][1][..., 0].any(axis=(1, 2)) for number in range(3)]) > 0.7


def test_changed_intensities_leave_the_outside_at_zero_and_stay_in_the_limits():
    hollow = stack()
    hollow.images[:8] = 0
    images, _ = PatchBatches([hollow], dataclasses.replace(TINY, augmentation=("intensity",)))[0]
    plain, _ = PatchBatches([hollow], TINY)[0]
    np.testing.assert_array_equal(images == 0, plain == 0)
    assert not np.array_equal(images, plain)
    assert images.min() >= TINY.clip[0] and images.max() <= TINY.clip[1]


def test_classes_are_one_hot_for_a_recipe_without_regions():
    _, targets = PatchBatches([stack()], dataclasses.replace(TINY, regions=False))[0]
    assert targets.shape == (8, 16, 16, 4)
    assert (targets.sum(-1) == 1).all()
