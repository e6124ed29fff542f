"""Augmentation: image and mask move together, values stay in range."""

import keras
import numpy as np
import pytest

from brats_lib.errors import BratsError
from brats_lib.slices.augment import AUGMENTATIONS, Augmenter

MOVING = [name for name in AUGMENTATIONS if name != "intensity"]


def head_slices(n=6, side=64):
    """Slices of an off-centre head with a bright, lopsided tumour; and the tumour as class 3 with a class 1 part."""
    x, y = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    x, y = x / side, y / side
    head = np.hypot((x - 0.53) / 0.4, (y - 0.47) / 0.34) < 1
    tumour = (np.hypot((x - 0.4) / 0.17, (y - 0.57) / 0.11) < 1) & head
    classes = np.where(tumour, np.where(x < 0.35, 1, 3), 0).astype(np.uint8)
    image = np.where(tumour, 0.9, np.where(head, 0.3, 0)).astype(np.float32)
    return np.repeat(np.stack([image, image / 2], -1)[None], n, 0), np.repeat(classes[None], n, 0)


def dice(a, b):
    return 2 * np.sum(a & b) / (a.sum() + b.sum())


@pytest.mark.parametrize("name", MOVING)
def test_image_and_mask_move_together(name):
    images, classes = head_slices(side=128)
    moved, masks = Augmenter([name], seed=3)(images, classes)
    assert dice(masks > 0, classes > 0) < 0.95
    for image, mask in zip(moved, masks, strict=True):
        # Half-way between tumour and head, bilinear sampling draws the same outline as nearest neighbour.
        assert dice(image[..., 0] > 0.6, mask > 0) > 0.97


def test_flips_are_the_four_mirror_images():
    images, classes = head_slices(n=40)
    _, masks = Augmenter(["flip"])(images, classes)
    assert {mask.tobytes() for mask in masks} == {classes[0][::a, ::b].tobytes() for a in (1, -1) for b in (1, -1)}


def test_rotation_stays_below_fifteen_degrees():
    images = np.zeros((30, 65, 65, 1), np.float32)
    images[:, 32, 52] = images[:, 32, 12] = 1  # Two points 20 pixels from the centre.
    moved, _ = Augmenter(["rotate"], seed=3)(images, np.zeros((30, 65, 65), int))
    peaks = [np.unravel_index(image[:, 40:, 0].argmax(), (65, 25)) for image in moved]
    angles = np.array([np.degrees(np.arctan2(x - 32, y + 40 - 32)) for x, y in peaks])
    assert np.abs(angles).max() < 15 + 3
    assert angles.min() < -8 and angles.max() > 8


def test_elastic_moves_along_both_diagonals_by_a_few_pixels():
    x, y = np.meshgrid(np.arange(64.0), np.arange(64.0), indexing="ij")
    ramps = np.stack([x, y], -1)[None].astype(np.float32) / 63
    signs = set()
    for call in range(8):
        moved, _ = Augmenter(["elastic"], seed=5)(ramps, np.zeros((1, 64, 64)), draw=(call,))
        shift = (moved - ramps)[0, 12:-12, 12:-12] * 63
        assert 0.05 < shift.std() < 2
        signs.add(int(np.sign((shift[..., 0] * shift[..., 1]).sum())))
    assert signs == {-1, 1}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_values_stay_in_range_and_outside_is_background(name):
    images, classes = head_slices()
    images[:, :4] = 1  # Something bright at the edge must not be smeared into what comes in from outside.
    moved, masks = Augmenter([name], seed=6)(images, classes)
    assert len(np.unique(moved.reshape(len(moved), -1), axis=0)) > 1  # a new draw for every slice
    assert moved.dtype == np.float32 and masks.dtype == np.uint8
    assert moved.min() >= 0 and moved.max() <= 1
    assert set(np.unique(masks)) <= {0, 1, 3}


def test_intensity_changes_the_head_only_and_whatever_the_networks_precision():
    images, classes = head_slices()
    moved, masks = Augmenter(["intensity"], seed=7)(images, classes)
    np.testing.assert_array_equal(masks, classes)
    assert not moved[images == 0].any()
    assert np.abs(moved - images)[images > 0].mean() > 0.01
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        again = Augmenter(["intensity"], seed=7)(images, classes)[0]
    finally:
        keras.config.set_dtype_policy(policy)
    np.testing.assert_array_equal(again, moved)


def test_unknown_name_lists_the_known():
    with pytest.raises(BratsError, match="augmentation 'shear'.*flip, rotate, scale, elastic, intensity"):
        Augmenter(["flip", "shear"])
