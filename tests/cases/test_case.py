"""Reading into LPS, writing back, refusing what cannot be used, and fingerprints that cover every byte."""

import gzip
import os
import time

import nibabel as nib
import numpy as np
import pytest
from conftest import LPS_AFFINE, tiny_volumes, write_case

from brats_lib.cases import MODALITIES, Case, Cohort
from brats_lib.cases.case import voxel_hash
from brats_lib.errors import BratsError


@pytest.fixture
def case(tiny_root):
    return Cohort.find(tiny_root)[0]


def case_of(folder, array, affine):
    """A case whose four modalities hold one array."""
    files = {modality: folder / f"X_{modality}.nii.gz" for modality in (*MODALITIES, "seg")}
    for path in files.values():
        nib.save(nib.Nifti1Image(array, affine), path)
    return Case("X", files, files.pop("seg"))


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
    case = case_of(tmp_path, array, affine)
    volume = case.volume("t1")
    assert volume[0, 0, 0] == array[1, 2, 0]
    assert volume[1, 0, 3] == array[0, 2, 3]
    np.testing.assert_array_equal(volume, array[::-1, ::-1])
    # Voxel 0 of LPS is the far corner of RAS: 10 + 1.5, 20 + 2 * 2.
    np.testing.assert_allclose(case.affine, [[-1.5, 0, 0, 11.5], [0, -2, 0, 24], [0, 0, 3, 30], [0, 0, 0, 1]])


def test_permuted_axes_go_to_lps_and_back(tmp_path):
    """Stored (superior, left, anterior): LPS takes axes 1, 2 reversed, 0."""
    array = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4) % 3
    affine = np.array([[0, -1.0, 0, 5], [0, 0, 2, 6], [3, 0, 0, 7], [0, 0, 0, 1]])
    assert nib.aff2axcodes(affine) == ("S", "L", "A")
    case = case_of(tmp_path, array, affine)
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


def test_what_is_missing_is_named(tiny_root):
    for role in ("t2", "seg"):
        (tiny_root / "BraTS20_Training_001" / f"BraTS20_Training_001_{role}.nii.gz").unlink()
    cohort = Cohort.find(tiny_root)
    assert cohort[0].modalities == ("flair", "t1", "t1ce") and cohort[0].volume("t1").any()
    with pytest.raises(BratsError, match="has flair, t1, t1ce; expected also t2"):
        cohort[0].volumes()
    assert not cohort[0].has_mask and len(cohort.labelled()) == 9
    with pytest.raises(BratsError, match=r"BraTS20_Training_001 has no mask; expected a file \*_seg.nii.gz"):
        cohort[0].mask()


@pytest.mark.parametrize("role", ["t2", "mask"])
def test_other_shape_is_named_with_both_shapes(case, role):
    path = case.mask_file if role == "mask" else case.files[role]
    nib.save(nib.Nifti1Image(np.zeros((48, 40, 35), np.uint8), LPS_AFFINE), path)
    with pytest.raises(BratsError, match=r"shape is \(48, 40, 35\); expected \(48, 40, 36\) as in .*flair.nii.gz"):
        case.mask() if role == "mask" else case.volume(role)


def with_values(case, changes):
    """T1ce of the case as float32 with some voxels changed; the head of the tiny cases is around (24, 20, 18)."""
    array = tiny_volumes(0)[0]["t1ce"].astype(np.float32)
    for place, value in changes.items():
        array[place] = value
    nib.save(nib.Nifti1Image(array, LPS_AFFINE), case.files["t1ce"])
    return array


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({(24, 20, 18): np.nan}, "1 of its voxels are NaN within the brain.*fslmaths"),
        ({(3, 4, 5): np.inf}, "1 of its voxels are infinite.*divided by zero"),
    ],
)
def test_values_that_nothing_can_be_computed_from_are_refused_with_their_cause(case, changes, message):
    with_values(case, changes)
    with pytest.raises(BratsError, match=f"t1ce.nii.gz: {message}"):
        case.volume("t1ce")


def test_nan_around_the_brain_is_background_and_said(case):
    array = with_values(case, {(0, 0, 0): np.nan, (3, 4, 5): np.nan})
    remarks = []
    np.testing.assert_array_equal(case.volumes(("t1ce",), remarks)["t1ce"], np.nan_to_num(array))
    assert remarks == ["BraTS20_Training_001_t1ce.nii.gz: 2 of its voxels are NaN around the brain and were taken as 0"]


