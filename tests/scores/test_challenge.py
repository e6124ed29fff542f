"""HD95 against MedPy and by hand; counts against plain set arithmetic; every empty case."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from brats_lib.labels import ED, ET, NCR, SCORED, region
from brats_lib.scores.challenge import COLUMNS, hd95, score_mask, score_region

medpy = pytest.importorskip("medpy.metric.binary")
MM = (1.0, 1.0, 1.0)


def blob(seed, shape=(30, 28, 22)):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    return noise > np.quantile(noise, 0.85)


def box(shape, *edges):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*edge) for edge in edges)] = True
    return mask


CUBE, SLICE = (9, 9, 9), (9, 9, 1)
PAIRS = {
    "blobs": (blob(0), blob(100)),
    "at the border": (box(CUBE, (0, 4), (0, 9), (5, 9)), box(CUBE, (3, 9), (2, 5), (0, 9))),
    "fills the volume": (np.ones(CUBE, bool), box(CUBE, (4, 5), (4, 5), (4, 5))),
    "single voxels in corners": (box(CUBE, (0, 1), (0, 1), (0, 1)), box(CUBE, (8, 9), (8, 9), (8, 9))),
    "one slice": (box(SLICE, (2, 7), (2, 7)), box(SLICE, (3, 9), (3, 9))),
    "stray voxels": (blob(7), blob(7) | (np.random.default_rng(7).random((30, 28, 22)) < 0.01)),
}


@pytest.mark.parametrize("spacing", [MM, (0.7, 1.0, 5.0)])
@pytest.mark.parametrize(("a", "b"), PAIRS.values(), ids=list(PAIRS))
def test_hd95_equals_medpy(a, b, spacing):
    assert hd95(a, b, spacing) == pytest.approx(medpy.hd95(a, b, spacing), abs=1e-9)
    assert hd95(b, a, spacing) == hd95(a, b, spacing)


def test_hd95_pools_both_directions():
    # a is one voxel, b a line of 21 from it: pool of 0 and 0..20, 22 distances. Its 95th percentile lies at rank
    # 0.95 * 21 = 19.95 of 0,0,1,...,20: between 18 + 1 and 20 at 0.95, so 18.95. The directed ones are 0 and 19.
    a, b = np.zeros((2, 30, 3, 3), bool)
    a[2, 1, 1], b[2:23, 1, 1] = True, True
    assert hd95(a, b, MM) == pytest.approx(18.95)
    assert hd95(a, b, (2.0, 5.0, 9.0)) == pytest.approx(2 * 18.95)


def test_score_region_by_hand():
    truth, prediction = box((10, 10, 10), (0, 4), (0, 5), (0, 5)), box((10, 10, 10), (2, 5), (0, 5), (0, 5))
    # 100 true voxels, 75 predicted, 50 common, 875 in neither.
    scores = score_region(prediction, truth, MM)
    del scores["hd95_mm"]
    assert scores == pytest.approx({
        "dice": 100 / 175, "iou": 50 / 125, "sensitivity": 0.5, "precision": 50 / 75, "specificity": 875 / 900
    })  # fmt: skip


PERFECT = {"dice": 1, "iou": 1, "sensitivity": 1, "specificity": 1, "precision": 1, "hd95_mm": 0}
WORST = {"dice": 0, "iou": 0, "sensitivity": 0, "precision": 0, "hd95_mm": pytest.approx(373.12866, abs=1e-5)}
NOTHING, SOME = np.zeros((10, 10, 10), bool), box((10, 10, 10), (0, 2), (0, 5), (0, 10))
EVERYTHING = ~NOTHING


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        (NOTHING, NOTHING, PERFECT),
        (NOTHING, SOME, WORST | {"specificity": 1}),
        (SOME, NOTHING, WORST | {"specificity": 0.9}),
        (EVERYTHING, EVERYTHING, PERFECT),
        (EVERYTHING, NOTHING, WORST | {"specificity": 0}),
        (NOTHING, EVERYTHING, WORST | {"specificity": 0}),
    ],
    ids=["both empty", "missed", "invented", "whole volume", "invented everywhere", "missed everywhere"],
)
def test_empty_denominators_score_one_for_the_right_answer_and_zero_otherwise(prediction, truth, expected):
    assert score_region(prediction, truth, MM) == expected


def test_score_mask_agrees_with_each_region_scored_alone():
    truth, prediction = np.zeros((2, 24, 22, 20), np.uint8)
    for mask, shift in ((truth, 0), (prediction, 2)):
        mask[4 + shift : 16, 4:15, 3:14] = ED
        mask[6:13, 6:12, 5 + shift : 12] = ET
        mask[8:11, 8:11, 7:10] = NCR
    rows = score_mask(prediction, truth, (1.0, 0.9, 2.0))
    assert [row["region"] for row in rows] == ["WT", "TC", "ET", "NCR", "ED"]
    assert ("case", *rows[0]) == COLUMNS
    for row in rows:
        t, p = np.isin(truth, SCORED[row["region"]]), region(prediction, row["region"])
        assert row == {"region": row["region"], **score_region(p, t, (1.0, 0.9, 2.0))}
        assert row["specificity"] == pytest.approx((~t & ~p).sum() / (~t).sum())


def test_bad_input_is_refused():
    mask = np.ones((4, 4, 4), np.uint8)
    with pytest.raises(ValueError, match="shapes"):
        score_mask(mask, mask[:3], MM)
    with pytest.raises(ValueError, match="holds \\[3\\]"):
        score_mask(mask * 3, mask, MM)
