"""The networks of Havaei et al. are those of figures 2 and 3(a), and the cascade leaves its first network alone."""

import keras
import numpy as np
import pytest

from brats_lib.studies.related.havaei import CASCADE_MARGIN, MARGIN, build_cascade, build_two_path

PATCH, CASCADE_PATCH = 2 * MARGIN + 1, 2 * CASCADE_MARGIN + 1


@pytest.fixture(scope="module")
def two_path():
    return build_two_path(4, 4, seed=0)


@pytest.fixture(scope="module")
def cascade():
    first = build_two_path(2, 3, seed=0)
    return first, build_cascade(first, 2, 3, seed=1)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def count_by_hand(channels, classes):
    """Weights and biases of the four convolutions, those ahead of a maxout twice."""
    local = 2 * (49 * channels * 64 + 64) + 2 * (9 * 64 * 64 + 64)
    wide = 2 * (169 * channels * 160 + 160)
    return local + wide + 21 * 21 * (64 + 160) * classes + classes


def test_networks_have_the_parameter_counts_worked_out_by_hand(two_path):
    assert two_path.count_params() == count_by_hand(4, 4) == 710_852
    both = build_cascade(build_two_path(4, 4), 4, 4)
    assert both.count_params() == 710_852 + count_by_hand(8, 4) == 710_852 + 952_260


def test_maxout_keeps_the_larger_of_two_convolutions(two_path):
    inner = keras.Model(two_path.input, [two_path.get_layer(f"global_{name}").output for name in ("conv", "maxout")])
    pair, larger = (np.asarray(maps) for maps in inner(noise(1, 20, 20, 4)))
    np.testing.assert_array_equal(larger, np.maximum(pair[..., :160], pair[..., 160:]))


def test_answer_sees_exactly_its_patch():
    model, side = build_two_path(1, 2, seed=0), 2 * PATCH + 3
    image = noise(1, side, side, 1)
    changed = image.copy()
    row, column = 33, 36
    changed[0, row, column] = 1e4
    moved = np.abs(np.asarray(model(changed)) - np.asarray(model(image)))[0].max(-1) > 0
    seen = np.zeros((side - 2 * MARGIN, side - 2 * MARGIN), bool)
    # The middle of an answer's patch is MARGIN further on than the answer itself.
    seen[row - 2 * MARGIN : row + 1, column - 2 * MARGIN : column + 1] = True
    np.testing.assert_array_equal(moved, seen)


def test_second_network_reads_the_cropped_image_and_what_the_first_answers_without_dropout(cascade):
    first, both = cascade
    images = noise(1, CASCADE_PATCH, CASCADE_PATCH + 1, 2)
    joined = np.concatenate([images[:, MARGIN:-MARGIN, MARGIN:-MARGIN], np.asarray(first(images))], axis=-1)
    read = keras.Model(both.input, both.get_layer("images_and_answers").output)
    np.testing.assert_allclose(read(images, training=True), joined, atol=1e-6)
    answers = np.asarray(both(images))
    assert answers.shape == (1, 1, 2, 3)
    np.testing.assert_allclose(answers, both.get_layer("second")(joined), atol=1e-6)


def test_training_the_cascade_leaves_the_first_network_as_it_was(cascade):
    first, both = cascade
    before, second = first.get_weights(), both.get_layer("second").get_weights()
    both.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
    both.train_on_batch(noise(2, CASCADE_PATCH, CASCADE_PATCH, 2), np.eye(3)[[[[0]], [[2]]]])
    assert all((a == b).all() for a, b in zip(before, first.get_weights(), strict=True))
    assert not any((a == b).all() for a, b in zip(second, both.get_layer("second").get_weights(), strict=True))