@pytest.mark.parametrize(("side", "fits"), [(2, True), (3, False)])
def test_where_nan_is_the_background_a_pocket_of_it_in_the_brain_is_too(case, side, fits):
    """Eight voxels pass for liquid that a program masked; 27 are damage."""
    array = tiny_volumes(0)[0]["t1ce"].astype(np.float32)
    array[array == 0] = np.nan
    array[20 : 20 + side, 20 : 20 + side, 18 : 18 + side] = np.nan
    nib.save(nib.Nifti1Image(array, LPS_AFFINE), case.files["t1ce"])
    if fits:
        np.testing.assert_array_equal(case.volume("t1ce"), np.nan_to_num(array))
    else:
        with pytest.raises(BratsError, match="27 of its voxels are NaN within the brain"):
            case.volume("t1ce")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda packed: packed[:-2000], "truncated or damaged"),
        (lambda packed: packed[:-6], "truncated or damaged"),  # its checksum
        (lambda packed: packed[:9000] + bytes([packed[9000] ^ 4]) + packed[9001:], "truncated or damaged"),
        (lambda packed: gzip.compress(gzip.decompress(packed)[:-10]), "truncated: 138230 bytes.*expected 138240 bytes"),
        (lambda packed: b"", r"empty \(0 bytes\)"),
        (lambda packed: gzip.decompress(packed)[:348].replace(b"\x30\0\x28\0\x24\0", b"\0" * 6), "header"),
    ],
)
def test_damaged_files_are_named(case, damage, message):
    """48 * 40 * 36 int16 voxels are 138240 bytes."""
    case.files["t1"].write_bytes(damage(case.files["t1"].read_bytes()))
    with pytest.raises(BratsError, match=f"_t1.nii.gz: .*{message}.*(again|dcm2niix)"):
        case.volume("t1")


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
    with pytest.raises(BratsError, match=f"_t2.nii.gz: it {message}"):
        case.volume("t2")
    with pytest.raises(BratsError, match=f"it {message}"):
        case.fingerprint()


def test_4d_image_in_place_of_a_modality(case):
    nib.save(nib.Nifti1Image(np.zeros((48, 40, 36, 2), np.int16), LPS_AFFINE), case.files["t1"])
    with pytest.raises(BratsError, match="it holds 2 volumes"):
        case.volume("t1")


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
    nib.save(nib.Nifti1Image(mask, np.eye(4)), tmp_path / "moved.nii.gz")
    with pytest.raises(BratsError, match="mm away"):
        case.read_mask_file(tmp_path / "moved.nii.gz")
    nib.save(nib.Nifti1Image(mask[::2], LPS_AFFINE), tmp_path / "small.nii.gz")
    with pytest.raises(BratsError, match=r"shape is \(24, 40, 36\)"):
        case.read_mask_file(tmp_path / "small.nii.gz")


def test_real_case_reads_as_nibabel_does_and_comes_back(real_root, tmp_path):
    case = Cohort.find(real_root)[0]
    assert nib.aff2axcodes(case.affine) == ("L", "P", "S")
    np.testing.assert_array_equal(case.volume("flair"), nib.load(case.files["flair"]).get_fdata(dtype=np.float32))
    assert set(np.unique(case.mask())) == {0, 1, 2, 4}
    assert_comes_back(case, tmp_path)


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


def test_files_that_stay_as_they_are_are_read_once(tmp_path, monkeypatch):
    write_case(tmp_path, "X")
    first = Cohort.find(tmp_path)[0].fingerprint()
    monkeypatch.setattr("hashlib.blake2b", lambda **options: pytest.fail("a file was read again"))
    assert Cohort.find(tmp_path)[0].fingerprint() == first


def test_name_and_roles_are_part_of_a_fingerprint_and_the_place_is_not(tmp_path):
    for folder, name in (("a", "X"), ("b", "X"), ("c", "Y")):
        write_case(tmp_path / folder, name)
    prints = [Cohort.find(tmp_path / folder)[0].fingerprint() for folder in "abc"]
    assert prints[0] == prints[1] != prints[2]
    flair, t1 = (tmp_path / "a" / "X" / f"X_{role}.nii.gz" for role in ("flair", "t1"))
    content = flair.read_bytes(), t1.read_bytes()
    flair.write_bytes(content[1])
    t1.write_bytes(content[0])
    assert Cohort.find(tmp_path / "a")[0].fingerprint() != prints[0]


def test_voxel_hash_depends_on_the_voxels_alone():
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    assert voxel_hash(voxels) == voxel_hash(np.asfortranarray(voxels)) == voxel_hash(voxels.astype(np.float64))
    others = (voxels[::-1], voxels.reshape(3, 2, 4), voxels + (voxels == 7))
    assert len({voxel_hash(voxels), *map(voxel_hash, others)}) == 4
