"""One full-size phantom: what it holds, and that it looks like MRI where that can be measured."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from brats_lib.labels import ED, ET, LABELS, NCR, region
from brats_lib.phantom import draw_case, simulate, tumour
from brats_lib.phantom.scanner import scan

INDEX = 5


@pytest.fixture(scope="module")
def phantom():
    return simulate(0, INDEX, stream="training")


@pytest.fixture(scope="module")
def brain(phantom):
    return phantom.volumes["t1"] > 0


def test_same_seed_gives_the_same_bytes_and_the_rim_where_distances_are_taken_in_the_whole_volume(phantom, monkeypatch):
    # The distances are taken around the core alone, which must save time and nothing else.
    monkeypatch.setattr(tumour, "_around", lambda region, margin: tuple(slice(None) for _ in region.shape))
    again = simulate(0, INDEX, stream="training")
    for name, volume in phantom.volumes.items():
        np.testing.assert_array_equal(again.volumes[name], volume)
    np.testing.assert_array_equal(again.mask, phantom.mask)
    assert again.parameters == phantom.parameters


def test_volumes_and_labels_have_the_form_of_brats(phantom, brain):
    assert list(phantom.volumes) == ["flair", "t1", "t1ce", "t2"]
    for volume in phantom.volumes.values():
        assert (volume.shape, volume.dtype, volume.min()) == ((240, 240, 155), np.int16, 0)
        np.testing.assert_array_equal(volume > 0, brain)
    assert (phantom.mask.shape, phantom.mask.dtype) == ((240, 240, 155), np.uint8)
    assert set(np.unique(phantom.mask)) == set(LABELS)
    assert not (phantom.mask[~brain] > 0).any()
    assert ndimage.label(brain)[1] == 1
    # Skull-stripped BraTS brains have 1.2 to 1.7 litres.
    assert 1.15e6 < brain.sum() < 1.75e6
    assert json.loads(json.dumps(phantom.parameters)) == phantom.parameters


def test_drawn_volumes_are_reached(phantom):
    for name, drawn in (("WT", "whole_ml"), ("TC", "core_ml"), ("ET", "enhancing_ml")):
        found = region(phantom.mask, name).sum() / 1000
        assert found == pytest.approx(phantom.parameters["tumour"][drawn], rel=0.02)


def test_a_given_tumour_grows_in_the_head_of_the_seed_instead_of_the_one_that_is_drawn(phantom):
    drawn = draw_case(0, INDEX, stream="training")
    own = replace(drawn, whole_ml=6.0, core_ml=3.0, enhancing_ml=0.0, grade="LGG")
    given = simulate(0, INDEX, stream="training", tumour=own)
    volumes = [region(given.mask, name).sum() / 1000 for name in ("WT", "TC", "ET")]
    assert volumes == pytest.approx([6, 3, 0], rel=0.02) and given.grade == "LGG"
    assert given.parameters["head"] == phantom.parameters["head"]
    assert given.parameters["tumour"] == own.parameters() != phantom.parameters["tumour"]


def test_tissues_have_the_contrast_of_each_modality(phantom, brain):
    healthy = ndimage.binary_erosion(brain, iterations=5) & ~ndimage.binary_dilation(phantom.mask > 0, iterations=6)
    t1, t2 = (ndimage.gaussian_filter(phantom.volumes[name].astype(float), 0.7)[healthy] for name in ("t1", "t2"))
    # White matter, grey matter and fluid as percentiles of the T2 volume tell them apart, and as those of T1 do.
    by_t2 = t2, [(0, 35), (50, 75), (95, 100)]
    by_t1 = t1, [(75, 100), (15, 35), (0, 3)]

    def means(modality, guide, limits):
        bounds = np.percentile(guide, limits)
        return [phantom.volumes[modality][healthy][(low < guide) & (guide < high)].mean() for low, high in bounds]

    for modality in ("t1", "t1ce"):
        white, grey, fluid = means(modality, *by_t2)
        assert white > 1.05 * grey and grey > 1.3 * fluid
    white, grey, fluid = means("t2", *by_t1)
    assert fluid > 1.8 * grey and grey > 1.05 * white
    white, grey, fluid = means("flair", *by_t1)
    assert grey > 1.05 * white and fluid < 0.7 * white


def test_edema_shows_on_flair_and_enhancement_on_t1ce_and_all_is_uneven(phantom, brain):
    mask = phantom.mask
    healthy = brain & (mask == 0)
    flair, t1, t1ce = (phantom.volumes[m].astype(float) for m in ("flair", "t1", "t1ce"))
    assert flair[mask == ED].mean() > 1.2 * np.median(flair[healthy])
    gain = np.median(t1ce[healthy]) / np.median(t1[healthy])
    assert t1ce[mask == ET].mean() > 1.1 * gain * t1[mask == ET].mean()
    assert t1ce[mask == ET].mean() > t1ce[mask == NCR].mean()
    for volume in (flair, t1, t1ce):
        assert np.median(np.abs(ndimage.laplace(volume))[healthy]) > 0.01 * volume[healthy].mean()
        for label in (ED, NCR, ET):
            assert volume[mask == label].std() > 0.02 * volume[mask == label].mean()


def surface(region):
    return region & ~ndimage.binary_erosion(region)


def test_enhancing_rim_encloses_the_necrosis(phantom):
    assert phantom.parameters["growth"]["enhancement"] == "rim"
    core = region(phantom.mask, "TC")
    # .99 to 1.00 of the core's surface enhances in the seven enhancing cases of BraTS 2021 that we looked at.
    assert (phantom.mask[surface(core)] == ET).mean() > 0.98
    depth = ndimage.distance_transform_edt(core)
    assert np.percentile(depth[phantom.mask == NCR], 10) > 2


def test_signal_rises_inside_the_outline(phantom):
    values = phantom.volumes["t1ce"].astype(float)
    depth = ndimage.distance_transform_edt(phantom.mask == ET)
    edema = np.median(values[phantom.mask == ED])
    inner = np.median(values[depth >= 2])
    outermost = np.median(values[depth == 1])
    # .29 to .53 of the way up in those cases; an outline half way up of a blurred edge gives .6 and more.
    assert 0.15 < (outermost - edema) / (inner - edema) < 0.6


def test_coil_brightens_what_lies_next_to_it():
    image, brain = np.ones((60, 80, 50), np.float32), np.ones((60, 80, 50), bool)
    quiet = {"blur_mm": 0.3, "thick_axis": None, "thickness_mm": 1.0, "noise": 0.0, "bias": 0.0, "gain": 1000.0}
    still, coil = (
        scan(np.random.default_rng(0), image, brain, quiet | {"coil": coil, "coil_direction": [0.0, 1.0, 0.0]})
        for coil in (0.0, 0.5)
    )
    # At the wall behind the middle the bell is 1, at the wall opposite exp(-.5 (80 / 35)^2) = .073.
    assert still[30, 79, 25] == pytest.approx(1000, abs=2)
    assert coil[30, 79, 25] == pytest.approx(1500, abs=5)
    assert coil[30, 0, 25] == pytest.approx(1037, abs=5)
