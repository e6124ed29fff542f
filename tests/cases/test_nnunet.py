"""The export is what nnU-Net v2 documents, keeps the scans as they are, and never mixes two splits."""

import functools
import json

import nibabel as nib
import numpy as np
import pytest
from conftest import tiny_volumes
from heads import save

from brats_lib.cases import MODALITIES, Case, Cohort, Split
from brats_lib.cases.nnunet import CODES, export, has_our_codes
from brats_lib.errors import BratsError
from brats_lib.labels import REGIONS

SPLIT = Split(
    train=tuple(f"BraTS20_Training_{i:03d}" for i in (1, 2, 3)),
    val=("BraTS20_Training_004",),
    test=("BraTS20_Training_005", "BraTS20_Training_006"),
)
OURS = "nnUNet_raw/Dataset501_BraTS/dataset.json"
FOLDS = "nnUNet_preprocessed/Dataset501_BraTS/splits_final.json"
# As in nnU-Net's documentation/region_based_training.md.
DOCUMENTED = {"background": 0, "whole_tumor": [1, 2, 3], "tumor_core": [2, 3], "enhancing_tumor": 3}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def stamps(out):
    return {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}


run_export = functools.partial(export, workers=1)


@pytest.fixture
def exported(tiny_root, tmp_path):
    cohort = Cohort.find(tiny_root, max_cases=6)
    return cohort, tmp_path / "out", run_export(cohort, SPLIT, tmp_path / "out")


def test_dataset_json_places_the_regions_of_the_challenge_as_nnunet_documents(exported):
    about = json.loads((exported[2] / "dataset.json").read_text())
    assert about["channel_names"] == {"0": "FLAIR", "1": "T1", "2": "T1ce", "3": "T2"}
    assert (about["numTraining"], about["file_ending"]) == (4, ".nii.gz")
    assert list(about["labels"]) == ["background", "whole tumor", "tumor core", "enhancing tumor"]
    _, *regions = about["labels"].values()
    for name, numbers in zip(("WT", "TC", "ET"), regions, strict=True):
        assert {CODES[number] for number in numbers} == set(REGIONS[name])
    # What nnU-Net does with its sigmoid outputs: one number after the other, later ones on top.
    placed = np.zeros(4, int)
    for number, numbers in zip(about["regions_class_order"], regions, strict=True):
        placed[np.isin(list(CODES), numbers)] = number
    assert placed.tolist() == [0, 1, 2, 3]


def test_split_decides_the_folders_and_is_fold_zero_and_images_are_copied_as_they_are(exported):
    cohort, out, raw = exported
    assert raw == out / "nnUNet_raw" / "Dataset501_BraTS"
    for subset, cases in (("Tr", SPLIT.train + SPLIT.val), ("Ts", SPLIT.test)):
        assert names(raw / f"images{subset}") == [f"{name}_{i:04d}.nii.gz" for name in cases for i in range(4)]
        assert names(raw / f"labels{subset}") == [f"{name}.nii.gz" for name in cases]
    folds = json.loads((out / FOLDS).read_text())
    assert folds == [{"train": list(SPLIT.train), "val": list(SPLIT.val)}]
    assert Split.read(raw / "split.json") == SPLIT
    case = cohort[SPLIT.test[0]]
    for i, modality in enumerate(MODALITIES):
        assert (raw / "imagesTs" / f"{case.name}_{i:04d}.nii.gz").read_bytes() == case.files[modality].read_bytes()


def test_unpacked_and_scaled_images_keep_numbers_scaling_and_header(tmp_path):
    image = nib.Nifti1Image(np.linspace(0, 50, 60).reshape(3, 4, 5), np.diag([1.5, 2, 3, 1]))
    image.set_data_dtype(np.int16)  # nibabel then stores a slope
    image.header["descrip"] = b"scanner 7"
    nib.save(image, tmp_path / "X_t2.nii")
    Case("X", {"t2": tmp_path / "X_t2.nii"}).save_volumes({"t2": tmp_path / "X_0003.nii.gz"})
    original, written = nib.load(tmp_path / "X_t2.nii"), nib.load(tmp_path / "X_0003.nii.gz")
    assert original.dataobj.slope not in (1, None) and written.dataobj.slope == original.dataobj.slope
    np.testing.assert_array_equal(written.dataobj.get_unscaled(), original.dataobj.get_unscaled())
    np.testing.assert_array_equal(written.affine, original.affine)
    assert written.header["descrip"] == original.header["descrip"]


