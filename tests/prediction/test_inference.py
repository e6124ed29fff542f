"""Inference brings probabilities back to the case's own grid before it chooses classes."""

from dataclasses import replace
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from conftest import LPS_AFFINE, tiny_volumes, write_case
from painted import Reader

from brats_lib.cases import MODALITIES, Cohort
from brats_lib.errors import BratsError
from brats_lib.labels import LABELS, REGIONS, one_hot, to_classes
from brats_lib.prediction.inference import predict_stack, segment_case, to_case_grid, window_places
from brats_lib.prediction.networks import Network
from brats_lib.recipes import NATIVE, PLANES, PUBLISHED, DecisionRule
from brats_lib.slices.preprocess import resize_labels
from brats_lib.slices.stacks import make_stack

RECIPE = replace(PUBLISHED, first_slice=4, stop_slice=32, size=24)
SHAPE = (48, 40, 36)


def test_each_slice_returns_to_its_own_height_and_outside_is_background_with_certainty():
    probabilities = np.zeros((28, 24, 24, 4), np.float32)
    probabilities[..., 3] = 1
    probabilities[10] = (0, 0, 1, 0)
    native = to_case_grid(probabilities, SHAPE, RECIPE)
    expected = np.zeros((36, 4))
    expected[:, 3] = 1
    expected[14] = (0, 0, 1, 0)
    expected[[*range(4), *range(32, 36)]] = (1, 0, 0, 0)
    np.testing.assert_array_equal(native, np.broadcast_to(expected, (*SHAPE, 4)))


def test_a_perfect_network_loses_little_at_half_resolution():
    volumes, truth = tiny_volumes()
    classes = to_classes(np.moveaxis(truth, 2, 0)[RECIPE.first_slice : RECIPE.stop_slice])
    perfect = SimpleNamespace(predict=lambda images, **_: one_hot(resize_labels(classes, (24, 24))))
    case = SimpleNamespace(name="case", shape=SHAPE, affine=LPS_AFFINE)
    mask = segment_case(case, Network(perfect, RECIPE), volumes).mask
    found, true = mask > 0, truth > 0
    assert 2 * np.sum(found & true) / (found.sum() + true.sum()) > 0.95
    assert set(np.unique(mask)) <= set(LABELS)
    assert mask.shape == SHAPE and mask.dtype == np.uint8


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("window", [(72, 56), (160, 120)])
def test_mean_over_planes_windows_and_mirrorings_is_in_place(flips, window):
    recipe, rule = replace(NATIVE, planes=tuple(PLANES)), DecisionRule(flips=flips, window=window)
    volumes, _ = tiny_volumes(shape=(90, 70, 66))
    stack = make_stack("case", [volumes[modality] for modality in recipe.modalities])
    reader = Reader()
    reader.levels = (0.5, 1.0, 1.5)
    found = predict_stack(Network(reader, recipe, rule), stack)
    # All batches have one size, or Keras would compile anew; windows lie and stand.
    assert {shape[1:3] for shape in reader.batches} <= {window, window[::-1]} and len(reader.batches) <= 2
    flair = stack.images[..., 0].astype(np.float32)
    # Shares of windows add up to 1 within rounding.
    np.testing.assert_allclose(found, np.stack([flair > level for level in reader.levels], -1), atol=1e-6)


@pytest.mark.parametrize(
    ("size", "corners"),
    # Sides of 120 that overlap by 48 go on by 72 at most: two windows up to 192.
    [
        ((90, 90), [(0, 0)]),
        ((90, 120), [(0, 0)]),
        ((90, 121), [(0, 0), (0, 1)]),
        ((90, 192), [(0, 0), (0, 72)]),
        ((90, 240), [(0, 0), (0, 60), (0, 120)]),
        ((240, 90), [(0, 0), (60, 0), (120, 0)]),
        ((170, 200), [(0, 0), (0, 40), (0, 80), (10, 0), (10, 40), (10, 80)]),
    ],
)
def test_windows_cover_a_slice_and_overlap(size, corners):
    """Windows of 160 x 120 have their long side along the short one of the slice, whichever that is."""
    height, width = (160, 120) if size[0] <= size[1] else (120, 160)
    expected = [(slice(top, top + height), slice(left, left + width)) for top, left in corners]
    assert window_places(size, (160, 120)) == expected


def test_case_gets_labels_on_its_own_grid_and_regions_beside_them():
    flair = np.zeros((20, 18, 16), np.float32)
    flair[2:18, 2:16, 2:14] = 1
    for side, value in ((6, 4), (4, 8), (2, 16)):
        flair[8 : 8 + side, 8 : 8 + side, 6 : 6 + side] = value
    case = SimpleNamespace(name="case", shape=flair.shape, affine=LPS_AFFINE)
    volumes = dict.fromkeys(NATIVE.modalities, flair)
    reader, recipe = Reader(), replace(NATIVE, clip=(-4.0, 10.0))
    # Mean 1.36, standard deviation 1.44: intensities 1, 4, 8 and 16 become -0.25, 1.8, 4.6 and 10.2.
    reader.levels = (1.0, 3.0, 5.0)
    prediction = segment_case(case, Network(reader, recipe), volumes)
    assert prediction.mask.shape == case.shape and prediction.channels == tuple(REGIONS)
    assert [(prediction.mask == label).sum() for label in LABELS] == [20 * 18 * 16 - 216, 64 - 8, 216 - 64, 8]
    assert prediction.region("TC").sum() == 64
    # The eight voxels of 1 mm that enhance go where the rule says so.
    strict = Network(reader, recipe, DecisionRule(smallest_et_ml=0.009))
    assert not (segment_case(case, strict, volumes).mask == 4).any()


def test_images_that_are_read_later_must_lie_where_the_first_do(tmp_path):
    path = write_case(tmp_path, "Case") / "Case_t1.nii.gz"
    moved = LPS_AFFINE.copy()
    moved[0, 3] += 12
    nib.save(nib.Nifti1Image(np.asanyarray(nib.load(path).dataobj), moved), path)
    case = Cohort.find(tmp_path)[0]
    network = Network(None, replace(NATIVE, modalities=MODALITIES))
    with pytest.raises(BratsError, match="t1.nii.gz: its affine puts it 12.0 mm away"):
        segment_case(case, network, case.volumes(("flair", "t1ce")))
