"""Slices as pictures: where they come from, how bright they are, what damages and mends them."""

import numpy as np
import pytest

from brats_lib.slices.stacks import Stack
from brats_lib.studies.synthesis import damage
from brats_lib.studies.synthesis.pictures import fit_square, make_pictures


def stack(name):
    """A brain of 100 x 140 x 40 voxels whose modality 0 rises from slice to slice; label 4 in one corner."""
    images = np.ones((100, 140, 40, 4), np.float16)
    images[..., 0] = np.linspace(-2, 2, 40)
    mask = np.zeros((100, 140, 40), np.uint8)
    mask[10:40, 10:40] = 4
    return Stack(name, images, mask, (slice(0, 1),) * 3, (240, 240, 155))


@pytest.fixture
def clean():
    picture = np.zeros((64, 64), np.float32)
    picture[16:48, 16:48] = 0.5
    picture[24:40, 24:32] = 0.9
    return picture


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_slices_are_evenly_spaced_and_keep_their_aspect():
    pictures = make_pictures([stack("a"), stack("b")], per_case=3)
    assert pictures.images.shape == (6, 128, 128, 4) and pictures.names == ("a", "b")
    assert pictures.case.tolist() == [0, 0, 0, 1, 1, 1]
    # The 13th, the 23rd and the 34th of 40 slices, whose values rise evenly from 0 to 1.
    assert pictures.images[:3, 64, 64, 0] == pytest.approx([12 / 39, 22 / 39, 33 / 39], abs=0.02)
    rows, columns = (pictures.brain[0].any(axis).sum() for axis in (1, 0))
    assert (rows, columns) == (pytest.approx(100 / 1.5, abs=1), pytest.approx(140 / 1.5, abs=1))
    assert set(np.unique(pictures.classes)) == {0, 3}
    assert (pictures.images[~pictures.brain] == 0).all()


def test_squares_are_cut_and_filled_around_the_middle():
    slices = np.arange(1, 7).reshape(1, 2, 3)
    assert fit_square(slices, 4)[0].tolist() == [[0, 0, 0, 0], [1, 2, 3, 0], [4, 5, 6, 0], [0, 0, 0, 0]]


def test_noise_has_its_mean_where_there_is_no_signal_and_loses_it_where_there_is(rng):
    dark = damage.rician(rng, np.zeros((400, 400)), 0.1)
    assert dark.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.01)  # of Rayleigh's distribution
    bright = damage.rician(rng, np.full((400, 400), 0.8), 0.1)
    assert np.square(bright).mean() == pytest.approx(0.64 + 2 * 0.01, rel=0.01)
    assert damage.correct_bias(np.array([np.sqrt(0.64 + 0.02), 0.05]), 0.1) == pytest.approx([0.8, 0])


@pytest.mark.parametrize("rate, middle", [(4, 10), (8, 5)])
def test_so_many_lines_are_measured_and_the_low_frequencies_are_among_them(rate, middle, rng):
    lines = damage.sampling_lines(rng, 128, rate)
    assert lines.sum() == 128 // rate
    order = np.argsort(np.abs(np.fft.fftfreq(128)), kind="stable")
    assert lines[order[: middle - 1]].all()


def test_measured_lines_are_put_back_and_others_are_the_pictures_own(rng):
    truth, guess = rng.random((2, 16, 16))
    lines = np.isin(np.arange(16), [0, 1, 15])
    spectrum = np.fft.fft2(damage.restore_measured(guess, damage.measure(truth, lines), lines), norm="ortho")
    np.testing.assert_allclose(spectrum[lines], np.fft.fft2(truth, norm="ortho")[lines], atol=1e-9)
    np.testing.assert_allclose(spectrum[~lines], np.fft.fft2(guess, norm="ortho")[~lines], atol=1e-9)


def test_classical_methods_halve_the_error(clean, rng):
    def error(picture):
        return np.square(picture - clean).mean()

    noisy = damage.rician(rng, clean, 0.1)
    for name, denoise in damage.DENOISERS.items():
        assert error(denoise(noisy, 0.1)) < 0.5 * error(noisy), name
    lines = damage.sampling_lines(rng, 64, 4)
    known = damage.measure(clean, lines)
    assert error(damage.tv_reconstruction(known, lines)) < 0.5 * error(damage.zero_filled(known))
