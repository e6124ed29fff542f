"""Heads with their skull are refused, brains are not, and what is unusual is said."""

import re

import nibabel as nib
import numpy as np
import pytest
from conftest import LPS_AFFINE, write_case
from heads import phantom, save, write_loose

from brats_lib.cases import Case, Cohort
from brats_lib.cases.audit.skull import SHELL_RATIO, shell_ratio
from brats_lib.cases.intake import LARGEST_ML, examine, receive
from brats_lib.errors import BratsError
from experiments.heads import with_skull

MM = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def brain():
    volumes = phantom(0).volumes
    return {modality: volumes[modality].astype(np.float32) for modality in ("flair", "t1ce")}


def each(change):
    """Change every image of a case."""
    return lambda volumes: {modality: np.asarray(change(v), np.float32) for modality, v in volumes.items()}


def t1ce(change):
    return lambda volumes: volumes | {"t1ce": change(volumes["t1ce"])}


@each
def standardised(volume):
    return np.where(volume != 0, (volume - volume[volume != 0].mean()) / volume[volume != 0].std(), 0)


def open_at_the_neck(volumes):
    """Bone that was set to 0 with the background is connected to it where the scalp ends, below the cut."""
    dark = 0.2 * np.median(volumes["flair"][volumes["flair"] != 0])
    head = with_skull(volumes, liquid=0, bone=4, scalp=3)
    cut = {modality: np.where(volume < dark, 0, volume)[:, :, 70:] for modality, volume in head.items()}
    assert np.count_nonzero(cut["flair"]) / 1000 < LARGEST_ML
    return cut


def slabs(volume):
    """A mask of three labels that fill the brain."""
    labels = np.choose(np.arange(volume.shape[1]) * 3 // volume.shape[1], (1, 2, 4))
    return np.where(volume > 0, labels[:, None], 0).astype(np.float32)


def test_simulated_brain_passes_without_a_word(brain):
    assert examine("case", brain, MM) == []
    assert shell_ratio(list(brain.values()), MM) > SHELL_RATIO + 0.1


def test_real_brains_pass_without_a_word(real_root):
    for case in Cohort.find(real_root, max_cases=3):
        volumes = case.volumes(("flair", "t1ce"))
        assert examine(case.name, volumes, case.spacing) == []
        assert shell_ratio(list(standardised(volumes).values()), case.spacing) > SHELL_RATIO


BONE = "dark layer.*as bone does; expected a brain without its skull.*HD-BET"


@pytest.fixture(scope="module")
def head(brain):
    return with_skull(brain, liquid=1, bone=4, scalp=3)


@pytest.mark.parametrize(
    ("change", "spacing"), [(each(np.copy), MM), (standardised, MM), (each(lambda v: v[:, :, ::5]), (1, 1, 5))]
)
def test_a_thin_skull_is_found_in_standardised_images_and_thick_slices_too(head, change, spacing):
    with pytest.raises(BratsError, match=BONE):
        examine("case", change(head), spacing)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (open_at_the_neck, BONE),
        (lambda volumes: with_skull(volumes, bone=6, scalp=7), "mL of its voxels are not 0.*at most 2400 mL"),
        (t1ce(lambda v: v - 1), "case X: the background of its t1ce image is -1; expected 0"),
        (t1ce(np.zeros_like), "every voxel of its t1ce image is 0"),
        (t1ce(slabs), "t1ce image has no other values than 0, 1.*expected an image and not a mask"),
    ],
    ids=["open", "head", "background", "empty", "mask"],
)
def test_what_is_no_brain_alone_is_refused(brain, change, message):
    with pytest.raises(BratsError, match=message):
        examine("X", change(brain), MM)


def test_voxels_that_are_far_apart_are_no_brain():
    """Two voxels of 20 mm, six metres apart: few millilitres, and a grid of 1 mm around them would fill any memory."""
    volume = np.zeros((300, 20, 20), np.float32)
    volume[1, 5, 5] = volume[-2, 9, 9] = 100
    with pytest.raises(BratsError, match="what is not 0 is 5960 mm long.*Check the voxel size"):
        examine("case", {"flair": volume}, (20.0, 20.0, 20.0))


@pytest.mark.parametrize(
    ("change", "spacing", "says"),
    [
        (standardised, MM, "look.* standardised already"),
        (each(lambda v: v / v.max()), MM, "scaled to 0-1"),
        (each(lambda v: v[:, :, 40:100]), MM, "x 60 mm, so part of the brain is missing"),
        (each(np.copy), (0.8, 0.8, 0.8), "mL are not 0, where a brain has about 900 to 1900 mL"),
        (each(lambda v: v[:, :, ::4]), (1, 1, 4), "4 mm long along one"),
        (each(lambda v: np.pad(v, [(0, 200), (0, 0), (0, 0)])), MM, "440 mm long"),
    ],
    ids=["standardised", "0-1", "cropped", "small", "thick", "long"],
)
def test_unusual_images_are_warned_of(brain, change, spacing, says):
    warnings = examine("case", change(brain), spacing)
    assert any(re.search(says, warning) for warning in warnings), warnings


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
    save(np.asanyarray(image.dataobj), case.files["t1ce"], LPS_AFFINE + 7 * np.eye(4, k=3))
    with pytest.raises(BratsError, match="7.0 mm away"):
        receive(case, ("flair", "t1ce"))


@pytest.mark.parametrize("change", [lambda v: np.round(v * (255 / v.max())), lambda v: 2000 * (v > 0) - v])
def test_one_image_for_two_modalities_is_refused_with_both_names(tmp_path, brain, change):
    files = write_loose(tmp_path, {"flair": brain["flair"], "t1ce": change(brain["flair"])}, LPS_AFFINE)
    with pytest.raises(BratsError, match="scan_t1ce.nii.gz: it has the same content as scan_flair.nii.gz"):
        receive(Case("scan", files), ("flair", "t1ce"))
