"""Numbers of mask files become the labels that they stand for, or are refused; a brain is never taken for a tumour."""

import nibabel as nib
import numpy as np
import pytest
from conftest import tiny_volumes, write_case
from heads import save, write_nifti

from brats_lib.cases import Case, Cohort
from brats_lib.errors import BratsError
from brats_lib.labels import ET

NAME = "BraTS20_Training_001"
MASK = tiny_volumes(0)[1]


@pytest.fixture
def case(tmp_path):
    write_case(tmp_path, NAME)
    return Cohort.find(tmp_path)[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
def test_masks_that_nibabel_saved_with_a_slope_keep_their_labels(case, dtype):
    """Edited as floats and saved with an integer header, 1 comes back as 1.0039 or 0.99998 (nibabel issue 1344)."""
    image = nib.load(case.mask_file)
    image.set_data_dtype(dtype)
    nib.save(nib.Nifti1Image(image.get_fdata(), image.affine, image.header), case.mask_file)
    assert nib.load(case.mask_file).dataobj.slope != 1
    np.testing.assert_array_equal(case.mask(), MASK)


@pytest.mark.parametrize(
    ("numbers", "slope", "intercept"),
    [
        (MASK * 2, 0.5, 0),
        (4 - MASK, -1, 4),
        (MASK.astype(">i2"), 1, 0),
        (MASK.astype(np.float32) + np.float32(1e-4), 1, 0),
        (MASK.astype(np.float64), 0, 7),  # a slope of 0 means none
    ],
    ids=["half", "negative", "big-endian", "near", "none"],
)
def test_numbers_count_as_their_header_scales_them(case, numbers, slope, intercept):
    write_nifti(case.mask_file, numbers, scl_slope=slope, scl_inter=intercept)
    np.testing.assert_array_equal(case.mask(), MASK)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.5, "the mask holds 0.5.*nearest neighbour"),
        (np.nan, "1 voxels of the mask are NaN or infinite.*fslmaths"),
        (-1, "the mask holds -1; expected only 0, 1, 2, 4"),
        (1e30, r"the mask holds 1e\+30; expected only 0, 1, 2, 4"),
    ],
)
def test_what_is_near_no_label_is_refused(case, value, message):
    mask = MASK.astype(np.float32)
    mask[0, 0, 0] = value
    save(mask, case.mask_file)
    with pytest.raises(BratsError, match=message):
        case.mask()


def test_codes_of_another_data_set_are_named_and_not_guessed(case):
    with pytest.raises(BratsError, match="holds 4;.*In BraTS 2024 it is the resection cavity"):
        Case(NAME, case.files, case.mask_file, "brats2023").mask()
    save(np.where(MASK == ET, 3, MASK).astype(np.uint8), case.mask_file)
    with pytest.raises(BratsError, match=r"holds 3;.*BraTS 2023 naming \(1 = NCR, 2 = ED, 3 = ET\) or MSD.*1 = ED"):
        case.mask()


def test_labels_of_the_years_before_2017_are_merged(case):
    """3 was the core that does not enhance, which is in one label with necrosis since."""
    old = np.where((MASK == 1) & (np.indices(MASK.shape)[0] % 2 == 0), 3, MASK).astype(np.uint8)
    assert (old == 3).any()
    save(old, case.mask_file)
    np.testing.assert_array_equal(Case(NAME, case.files, case.mask_file, "brats2015").mask(), MASK)


@pytest.mark.parametrize("layers", [1, 2], ids=["brain", "tissues as FSL FAST writes them"])
def test_a_mask_of_the_brain_is_no_tumour_under_any_name(case, layers):
    brain = tiny_volumes(0)[0]["flair"] > 0
    save(np.where(brain, np.indices(brain.shape)[0] % layers + 1, 0).astype(np.uint8), case.mask_file)
    with pytest.raises(BratsError, match="_seg.nii.gz: it marks .* mL, 100 % of what is not 0.*mask of the brain"):
        case.mask()


def test_a_brain_of_700_ml_is_found_where_the_image_has_no_background(tmp_path):
    """With noise around the head, the brain is a small part of what is not 0: 100 x 90 x 80 mm are 720 mL."""
    mask = np.zeros((200, 200, 150), np.uint8)
    mask[50:150, 50:140, 30:110] = 1
    save(np.ones_like(mask), tmp_path / "X_flair.nii")
    save(mask, tmp_path / "X_seg.nii")
    with pytest.raises(BratsError, match="it marks 720 mL"):
        Cohort.find(tmp_path)[0].mask()


def test_the_largest_tumours_are_no_brains(tmp_path):
    """A ball of 44 mm radius has 357 mL, as the largest of BraTS 2020, here in a brain of 1150 mL."""
    axes = np.meshgrid(*(np.arange(n) - n / 2 for n in (150, 150, 140)), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    save((radius < 65).astype(np.uint8), tmp_path / "X_flair.nii")
    save((2 * (radius < 44)).astype(np.uint8), tmp_path / "X_seg.nii")
    assert np.count_nonzero(Cohort.find(tmp_path)[0].mask() == 2) == pytest.approx(357_000, rel=0.01)
