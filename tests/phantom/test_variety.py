"""The wider population: what it changes, and that what is not widened stays as it was."""

from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from brats_lib.labels import ED, ET
from brats_lib.phantom import PATIENTS, WIDE, Variety
from brats_lib.phantom.anatomy import Head
from brats_lib.phantom.contrast import draw_contrast
from brats_lib.phantom.distractors import tumour_vessels
from brats_lib.phantom.population import draw_tumour
from brats_lib.phantom.streams import generators
from brats_lib.phantom.tumour import draw_growth, draw_infiltration, grow


def test_wide_tumours_are_small_and_without_enhancement_more_often():
    patients, wide = ([draw_tumour(np.random.default_rng(n), wide) for n in range(1500)] for wide in (False, True))
    # Of the patients 2 % have less than 15 mL. Half of the wide ones are log-uniform in 3-260 mL, of which
    # ln(15/3) / ln(260/3) = 36 % are below 15 mL: 0.5 * 0.36 + 0.5 * 0.02 = 19 %.
    assert np.mean([t.whole_ml < 15 for t in patients]) == pytest.approx(0.02, abs=0.012)
    assert np.mean([t.whole_ml < 15 for t in wide]) == pytest.approx(0.19, abs=0.03)
    assert np.mean([t.enhancing_ml == 0 for t in wide]) == pytest.approx(0.25, abs=0.04)
    assert max(t.core_ml / t.whole_ml for t in wide) < 0.9501


def test_wide_lesions_are_faint_more_often():
    for wide, share in ((False, 0.15), (True, 0.4)):
        faint = [draw_contrast(np.random.default_rng(n), "HGG", wide)["patient"]["faint"] for n in range(1500)]
        assert np.mean(faint) == pytest.approx(share, abs=0.04)


def test_zones_add_a_cyst_between_fluid_and_the_rest_and_leave_the_other_tissues_alone():
    plain, zoned = (draw_contrast(np.random.default_rng(4), "HGG", zones=zones) for zones in (False, True))
    for modality in ("flair", "t1", "t2"):
        for name in ("grey", "fluid", "edema", "core", "enhancement", "halo"):
            assert zoned[modality][name] == plain[modality][name]
    low, high = sorted((0.3, zoned["flair"]["core"]))
    assert low <= zoned["flair"]["cyst"] <= high


def test_names_say_what_is_wider():
    assert PATIENTS.name == Variety().name == "patients"
    assert WIDE.name == "wide"
    assert Variety(zones=True, heads=True).name == "wider-zones-heads"


def test_infiltrating_tumours_grow_into_grey_matter_and_are_no_larger():
    rng = generators(0, 5, "cohort")
    tumour, head = draw_tumour(rng["tumour"]), Head(rng["head"])
    growth = draw_growth(rng["growth"], tumour, head)
    shares, sizes = [], []
    with threadpool_limits(limits=1):
        anatomy = head.draw(rng["anatomy"], push=growth.push)
        for infiltration in (0.0, 1.0):
            growth.parameters["infiltration"] = infiltration
            mask = grow(generators(0, 5, "cohort")["lesion"], growth, deepcopy(anatomy)).mask
            shares.append(anatomy.grey[mask > 0].mean())
            sizes.append(np.count_nonzero(mask))
    assert shares[1] > 1.3 * shares[0]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.01)


def test_every_other_tumour_infiltrates():
    drawn = np.array([draw_infiltration(np.random.default_rng(seed)) for seed in range(1000)])
    assert np.mean(drawn > 0) == pytest.approx(0.5, abs=0.05)
    assert drawn[drawn > 0].min() >= 0.4
    assert drawn.max() <= 1


def test_vessels_run_through_the_core_of_a_tumour_that_does_not_enhance_and_nowhere_else():
    core = np.zeros((30, 20, 20), np.float32)
    core[5:25] = 1
    for label, some in ((ED, True), (ET, False)):
        lesion = SimpleNamespace(mask=np.full(core.shape, label), box=(slice(None),) * 3, core=core, edema=core)
        vessels = tumour_vessels(np.random.default_rng(0), lesion, {"vessels": 4.0})
        assert vessels[5:25].any() == some
        assert not vessels[core == 0].any()
