"""Reading into LPS, writing back, refusing what cannot be used, and fingerprints that cover every byte."""

import os
import time

import nibabel as nib
import numpy as np
import pytest
from conftest import LPS_AFFINE, tiny_volumes, write_case
from heads import save

from brats_lib.cases import MODALITIES, Case, Cohort
from brats_lib.cases.case import voxel_hash
from brats_lib.errors import BratsError


@pytest.fixture
def case(tmp_path):
    write_case(tmp_path / "tiny", "X")
    return Cohort.find(tmp_path / "tiny")[0]


@pytest.fixture
def t1ce():
    """T1ce of the case as float32; the head is around (24, 20, 18)."""
    return tiny_volumes(0)[0]["t1ce"].astype(np.float32)


def case_of(path, array, affine):
    """A case whose T1 and mask are one file."""
    save(array, path, affine)
    return Case("X", {"t1": path}, path)


def test_volumes_are_float32_and_belong_to_the_caller(case):
    volumes = case.volumes()
    assert tuple(volumes) == MODALITIES
    for volume in volumes.values():
        assert volume.dtype == np.float32 and volume.shape == case.shape == (48, 40, 36)
        volume += 1
    assert case.mask().dtype == np.uint8
    assert case.spacing == (1, 1, 1)
    np.testing.assert_array_equal(case.affine, LPS_AFFINE)


def test_ras_file_is_flipped_by_hand(tmp_path):
    """The first two axes run the other way, the third stays."""
    array = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    affine = np.diag([1.5, 2, 3, 1])
    affine[:3, 3] = 10, 20, 30
    case = case_of(tmp_path / "X.nii", array, affine)
    np.testing.assert_array_equal(case.volume("t1"), array[::-1, ::-1])
    # Voxel 0 of LPS is the far corner of RAS: 10 + 1.5, 20 + 2 * 2.
    np.testing.assert_allclose(case.affine, [[-1.5, 0, 0, 11.5], [0, -2, 0, 24], [0, 0, 3, 30], [0, 0, 0, 1]])


def test_permuted_axes_go_to_lps_and_back(tmp_path):
    """Stored (superior, left, anterior): LPS takes axes 1, 2 reversed, 0."""
    array = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4) % 3
    affine = np.array([[0, -1.0, 0, 5], [0, 0, 2, 6], [3, 0, 0, 7], [0, 0, 0, 1]])
    case = case_of(tmp_path / "X.nii", array, affine)
    expected = np.moveaxis(array, 0, 2)[:, ::-1]
    np.testing.assert_array_equal(case.mask(), expected)
    assert case.shape == (3, 4, 2) and case.spacing == (1, 2, 3)
    saved = nib.load(case.save_mask(expected, tmp_path / "out" / "X_seg.nii.gz"))
    np.testing.assert_array_equal(np.asarray(saved.dataobj), array)
    np.testing.assert_array_equal(saved.affine, affine)


def assert_comes_back(case, folder):
    """What is saved is what was read, on the same grid and without scaling."""
    image, flair = nib.load(case.mask_file), nib.load(case.files["flair"])
    saved = nib.load(case.save_mask(case.mask(), folder / "P.nii.gz"))
    np.testing.assert_array_equal(np.asarray(saved.dataobj), np.asarray(image.dataobj))
    np.testing.assert_array_equal(saved.affine, image.affine)
    assert saved.get_data_dtype() == np.uint8 and saved.header.get_slope_inter() in ((None, None), (1, 0))
    for code in ("qform_code", "sform_code", "xyzt_units"):
        assert saved.header[code] == flair.header[code]
    np.testing.assert_array_equal(case.read_mask_file(folder / "P.nii.gz"), case.mask())


def test_saved_mask_comes_back(case, tmp_path):
    assert_comes_back(case, tmp_path)


def test_real_case_reads_as_nibabel_does_and_comes_back(real_root, tmp_path):
    case = Cohort.find(real_root)[0]
    assert nib.aff2axcodes(case.affine) == ("L", "P", "S")
    np.testing.assert_array_equal(case.volume("flair"), nib.load(case.files["flair"]).get_fdata(dtype=np.float32))
    assert set(np.unique(case.mask())) == {0, 1, 2, 4}
    assert_comes_back(case, tmp_path)


def test_a_case_without_a_mask_can_be_read_and_is_not_among_the_labelled(tmp_path):
    write_case(tmp_path, "X", with_mask=False)
    cohort = Cohort.find(tmp_path)
    assert cohort[0].volume("t1").any() and not cohort[0].has_mask and len(cohort.labelled()) == 0
    with pytest.raises(BratsError, match=r"case X has no mask; expected a file \*_seg.nii.gz"):
        cohort[0].mask()