def test_channels_of_one_4d_image_become_four_files_on_its_axes(msd_root, tmp_path):
    """BRATS_010 has no mask: it is predicted only. The split has to be given, as two masks are too few to draw one."""
    cohort = Cohort.find(msd_root)
    raw = run_export(cohort, Split(("BRATS_001",), ("BRATS_002",), ()), tmp_path / "out")
    original = nib.load(msd_root / "imagesTr" / "BRATS_001.nii.gz")
    for i in range(4):
        written = nib.load(raw / "imagesTr" / f"BRATS_001_{i:04d}.nii.gz")
        assert written.shape == (48, 40, 36) and written.get_data_dtype() == np.float32
        np.testing.assert_array_equal(written.affine, np.eye(4))
        np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(original.dataobj)[..., i])
    # MSD's codes are nnU-Net's, as nnU-Net grew up with it.
    mask, truth = nib.load(raw / "labelsTr" / "BRATS_001.nii.gz"), nib.load(msd_root / "labelsTr" / "BRATS_001.nii.gz")
    np.testing.assert_array_equal(np.asarray(mask.dataobj), np.asarray(truth.dataobj))
    np.testing.assert_array_equal(mask.affine, np.eye(4))
    assert names(raw / "imagesTs") == [f"BRATS_010_{i:04d}.nii.gz" for i in range(4)]
    assert not (raw / "labelsTs").exists()


def test_second_export_writes_only_what_is_missing_and_leaves_folds_that_were_added(exported):
    cohort, out, raw = exported
    folds = out / FOLDS
    folds.write_text(json.dumps([*json.loads(folds.read_text()), {"train": ["a"], "val": ["b"]}]))
    before = stamps(out)
    lost = raw / "imagesTr" / f"{SPLIT.train[0]}_0002.nii.gz"
    lost.unlink()
    run_export(cohort, SPLIT, out)
    after = stamps(out)
    assert {path for path in before if after[path] != before[path]} == {lost}
    assert lost.read_bytes() == cohort[SPLIT.train[0]].files["t1ce"].read_bytes()


def other_folds(out):
    (out / FOLDS).write_text(json.dumps([{"train": list(SPLIT.val), "val": list(SPLIT.train)}]))


def other_voxels(out):
    name = SPLIT.train[0]
    save(tiny_volumes(99)[1], out.parent / "tiny" / name / f"{name}_seg.nii.gz")


@pytest.mark.parametrize(
    ("split", "change"),
    [
        (Split(SPLIT.train, SPLIT.test, SPLIT.val), lambda out: None),
        (SPLIT, other_folds),
        (SPLIT, lambda out: (out / OURS).unlink()),  # somebody else's files
        (SPLIT, other_voxels),
    ],
    ids=["split", "folds", "files", "voxels"],
)
def test_another_export_in_the_same_place_is_refused_and_kept(exported, split, change):
    cohort, out, _ = exported
    change(out)
    before = stamps(out)
    with pytest.raises(BratsError, match="Dataset501_BraTS: it holds an export of other cases, or of another split"):
        run_export(cohort, split, out)
    assert stamps(out) == before


def test_number_that_another_data_set_has_is_refused(exported):
    """nnU-Net itself stops where one number has two names."""
    cohort, out, _ = exported
    with pytest.raises(BratsError, match="Dataset501_BraTS has this number"):
        run_export(cohort, SPLIT, out, name="Other")
    run_export(cohort, SPLIT, out, dataset_id=7, name="Other")
    assert names(out / "nnUNet_raw") == ["Dataset007_Other", "Dataset501_BraTS"]


@pytest.mark.parametrize(
    ("folder", "options", "message"),
    [
        ("out", {"dataset_id": 1000}, "a number from 1 to 999"),
        ("out", {"name": "../up"}, "expected letters"),
        ("tiny/nnunet", {}, "where the cases are"),
    ],
)
def test_names_and_places_that_nnunet_cannot_use_are_refused(tiny_root, tmp_path, folder, options, message):
    with pytest.raises(BratsError, match=message):
        run_export(Cohort.find(tiny_root), SPLIT, tmp_path / folder, **options)
    assert not (tmp_path / folder).exists()


def described(folder, **changes):
    about = {"channel_names": {}, "labels": DOCUMENTED, "regions_class_order": [1, 2, 3], **changes}
    (folder / "dataset.json").write_text(json.dumps(about))
    return folder


def test_nnunets_description_beside_predictions_is_recognised(exported, tmp_path):
    assert not has_our_codes(tmp_path)
    assert has_our_codes(exported[2])
    assert has_our_codes(described(tmp_path))
    (tmp_path / "dataset.json").write_text(json.dumps({"modality": {"0": "FLAIR"}, "labels": {"0": "background"}}))
    assert not has_our_codes(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        # BraTS 2023 as it comes: 1 = NCR, 2 = ED, 3 = ET.
        {"labels": {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [1, 3], "enhancing tumor": 3}},
        # The same regions in alphabetical order would be placed as other numbers.
        {"labels": dict(sorted(DOCUMENTED.items()))},
        {"regions_class_order": [2, 1, 3]},
    ],
)
def test_description_with_other_codes_is_refused(tmp_path, changes):
    with pytest.raises(BratsError, match="dataset.json: its labels are .*--labels nnunet"):
        has_our_codes(described(tmp_path, **changes))
