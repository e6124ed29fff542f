"""Drawn tumours against the patients' statistics they stand for."""

import numpy as np
import pytest

from brats_lib.phantom import draw_case


@pytest.fixture(scope="module")
def draws():
    return [draw_case(0, index) for index in range(2000)]


@pytest.mark.parametrize(
    ("region", "millilitres", "tolerance"), [("whole_ml", 90, 0.06), ("core_ml", 33, 0.10), ("enhancing_ml", 15, 0.15)]
)
def test_median_volumes_are_the_patients(draws, region, millilitres, tolerance):
    median = np.median([getattr(draw, region) for draw in draws])
    assert median == pytest.approx(millilitres, rel=tolerance)


@pytest.mark.parametrize(("probability", "millilitres"), [(0.1, 28.3), (0.25, 50.2), (0.75, 144.4), (0.9, 176.1)])
def test_whole_tumours_spread_like_the_patients(draws, probability, millilitres):
    assert np.quantile([draw.whole_ml for draw in draws], probability) == pytest.approx(millilitres, rel=0.1)


def test_seven_percent_have_no_enhancement(draws):
    share = np.mean([draw.enhancing_ml == 0 for draw in draws])
    assert 0.05 < share < 0.09


def test_core_takes_half_of_what_does_not_enhance(draws):
    shares = [draw.core_ml / draw.whole_ml for draw in draws if draw.enhancing_ml == 0]
    # Quantiles of the 28 patients without enhancement.
    assert np.quantile(shares, [0.25, 0.5, 0.75]) == pytest.approx([0.41, 0.54, 0.68], abs=0.08)


def test_a_fifth_is_low_grade(draws):
    # BraTS 2020: 76 of 369.
    assert np.mean([draw.grade == "LGG" for draw in draws]) == pytest.approx(0.206, abs=0.03)


def test_regions_nest(draws):
    for draw in draws:
        assert 0 <= draw.enhancing_ml < draw.core_ml < draw.whole_ml


def test_large_tumours_have_large_cores(draws):
    volumes = np.log([[draw.whole_ml, draw.core_ml] for draw in draws])
    # 0.77 among the 368 patients.
    assert np.corrcoef(volumes.T)[0, 1] == pytest.approx(0.77, abs=0.07)


def test_positions_lie_in_both_hemispheres_off_the_midplane(draws):
    x = np.array([draw.centres[0][0] for draw in draws])
    assert np.mean(x > 120) == pytest.approx(0.5, abs=0.04)
    assert np.mean(np.abs(x - 120)) == pytest.approx(28.6, abs=1.5)


def test_stretch_keeps_volume(draws):
    for draw in draws[:50]:
        assert np.prod(draw.stretch) == pytest.approx(1)


def test_same_seed_and_index_draw_the_same_tumour():
    assert draw_case(3, 5) == draw_case(3, 5)
    assert draw_case(3, 5) != draw_case(3, 6)
    assert draw_case(3, 5) != draw_case(4, 5)