@pytest.mark.parametrize("role", ["t2", "mask"])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((48, 40, 35), r"shape is \(48, 40, 35\); expected \(48, 40, 36\) as in .*flair.nii.gz"),
        ((48, 40, 36, 2), "it holds 2 volumes"),
    ],
)
def test_other_shape_is_named_with_both_shapes(case, role, shape, message):
    save(np.zeros(shape, np.uint8), case.mask_file if role == "mask" else case.files[role])
    with pytest.raises(BratsError, match=message):
        case.mask() if role == "mask" else case.volume(role)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((24, 20, 18), np.nan, "1 of its voxels are NaN within the brain.*fslmaths"),
        ((3, 4, 5), np.inf, "1 of its voxels are infinite.*divided by zero"),
    ],
)
def test_values_that_nothing_can_be_computed_from_are_refused_with_their_cause(case, t1ce, place, value, message):
    t1ce[place] = value
    save(t1ce, case.files["t1ce"])
    with pytest.raises(BratsError, match=f"t1ce.nii.gz: {message}"):
        case.volume("t1ce")


def test_nan_around_the_brain_is_background_and_said(case, t1ce):
    t1ce[:2, 0, 0] = np.nan
    save(t1ce, case.files["t1ce"])
    remarks = []
    np.testing.assert_array_equal(case.volumes(("t1ce",), remarks)["t1ce"], np.nan_to_num(t1ce))
    assert remarks == ["X_t1ce.nii.gz: 2 of its voxels are NaN around the brain and were taken as 0"]


@pytest.mark.parametrize(("side", "fits"), [(2, True), (3, False)])
def test_where_nan_is_the_background_a_pocket_of_it_in_the_brain_is_too(case, t1ce, side, fits):
    """Eight voxels pass for liquid that a program masked; 27 are damage."""
    t1ce[t1ce == 0] = np.nan
    t1ce[20 : 20 + side, 20 : 20 + side, 18 : 18 + side] = np.nan
    save(t1ce, case.files["t1ce"])
    if fits:
        np.testing.assert_array_equal(case.volume("t1ce"), np.nan_to_num(t1ce))
    else:
        with pytest.raises(BratsError, match="27 of its voxels are NaN within the brain"):
            case.volume("t1ce")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied"), "may not be read.*chmod"),
        (OSError(5, "Input/output error"), r"cannot be read \(Input/output error\)"),
    ],
)
def test_file_that_cannot_be_opened_is_named(case, monkeypatch, error, message):
    def fail(*args):
        raise error

    monkeypatch.setattr("os.open", fail)
    for use in (case.volumes, case.fingerprint):
        with pytest.raises(BratsError, match=f"X_flair.nii.gz: it {message}"):
            use()


def test_masks_that_do_not_fit_are_not_written(case, tmp_path):
    mask = case.mask()
    for wrong, path, message in (
        (mask[:-1], "P.nii.gz", r"shape \(47, 40, 36\)"),
        (np.where(mask == 4, 3, mask), "P.nii.gz", r"holds \[3\]"),
        (mask, "P.png", "another ending"),
    ):
        with pytest.raises((BratsError, ValueError), match=message):
            case.save_mask(wrong, tmp_path / path)
        assert not (tmp_path / path).exists()
    (tmp_path / "file").touch()
    with pytest.raises(BratsError, match="cannot be written"):
        case.save_mask(mask, tmp_path / "file" / "P.nii.gz")


def test_prediction_on_another_grid_is_refused(case, tmp_path):
    mask = case.mask()
    for array, affine, message in ((mask, np.eye(4), "mm away"), (mask[::2], LPS_AFFINE, r"shape is \(24, 40, 36\)")):
        save(array, tmp_path / "P.nii.gz", affine)
        with pytest.raises(BratsError, match=message):
            case.read_mask_file(tmp_path / "P.nii.gz")


def change_a_byte(path, place):
    """As a program does that puts the time of writing back."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_any_byte_of_any_file_changes_the_fingerprint_although_size_and_time_of_writing_stay(tmp_path):
    folder = write_case(tmp_path, "X", suffix=".nii")
    found = Cohort.find(tmp_path)[0]
    size = (folder / "X_t2.nii").stat().st_size
    seen = {found.fingerprint()}
    for role, place in (("t2", 360), ("flair", size // 2 + 17), ("t1", size - 1), ("seg", 400)):
        time.sleep(0.02)  # longer than a tick of the file system's clock
        change_a_byte(folder / f"X_{role}.nii", place)
        seen.add(found.fingerprint())
    assert len(seen) == 5


def test_name_and_roles_are_part_of_a_fingerprint_and_the_place_is_not(case, tmp_path):
    same = Case("X", {role: path.rename(tmp_path / path.name) for role, path in case.files.items()}, case.mask_file)
    write_case(tmp_path / "again", "X")
    original = Cohort.find(tmp_path / "again")[0].fingerprint()
    assert same.fingerprint() == original
    assert Case("Y", same.files, same.mask_file).fingerprint() != original
    exchanged = same.files | {"flair": same.files["t1"], "t1": same.files["flair"]}
    assert Case("X", exchanged, same.mask_file).fingerprint() != original


def test_voxel_hash_depends_on_the_voxels_alone():
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    assert voxel_hash(voxels) == voxel_hash(np.asfortranarray(voxels)) == voxel_hash(voxels.astype(np.float64))
    others = (voxels[::-1], voxels.reshape(3, 2, 4), voxels + (voxels == 7))
    assert len({voxel_hash(voxels), *map(voxel_hash, others)}) == 4
