"""Series of small volumes: what is read, what is taken for what, and what is refused with a message."""

import re

import numpy as np
import pytest

pytest.importorskip("pydicom")

import pydicom
from examinations import PRIVATE, PROTOCOLS, change, put_together, write_series
from heads import write_loose
from pydicom.uid import RLELossless, SecondaryCaptureImageStorage

from brats_lib.cases.scanner.recognition import choose, find_series, role
from brats_lib.cases.scanner.series import Series
from brats_lib.errors import BratsError

SHAPE = (12, 10, 9)
# Oblique, RAS: columns to the left, rows to the back, slices upwards, turned by 30 degrees about the vertical axis.
COS, SIN = np.cos(np.pi / 6), 0.5
AFFINE = np.array([[-COS, SIN, 0, 30], [-SIN, -COS, 0, 40], [0, 0, 5, -20], [0, 0, 0, 1]]) @ np.diag([2, 1.5, 1, 1])


@pytest.fixture
def study(tmp_path):
    """A folder with the four modalities as series 2 to 5, each in its own folder, and what else lies on a CD."""
    root = tmp_path / "cd"
    values = np.random.default_rng(0).integers(0, 4000, SHAPE)
    for number, fields in enumerate(PROTOCOLS.values(), start=2):
        write_series(root / f"S{number}", values + number, AFFINE, number, **fields)
    (root / "viewer.exe").write_bytes(b"MZ" * 200)
    (root / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + bytes(40))
    return root


def recognised(root, **given):
    remarks = []
    return choose(find_series(root, remarks), given, str(root), remarks), remarks


def refused(root, **given):
    with pytest.raises(BratsError) as caught:
        recognised(root, **given)
    message = str(caught.value)
    assert not any(value in message for value in PRIVATE.values())
    return message


def test_modalities_are_told_by_times_and_contrast_agent(study):
    chosen, remarks = recognised(study)
    assert {modality: series.name for modality, (series, _) in chosen.items()} == {
        "flair": "series 2", "t1": "series 3", "t1ce": "series 4", "t2": "series 5",
    }  # fmt: skip
    assert chosen["t1ce"][1] == "TR 550, TE 12 ms; its header names a contrast agent"
    assert remarks == ["2 files that are no DICOM images were passed over"]


def test_slices_are_sorted_by_their_place_and_keep_it(study):
    series = recognised(study)[0]["t2"][0]
    np.testing.assert_array_equal(series.load(), np.random.default_rng(0).integers(0, 4000, SHAPE) + 5)
    np.testing.assert_allclose(series.affine, AFFINE, atol=1e-6)
    assert series.shape == SHAPE


def test_multi_frame_images_are_read_as_slices_are(study):
    values = recognised(study)[0]["flair"][0].load()
    for folder in study.glob("S*"):
        files = list(folder.iterdir())  # in no order, which frames need not have
        for path in files:
            change(path, EchoTime=pydicom.dcmread(path).EchoTime + 0.4600000381469727)
        put_together(files, folder / "frames")
    chosen, _ = recognised(study)
    assert {modality: series.name for modality, (series, _) in chosen.items()} == {
        "flair": "series 2", "t1": "series 3", "t1ce": "series 4", "t2": "series 5",
    }  # fmt: skip
    assert chosen["t2"][1] == "TR 4500, TE 100 ms"
    np.testing.assert_array_equal(chosen["flair"][0].load(), values)
    np.testing.assert_allclose(chosen["flair"][0].affine, AFFINE, atol=1e-6)


def test_frames_that_are_missing_or_scaled_differently_are_told(study):
    files = sorted((study / "S2").iterdir(), key=lambda path: pydicom.dcmread(path).InstanceNumber)
    path = study / "S2" / "frames"
    put_together(files[:4] + files[5:], path)
    files[4].unlink()
    assert "slices are missing in it, about 1" in refused(study)
    image = pydicom.dcmread(path)
    for factor, frame in enumerate(image.PerFrameFunctionalGroupsSequence, start=1):
        frame.PixelValueTransformationSequence = [pydicom.Dataset()]
        frame.PixelValueTransformationSequence[0].RescaleSlope = factor
    image.save_as(path)
    assert "its frames are scaled differently; dcm2niix" in refused(study)


def test_compressed_slices_read_the_same(tmp_path):
    values = np.random.default_rng(1).integers(0, 4000, SHAPE)
    write_series(tmp_path, values, AFFINE, syntax=RLELossless, **PROTOCOLS["flair"])
    (series,) = find_series(tmp_path, [])
    np.testing.assert_array_equal(series.load(), values)


def test_pixels_that_cannot_be_decoded_are_refused_by_name(tmp_path):
    files = write_series(tmp_path, np.ones(SHAPE), AFFINE, syntax=RLELossless, **PROTOCOLS["flair"])
    for path in files:
        path.write_bytes(path.read_bytes()[:-60])
    (series,) = find_series(tmp_path, [])
    with pytest.raises(BratsError, match="cannot be decoded.*RLE Lossless"):
        series.load()


def test_a_tilted_gantry_is_in_the_affine(tmp_path):
    tilted = AFFINE.copy()
    tilted[:3, 2] += [0, 1.2, 0]  # each slice lies 1.2 mm further to the front than the one below
    write_series(tmp_path, np.ones(SHAPE), tilted, **PROTOCOLS["flair"])
    (series,) = find_series(tmp_path, [])
    np.testing.assert_allclose(series.affine, tilted, atol=1e-6)


