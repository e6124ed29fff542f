"""Drawn tumours against the patients' statistics they stand for."""

import numpy as np
import pytest

from brats_lib.phantom import draw_case


@pytest.fixture(scope="module")
def draws():
    return [draw_case(0, index) for index in range(2000)]


def test_volumes_are_the_patients_and_a_fifth_is_low_grade(draws):
    for region, millilitres, tolerance in (("whole_ml", 90, 0.06), ("core_ml", 33, 0.10), ("enhancing_ml", 15, 0.15)):
        assert np.median([getattr(draw, region) for draw in draws]) == pytest.approx(millilitres, rel=tolerance)
    quantiles = np.quantile([draw.whole_ml for draw in draws], [0.1, 0.25, 0.75, 0.9])
    assert quantiles == pytest.approx([28.3, 50.2, 144.4, 176.1], rel=0.1)
    # BraTS 2020: 76 of 369.
    assert np.mean([draw.grade == "LGG" for draw in draws]) == pytest.approx(0.206, abs=0.03)


def test_seven_percent_have_no_enhancement_and_their_core_takes_half(draws):
    shares = [draw.core_ml / draw.whole_ml for draw in draws if draw.enhancing_ml == 0]
    assert 0.05 < len(shares) / len(draws) < 0.09
    # Quantiles of the 28 patients without enhancement.
    assert np.quantile(shares, [0.25, 0.5, 0.75]) == pytest.approx([0.41, 0.54, 0.68], abs=0.08)


def test_regions_nest_and_large_tumours_have_large_cores(draws):
    assert all(0 <= draw.enhancing_ml < draw.core_ml < draw.whole_ml for draw in draws)
    volumes = np.log([[draw.whole_ml, draw.core_ml] for draw in draws])
    # 0.77 among the 368 patients.
    assert np.corrcoef(volumes.T)[0, 1] == pytest.approx(0.77, abs=0.07)


def test_positions_lie_in_both_hemispheres_off_the_midplane_and_stretch_leaves_the_volume(draws):
    x = np.array([draw.centres[0][0] for draw in draws])
    assert np.mean(x > 120) == pytest.approx(0.5, abs=0.04)
    assert np.mean(np.abs(x - 120)) == pytest.approx(28.6, abs=1.5)
    assert np.prod([draw.stretch for draw in draws], axis=1) == pytest.approx(1)
