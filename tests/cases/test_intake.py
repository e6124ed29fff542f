"""Heads with their skull are refused, brains are not, and what is unusual is said."""

import re

import nibabel as nib
import numpy as np
import pytest
from conftest import LPS_AFFINE, write_case
from heads import phantom, with_skull, write_loose

from brats_lib.cases import Case, Cohort
from brats_lib.cases.audit.skull import SHELL_RATIO, shell_ratio
from brats_lib.cases.intake import LARGEST_ML, examine, receive
from brats_lib.errors import BratsError

MM = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def brain():
    volumes = phantom(0).volumes
    return {modality: volumes[modality].astype(np.float32) for modality in ("flair", "t1ce")}


@pytest.fixture(scope="module")
def head(brain):
    return with_skull(brain, bone=6, scalp=7)


def standardised(volumes):
    return {
        modality: np.where(volume != 0, (volume - volume[volume != 0].mean()) / volume[volume != 0].std(), 0)
        for modality, volume in volumes.items()
    }


def test_brain_without_skull_passes_without_a_word(brain):
    assert examine("case", brain, MM) == []
    assert shell_ratio(list(brain.values()), MM) > SHELL_RATIO + 0.1


def test_real_brains_pass_without_a_word(real_root):
    for case in Cohort.find(real_root, max_cases=3):
        volumes = case.volumes(("flair", "t1ce"))
        assert examine(case.name, volumes, case.spacing) == []
        assert shell_ratio(list(standardised(volumes).values()), case.spacing) > SHELL_RATIO


def test_bone_below_a_bright_surface_is_found_in_thick_slices_and_in_standardised_images_too(brain):
    thin = with_skull(brain, liquid=1, bone=4, scalp=3)
    thick = {modality: volume[:, :, ::5] for modality, volume in thin.items()}
    for volumes, spacing in ((thin, MM), (standardised(thin), MM), (thick, (1, 1, 5))):
        with pytest.raises(BratsError, match="dark layer.*as bone does; expected a brain without its skull.*HD-BET"):
            examine("case", volumes, spacing)


def test_bone_of_no_signal_that_is_open_at_the_neck_is_found(brain):
    """Below the cut there is no scalp, so bone that was set to 0 with the background is connected to it."""
    thin = with_skull(brain, liquid=0, bone=4, scalp=3)
    median = np.median(brain["flair"][brain["flair"] != 0])
    cut = {modality: np.where(volume < 0.2 * median, 0, volume)[:, :, 70:] for modality, volume in thin.items()}
    assert np.count_nonzero(cut["flair"]) / 1000 < LARGEST_ML
    with pytest.raises(BratsError, match="dark layer"):
        examine("case", cut, MM)


def test_whole_head_is_too_large_for_a_brain(head):
    millilitres = np.count_nonzero(head["flair"]) / 1000
    assert millilitres > 2400
    with pytest.raises(BratsError, match=f"case X: {millilitres:.0f} mL of its voxels are not 0.*at most 2400 mL"):
        examine("X", head, MM)


def test_background_that_is_not_zero_and_empty_images_are_named(brain):
    with pytest.raises(BratsError, match="case X: the background of its t1ce image is -1; expected 0"):
        examine("X", {"flair": brain["flair"], "t1ce": brain["t1ce"] - 1}, MM)
    with pytest.raises(BratsError, match="every voxel of its t1ce image is 0"):
        examine("X", {"flair": brain["flair"], "t1ce": 0 * brain["t1ce"]}, MM)


def cropped(volumes):
    return {modality: volume[:, :, 40:100] for modality, volume in volumes.items()}


@pytest.mark.parametrize(
    ("change", "spacing", "says"),
    [
        (standardised, MM, "look.* standardised already"),
        (lambda volumes: {m: volume / volume.max() for m, volume in volumes.items()}, MM, "scaled to 0-1"),
        (cropped, MM, "x 60 mm, so part of the brain is missing"),
        (lambda volumes: volumes, (0.8, 0.8, 0.8), "mL are not 0, where a brain has about 900 to 1900 mL"),
        (lambda volumes: {m: volume[:, :, ::4] for m, volume in volumes.items()}, (1, 1, 4), "4 mm long along one"),
        (lambda volumes: {m: np.pad(v, [(0, 200), (0, 0), (0, 0)]) for m, v in volumes.items()}, MM, "440 mm long"),
    ],
    ids=["standardised", "0-1", "cropped", "small", "thick", "long"],
)
def test_unusual_images_are_warned_of(brain, change, spacing, says):
    changed = {modality: np.asarray(volume, np.float32) for modality, volume in change(brain).items()}
    warnings = examine("case", changed, spacing)
    assert any(re.search(says, warning) for warning in warnings), warnings


def test_voxels_that_are_far_apart_are_no_brain():
    """Two voxels of 20 mm, six metres apart: few millilitres, and a grid of 1 mm around them would fill any memory."""
    volume = np.zeros((300, 20, 20), np.float32)
    volume[1, 5, 5] = volume[-2, 9, 9] = 100
    with pytest.raises(BratsError, match="what is not 0 is 5960 mm long.*Check the voxel size"):
        examine("case", {"flair": volume}, (20.0, 20.0, 20.0))


def test_receiving_a_case_reads_it_and_adds_what_its_header_says(tmp_path):
    write_case(tmp_path, "BraTS20_Training_001")
    case = Cohort.find(tmp_path)[0]
    volumes, warnings = receive(case, ("t1ce", "flair"))
    assert list(volumes) == ["t1ce", "flair"] and volumes["flair"].shape == case.shape
    assert warnings == examine(case.name, volumes, case.spacing)
    image = nib.load(case.files["t1ce"])
    image.header.set_xyzt_units("meter")
    nib.save(image, case.files["t1ce"])
    assert receive(case, ("t1ce", "flair"))[1] == [*warnings, "The header gives lengths in metre; they were read as mm"]
    moved = image.affine.copy()
    moved[2, 3] += 7
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), moved), case.files["t1ce"])
    with pytest.raises(BratsError, match="7.0 mm away"):
        receive(case, ("flair", "t1ce"))


@pytest.mark.parametrize("change", [lambda v: np.round(v * (255 / v.max())), lambda v: 2000 * (v > 0) - v])
def test_one_image_for_two_modalities_is_refused_with_both_names(tmp_path, brain, change):
    files = write_loose(tmp_path, {"flair": brain["flair"], "t1ce": change(brain["flair"])}, LPS_AFFINE)
    with pytest.raises(BratsError, match="scan_t1ce.nii.gz: it has the same content as scan_flair.nii.gz"):
        receive(Case("scan", files), ("flair", "t1ce"))


def test_a_mask_in_the_place_of_an_image_is_refused(brain):
    slabs = np.choose(np.arange(brain["flair"].shape[1]) * 3 // brain["flair"].shape[1], (1, 2, 4))
    mask = np.where(brain["flair"] > 0, slabs[:, None], 0).astype(np.float32)
    with pytest.raises(BratsError, match="t1ce image has no other values than 0, 1.*expected an image and not a mask"):
        examine("X", {"flair": brain["flair"], "t1ce": mask}, MM)
