"""Where a file lies: sform, qform and voxel sizes that contradict each other are decided by rule, said, or refused."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from conftest import LPS_AFFINE, tiny_volumes, write_case
from heads import write_nifti

from brats_lib.cases import MODALITIES, Case, Cohort, Split
from brats_lib.cases.nifti import read_grid
from brats_lib.cases.nnunet import export
from brats_lib.errors import BratsError

RAS = np.diag([1.0, 1, 1, 1])
ARRAY = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
ZERO = np.zeros((4, 4))
SINGULAR = np.array([[-1.0, -1, 0, 0], [0, 0, 0, 5], [0, 0, 1, 0], [0, 0, 0, 1]])
SPLIT = Split(("X_0",), ("X_1",), ("X_2",))


def shifted(millimetres):
    return LPS_AFFINE + millimetres * np.eye(4, k=3)


@pytest.mark.parametrize("sform", [ZERO, SINGULAR])
def test_qform_places_an_image_whose_sform_cannot_be_used_and_that_is_said(tmp_path, sform):
    path = write_nifti(tmp_path / "X_flair.nii.gz", ARRAY, sform=sform, sform_code=1)
    grid = read_grid(path)
    np.testing.assert_allclose(grid.stored_affine, LPS_AFFINE)
    assert grid.remarks == (("info", "its sform cannot be used; the qform was"),)
    case = Case("X", {"flair": path})
    np.testing.assert_array_equal(case.volume("flair"), ARRAY)
    # What is written says the same in both forms, for programs that read the sform alone.
    saved = nib.load(case.save_mask(np.zeros((2, 3, 4), np.uint8), tmp_path / "X_seg.nii.gz"))
    np.testing.assert_allclose(saved.header.get_sform(), LPS_AFFINE)
    np.testing.assert_allclose(saved.header.get_qform(), LPS_AFFINE)


@pytest.mark.parametrize(
    ("said", "options"),
    [
        (["info"], {"quatern_b": 3.0}),
        (["warning"], {"qform": RAS}),
        (["warning"], {"qform": None, "pixdim": [1, 2, 2, 2, 0, 0, 0, 0]}),
        ([], {"qform": shifted(0.4)}),  # they agree but for rounding
    ],
)
def test_sform_comes_first_and_what_contradicts_it_is_said(tmp_path, said, options):
    grid = read_grid(write_nifti(tmp_path / "X.nii", ARRAY, **options))
    np.testing.assert_allclose(grid.stored_affine, LPS_AFFINE)
    assert [severity for severity, _ in grid.remarks] == said


def test_voxel_sizes_alone_place_an_image_as_nibabel_does_with_a_warning(tmp_path):
    path = write_nifti(tmp_path / "X.nii", ARRAY, sform=None, qform=None, pixdim=[1, 2, 3, 4, 0, 0, 0, 0])
    grid = read_grid(path)
    np.testing.assert_allclose(grid.stored_affine, nib.load(path).affine)
    assert grid.axes == "LAS" and grid.spacing == (2, 3, 4)
    assert grid.remarks[0][0] == "warning"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sform": ZERO, "sform_code": 1, "qform": None}, "its sform cannot be used"),
        ({"sform": None, "pixdim": [1, 1, -1, 1, 0, 0, 0, 0]}, "voxel sizes of 1 x -1 x 1 mm"),
    ],
)
def test_what_cannot_be_placed_is_refused_with_the_cause(tmp_path, options, message):
    with pytest.raises(BratsError, match=message):
        read_grid(write_nifti(tmp_path / "X.nii", ARRAY, **options))


def mixed_case(folder, name, seed, flair_axes="LPS"):
    """A case whose T1ce lies on other stored axes, whose T2 has only a qform and whose mask is NIfTI-2."""
    write_case(folder, name, seed=seed)
    for role, axes in (("flair", flair_axes), ("t1ce", "ASR"), ("seg", "RAS")):
        path = folder / name / f"{name}_{role}.nii.gz"
        image = nib.load(path)
        to = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(axes))
        kind = nib.Nifti2Image if role == "seg" else nib.Nifti1Image
        turned = image.as_reoriented(to)
        nib.save(kind(np.asarray(turned.dataobj), turned.affine), path)
    write_nifti(folder / name / f"{name}_t2.nii.gz", tiny_volumes(seed)[0]["t2"], sform=None)


@pytest.mark.parametrize("flair_axes", ["LPS", "SAL"])
def test_every_file_of_an_exported_case_lies_on_the_axes_of_its_first(tmp_path, flair_axes):
    """Read back as nnU-Net does, which stacks what SimpleITK returns without a look at directions."""
    for i in range(3):
        mixed_case(tmp_path / "cases", f"X_{i}", i, flair_axes)
    raw = export(Cohort.find(tmp_path / "cases"), SPLIT, tmp_path / "out", workers=1)
    for i, subset in enumerate(("Tr", "Tr", "Ts")):
        files = [raw / f"images{subset}" / f"X_{i}_{channel:04d}.nii.gz" for channel in range(4)]
        read = [SimpleITK.ReadImage(str(path)) for path in (*files, raw / f"labels{subset}" / f"X_{i}.nii.gz")]
        assert len({(image.GetDirection(), image.GetOrigin(), image.GetSize()) for image in read}) == 1
        assert "".join(nib.aff2axcodes(nib.load(files[0]).affine)) == flair_axes
        arrays, (volumes, mask) = [SimpleITK.GetArrayFromImage(image).T for image in read], tiny_volumes(i)
        turn = nib.orientations.ornt_transform(*map(nib.orientations.axcodes2ornt, (flair_axes, "LPS")))
        *arrays, coded = [nib.orientations.apply_orientation(array, turn) for array in arrays]
        for array, modality in zip(arrays, MODALITIES, strict=True):
            np.testing.assert_array_equal(array, volumes[modality])
        np.testing.assert_array_equal(coded, np.select([mask == 2, mask == 1, mask == 4], [1, 2, 3], 0))


def test_small_differences_of_place_are_levelled_and_large_ones_refused(tmp_path):
    for name in ("X_0", "X_1", "X_2"):
        write_case(tmp_path / "cases", name)
    path, array = tmp_path / "cases" / "X_0" / "X_0_t1.nii.gz", tiny_volumes(0)[0]["t1"]
    write_nifti(path, array, shifted(0.3), shifted(0.3))
    raw = export(Cohort.find(tmp_path / "cases"), SPLIT, tmp_path / "out", workers=1)
    np.testing.assert_array_equal(nib.load(raw / "imagesTr" / "X_0_0001.nii.gz").affine, LPS_AFFINE)
    write_nifti(path, array, shifted(7), shifted(7))
    with pytest.raises(BratsError, match="X_0_t1.nii.gz: its affine puts it 7.0 mm away"):
        export(Cohort.find(tmp_path / "cases"), SPLIT, tmp_path / "again", workers=1)


def test_nan_around_the_brain_is_exported_as_zero(tmp_path):
    write_case(tmp_path, "X")
    volume = tiny_volumes(0)[0]["t1"].astype(np.float32)
    path = write_nifti(tmp_path / "X" / "X_t1.nii.gz", np.where(volume == 0, np.float32(np.nan), volume * 2 + 10))
    Cohort.find(tmp_path)[0].save_volumes({"t1": tmp_path / "out" / "X_0001.nii.gz"})
    assert np.isnan(nib.load(path).get_fdata()).any()
    expected = np.where(volume == 0, 0, volume * 2 + 10)
    np.testing.assert_array_equal(nib.load(tmp_path / "out" / "X_0001.nii.gz").get_fdata(), expected)