def test_a_person_overrules_the_headers(study):
    chosen, _ = recognised(study, t1ce="3", t1="series 4")
    assert (chosen["t1ce"][0].name, chosen["t1"][0].name) == ("series 3", "series 4")
    assert chosen["t1ce"][1] == "as you said"
    assert "no series or file has this name" in refused(study, t1ce="17")
    assert "named for two modalities" in refused(study, t1ce="3", t1="3")


def test_without_a_word_on_contrast_nothing_is_guessed(study):
    for path in (study / "S4").iterdir():
        change(path, ContrastBolusAgent=None)
    message = refused(study)
    assert "no t1ce was recognised" in message and '--t1ce "number of the series' in message
    assert recognised(study, t1ce="4")[0]["t1"][0].name == "series 3"


def test_of_several_the_finest_is_taken_and_said(study):
    thin = AFFINE @ np.diag([1, 1, 0.2, 1])
    write_series(study / "S9", np.ones(SHAPE), thin, 9, **PROTOCOLS["flair"])
    chosen, remarks = recognised(study)
    assert chosen["flair"][0].name == "series 9"
    assert "series 9, series 2 could be flair; series 9 was taken" in remarks


def test_two_studies_in_one_folder_are_refused(study):
    write_series(study / "other", np.ones(SHAPE), AFFINE, 2, study="1.2.4", **PROTOCOLS["flair"])
    assert "it holds 2 studies" in refused(study)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"BodyPartExamined": "KNEE"}, "another part of the body"),
        ({"NumberOfFrames": 20}, "multi-frame"),
        ({"ImageType": ["DERIVED", "PRIMARY", "MIP"]}, "computed from other images"),
        ({"SeriesDescription": "ep2d_diff_tra"}, "another kind of image"),
        ({"ScanningSequence": "EP"}, "echo-planar"),
    ],
)
def test_what_is_no_flair_is_listed_with_the_reason(study, fields, problem):
    for path in (study / "S2").iterdir():
        change(path, **fields)
    assert re.search(f"no flair was recognised .*series 2: [^;]*{problem}", refused(study))


def test_missing_and_doubled_slices_are_counted(study):
    files = sorted((study / "S2").iterdir(), key=lambda path: pydicom.dcmread(path).InstanceNumber)
    copy = study / "S2" / "copied"
    copy.write_bytes(files[5].read_bytes())  # the same image twice does no harm
    assert recognised(study)[0]["flair"][0].shape == SHAPE
    copy.unlink()
    files[4].unlink()
    assert "slices are missing in it, about 1, where neighbours are 10.0 mm apart" in refused(study)


def test_images_of_other_modalities_and_screenshots_are_passed_over(study):
    for number, fields in ((20, {"Modality": "CT"}), (21, {"SOPClassUID": SecondaryCaptureImageStorage})):
        files = write_series(study / f"S{number}", np.ones(SHAPE), AFFINE, number, **fields)
        for path in files:
            change(path, ImagePositionPatient=None, ImageOrientationPatient=None)
    _, remarks = recognised(study)
    assert "9 images of modality CT were passed over" in remarks
    assert "1 series without a place in space, such as screenshots, were passed over" in remarks


def test_a_folder_without_mr_images_says_what_it_has(tmp_path):
    write_series(tmp_path / "ct", np.ones(SHAPE), AFFINE, Modality="CT")
    assert "no MR image with a place in space is in it (9 of modality CT; 0 other files)" in refused(tmp_path)
    (tmp_path / "empty").mkdir()
    assert "no DICOM image; 0 other files" in refused(tmp_path / "empty")
    assert "there is no such folder" in refused(tmp_path / "none")


def test_damaged_nifti_files_do_not_stop_the_others(tmp_path):
    files = write_loose(tmp_path, {"flair": np.ones(SHAPE), "t1ce": np.ones(SHAPE)}, AFFINE)
    (tmp_path / "scan_t1.nii.gz").write_bytes(b"no image")
    chosen, remarks = recognised(tmp_path)
    assert {modality: series.files[0] for modality, (series, _) in chosen.items()} == files
    assert remarks == ["scan_t1.nii.gz was passed over: it is not a NIfTI file"]


def of(**fields):
    place = {"files": (), "shape": SHAPE, "affine": AFFINE, "stored_shape": SHAPE, "stored_affine": AFFINE}
    return Series(**({"name": "series 1", "words": "", "is_dicom": True} | place | fields))


@pytest.mark.parametrize(
    ("words", "times", "expected"),
    [
        # TR, TE and TI of common protocols: MPRAGE, spin echo, FLAIR (2D, 3D), turbo spin echo, T2* gradient echo.
        ("", (2000, 3, 900), "t1?"),
        ("", (500, 10, None), "t1?"),
        ("", (9000, 110, 2500), "flair"),
        ("", (5000, 390, 1800), "flair"),
        ("", (4000, 95, None), "t2"),
        ("t1 mprage sag post gd", (2000, 3, 900), "t1ce"),
        ("t1 axial pre", (500, 10, None), "t1"),
        ("ax t1 flair +c", (2500, 10, 900), "t1ce"),
        ("t2_flair_images", (None, None, None), "flair"),
        ("ax t2 fse", (None, None, None), "t2"),
        ("t2* gre", (800, 25, None), ""),
        ("", (None, None, None), ""),
    ],
)
def test_common_protocols(words, times, expected):
    repetition, echo, inversion = times
    assert role(of(words=words, repetition=repetition, echo=echo, inversion=inversion))[0] == expected


def test_file_that_may_not_be_read_is_named_and_not_passed_over(tmp_path, monkeypatch):
    def refuse(path, **options):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "image").write_bytes(b"DICM")
    monkeypatch.setattr(pydicom, "dcmread", refuse)
    with pytest.raises(BratsError, match="image: it may not be read.*permissions"):
        find_series(tmp_path, [])
