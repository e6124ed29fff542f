"""Multiply-adds are those worked out by hand."""

import keras
import pytest
from keras import layers

from brats_lib.studies.related.havaei import build_two_path
from brats_lib.studies.related.pereira import build_pereira
from experiments.arithmetic import multiply_adds


def single(layer, channels, sides=2):
    return keras.Sequential([keras.Input((None,) * sides + (channels,)), layer])


@pytest.mark.parametrize(
    ("layer", "channels", "shape", "expected"),
    [
        # Places of the output times the kernel's weights.
        (layers.Conv2D(5, 3), 2, (6, 8), 4 * 6 * 9 * 2 * 5),
        (layers.Conv2D(5, 3, strides=2, padding="same"), 2, (6, 7), 3 * 4 * 9 * 2 * 5),
        (layers.Conv2D(6, 3, groups=2, padding="same"), 4, (6, 8), 6 * 8 * 9 * 2 * 6),
        # Places of the input.
        (layers.Conv2DTranspose(5, 2, strides=2), 3, (6, 8), 6 * 8 * 4 * 3 * 5),
        (layers.Conv3DTranspose(5, 2, strides=2), 3, (2, 3, 4), 24 * 8 * 3 * 5),
        (layers.Dense(7), 3, (6, 8), 6 * 8 * 3 * 7),
        (layers.BatchNormalization(), 3, (6, 8), 0),
    ],
)
def test_single_layer(layer, channels, shape, expected):
    assert multiply_adds(single(layer, channels, len(shape)), shape) == expected


def test_nested_networks_are_counted_as_often_as_they_are_called():
    inner = single(layers.Conv2D(4, 3, padding="same"), 4)
    outer = keras.Input((None, None, 4))
    x = layers.MaxPooling2D(2)(inner(outer))
    model = keras.Model(outer, layers.Conv2D(2, 1)(inner(x)))
    assert multiply_adds(model, (8, 8)) == (64 + 16) * 9 * 4 * 4 + 16 * 4 * 2


def test_networks_of_chapter_8_by_hand():
    wide, small = 33**2 * 9, 16**2 * 9
    patch = wide * (4 * 64 + 2 * 64 * 64) + small * (64 * 128 + 2 * 128 * 128) + 49 * 128 * 256 + 256 * 256 + 256 * 4
    assert multiply_adds(build_pereira(4, 4), (33, 33)) == patch == 178_842_880
    local = 27**2 * 49 * 4 * 128 + 22**2 * 9 * 64 * 128
    joined = 21**2 * 169 * 4 * 320 + 21**2 * 224 * 4
    assert multiply_adds(build_two_path(4, 4), (33, 33)) == local + joined == 149_765_760
