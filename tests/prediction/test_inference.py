"""Inference brings probabilities back to the case's own grid before it chooses classes."""

from dataclasses import replace
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from conftest import LPS_AFFINE, tiny_volumes, write_case

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


class PerfectNetwork:
    """Answers with the true classes of a case, resized as a network would see them."""

    def __init__(self, mask):
        classes = to_classes(np.moveaxis(mask, 2, 0)[RECIPE.first_slice : RECIPE.stop_slice])
        self.answer = one_hot(resize_labels(classes, (24, 24)))

    def predict(self, images, batch_size, verbose):
        return self.answer


def test_each_slice_returns_to_its_own_height_and_outside_is_background_with_certainty():
    probabilities = np.zeros((28, 24, 24, 4), np.float32)
    probabilities[..., 3] = 1
    native = to_case_grid(probabilities, SHAPE, RECIPE)
    assert native.shape == (*SHAPE, 4)
    assert (native[:, :, :4, 0] == 1).all() and (native[:, :, 32:, 0] == 1).all()
    assert (native[:, :, 4:32, 3] == 1).all() and (native[:, :, 4:32, 0] == 0).all()
    probabilities[10] = (0, 0, 1, 0)
    found = np.flatnonzero(to_case_grid(probabilities, SHAPE, RECIPE)[..., 2].any(axis=(0, 1)))
    assert found.tolist() == [14]


def test_a_perfect_network_loses_little_at_half_resolution():
    volumes, truth = tiny_volumes()
    case = SimpleNamespace(name="case", shape=SHAPE, affine=LPS_AFFINE)
    prediction = segment_case(case, Network(PerfectNetwork(truth), RECIPE), volumes)
    found, true = prediction.mask > 0, truth > 0
    assert 2 * np.sum(found & true) / (found.sum() + true.sum()) > 0.95
    assert set(np.unique(prediction.mask)) <= set(LABELS)
    assert prediction.mask.shape == SHAPE and prediction.mask.dtype == np.uint8


class Reader:
    """A network that answers pixel by pixel: a region where FLAIR of the middle slice exceeds a level of its own."""

    levels = (0.5, 1.0, 1.5)

    def __init__(self, recipe):
        self.middle = recipe.neighbours * len(recipe.modalities)
        self.batches = set()

    def predict_on_batch(self, images):
        self.batches.add(images.shape)
        flair = images[..., self.middle]
        return np.stack([(flair > level).astype(np.float32) for level in self.levels], axis=-1)


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("window", [(72, 56), (160, 120)])
def test_mean_over_planes_windows_and_mirrorings_is_in_place(flips, window):
    recipe, rule = replace(NATIVE, planes=tuple(PLANES)), DecisionRule(flips=flips, window=window)
    volumes, _ = tiny_volumes(shape=(90, 70, 66))
    stack = make_stack("case", [volumes[modality] for modality in recipe.modalities])
    reader = Reader(recipe)
    found = predict_stack(Network(reader, recipe, rule), stack)
    # All batches have one size, or Keras would compile anew; windows lie and stand.
    assert {shape[1:3] for shape in reader.batches} <= {window, window[::-1]} and len({*reader.batches}) <= 2
    flair = stack.images[..., 0].astype(np.float32)
    # Shares of windows add up to 1 within rounding.
    np.testing.assert_allclose(found, np.stack([flair > level for level in Reader.levels], -1), atol=1e-6)


@pytest.mark.parametrize(
    ("length", "starts"),
    # Sides of 120 that overlap by 48 go on by 72 at most: two windows up to 192.
    [(90, [0]), (120, [0]), (121, [0, 1]), (181, [0, 61]), (192, [0, 72]), (240, [0, 60, 120])],
)
def test_windows_cover_the_long_side_of_a_slice_and_overlap(length, starts):
    """Windows of 160 x 120 span the short side, whichever that is."""
    expected = [(slice(0, 160), slice(start, start + 120)) for start in starts]
    assert window_places((90, length), (160, 120)) == expected
    if length > 90:
        assert window_places((length, 90), (160, 120)) == [place[::-1] for place in expected]


def test_windows_of_a_large_head_lie_in_a_grid():
    starts = [(down.start, across.start) for down, across in window_places((170, 200), (160, 120))]
    assert starts == [(down, across) for down in (0, 10) for across in (0, 40, 80)]


def nested_cubes():
    """A case, and a FLAIR that says where its regions are."""
    flair = np.zeros((20, 18, 16), np.float32)
    flair[2:18, 2:16, 2:14] = 1
    for side, value in ((6, 4), (4, 8), (2, 16)):
        flair[8 : 8 + side, 8 : 8 + side, 6 : 6 + side] = value
    case = SimpleNamespace(name="case", shape=flair.shape, affine=LPS_AFFINE)
    return case, {modality: flair for modality in NATIVE.modalities}


def test_case_gets_labels_on_its_own_grid_and_regions_beside_them():
    reader, (case, volumes) = Reader(NATIVE), nested_cubes()
    # Mean 1.36, standard deviation 1.44: intensities 1, 4, 8 and 16 become -0.25, 1.8, 4.6 and 10.2.
    reader.levels = (1.0, 3.0, 5.0)
    prediction = segment_case(case, Network(reader, replace(NATIVE, clip=(-4.0, 10.0))), volumes)
    assert prediction.mask.shape == case.shape and prediction.channels == tuple(REGIONS)
    assert [(prediction.mask == label).sum() for label in LABELS] == [20 * 18 * 16 - 216, 64 - 8, 216 - 64, 8]
    assert prediction.region("TC").sum() == 64
    # The eight voxels of 1 mm that enhance go where the rule says so.
    for smallest, kept in ((0.009, 0), (0.008, 8)):
        network = Network(reader, replace(NATIVE, clip=(-4.0, 10.0)), DecisionRule(smallest_et_ml=smallest))
        assert (segment_case(case, network, volumes).mask == 4).sum() == kept


def test_images_that_are_read_later_must_lie_where_the_first_do(tmp_path):
    folder = write_case(tmp_path, "Case")
    path = folder / "Case_t1.nii.gz"
    moved = LPS_AFFINE.copy()
    moved[0, 3] += 12
    nib.save(nib.Nifti1Image(np.asanyarray(nib.load(path).dataobj), moved), path)
    case = Cohort.find(tmp_path)[0]
    network = Network(None, replace(NATIVE, modalities=MODALITIES))
    with pytest.raises(BratsError, match="t1.nii.gz: its affine puts it 12.0 mm away"):
        segment_case(case, network, case.volumes(("flair", "t1ce")))
