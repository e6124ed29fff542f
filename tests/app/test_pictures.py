"""Pictures and numbers of a scan, worked out by hand."""

import gzip
import io
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from app.seen import sure_of, tiny_scan
from PIL import Image

from brats_lib.app import drawing, engine, panels, report, wording
from brats_lib.app.scans import PLANES, clamp, open_scan, point_at, start_slices, zoom_box
from brats_lib.cli import main
from brats_lib.errors import BratsError
from brats_lib.figures.style import AXIAL, CORONAL, SAGITTAL, rgba
from brats_lib.labels import COLOURS, ED, ET, NCR
from brats_lib.prediction.predict import NO_TUMOUR

BOX = ((0, 20), (0, 30), (0, 10))
COLOUR = {label: tuple(rgba(COLOURS[label])[:3]) for label in COLOURS}


@pytest.fixture(autouse=True)
def three_pixels_a_millimetre(monkeypatch):
    """Of `BOX`, whose longest side has 30: a whole number, so that pixels can be counted by hand."""
    monkeypatch.setattr(drawing, "PIXELS", 90)


def bright_voxel(*place):
    volume = np.zeros((20, 30, 10), np.float32)
    volume[place] = 1
    return volume


def brightest(picture):
    """Row and column of the brightest pixel as shares of the picture's height and width."""
    row, column = np.unravel_index(picture.sum(-1).argmax(), picture.shape[:2])
    return row / picture.shape[0], column / picture.shape[1]


@pytest.mark.parametrize(
    ("plane", "place", "row", "column"),
    [
        # LPS: x grows to the patient's left, y to the back, z up; the patient's left is on the right of the picture.
        (AXIAL, (18, 2, 5), 0, 1),
        (AXIAL, (1, 28, 5), 1, 0),
        (CORONAL, (18, 15, 9), 0, 1),
        (CORONAL, (1, 15, 0), 1, 0),
        (SAGITTAL, (10, 1, 9), 0, 0),
        (SAGITTAL, (10, 28, 0), 1, 1),
    ],
)
def test_the_patient_is_displayed_the_radiological_way(plane, place, row, column):
    picture = drawing.grey(bright_voxel(*place), plane, place[plane.axis], BOX, (0, 1))
    found = brightest(picture)
    assert (found[0] > 0.5, found[1] > 0.5) == (bool(row), bool(column))


def test_voxels_that_are_thick_look_thick():
    volume = np.ones((20, 30, 10), np.float32)
    rows, columns, _ = drawing.grey(volume, CORONAL, 15, BOX, (0, 1), spacing=(1, 1, 5)).shape
    # 50 mm by 20 mm, and no side of the box is longer than 50.
    assert (rows, columns) == (90, 36)


def test_grey_levels_run_from_black_to_white_and_no_further():
    picture = drawing.grey(np.full((20, 30, 10), 7, np.float32), AXIAL, 5, BOX, (2, 12))
    assert (picture == 128).all()
    picture = drawing.grey(np.full((20, 30, 10), 99, np.float32), AXIAL, 5, BOX, (2, 12))
    assert (picture == 255).all()


def test_a_window_of_no_width_shows_what_is_above_it_white():
    volume = np.full((20, 30, 10), 5, np.float32)
    volume[10:] = 6
    picture = drawing.grey(volume, AXIAL, 5, BOX, (5, 5))
    assert (picture[:, :24] == 0).all() and (picture[:, 36:] == 255).all()


def test_a_scan_starts_with_the_window_of_the_brain_and_may_have_the_whole_range(tmp_path):
    scan = tiny_scan(tmp_path)
    volume = scan.volumes["flair"]
    assert scan.levels["flair"] == pytest.approx(tuple(np.percentile(volume[volume != 0], (1, 99.8))))
    assert scan.ranges["flair"] == (0, volume.max())


def test_zoom_keeps_the_point_in_sight_and_stays_within_the_box():
    box = ((0, 100), (0, 200), (10, 60))
    assert zoom_box(box, (50, 10, 59), 1) == box
    # x is in the middle, y near the start and z at the end.
    assert zoom_box(box, (50, 10, 59), 2) == ((25, 75), (0, 100), (35, 60))
    assert zoom_box(((0, 2), (0, 1), (4, 9)), (1, 0, 4), 4) == ((1, 2), (0, 1), (4, 5))


def test_zoom_makes_voxels_larger_and_leaves_the_picture_its_size():
    volume, point = bright_voxel(10, 14, 5), (10, 14, 5)
    whole, near = (drawing.grey(volume, AXIAL, 5, zoom_box(BOX, point, factor), (0, 1)) for factor in (1, 2))
    assert whole.shape == near.shape == (90, 60, 3)
    # A voxel of 3 x 3 pixels becomes one of 6 x 6.
    assert near.sum(dtype=int) == pytest.approx(4 * whole.sum(dtype=int), rel=0.05)


def cube_mask(label=ED):
    mask = np.zeros((20, 30, 10), np.uint8)
    mask[5:15, 10:20, 2:8] = label
    return mask


def test_labels_have_the_colours_of_the_paper_and_stay_inside_their_border():
    plain = np.zeros((90, 60, 3), np.uint8)
    picture = drawing.lay_over(plain, cube_mask(ET), AXIAL, 5, BOX, opacity=1.0)
    painted = picture.any(-1)
    assert {tuple(colour) for colour in picture[painted]} == {COLOUR[ET]}
    # 10 x 10 voxels of 3 x 3 pixels.
    assert painted.sum() == pytest.approx(900, rel=0.05)
    assert not drawing.lay_over(plain, cube_mask(ET), AXIAL, 9, BOX, opacity=1.0).any()


def test_opacity_mixes_and_labels_can_be_left_out():
    white = np.full((90, 60, 3), 255, np.uint8)
    half = drawing.lay_over(white, cube_mask(NCR), AXIAL, 5, BOX, opacity=0.5)
    expected = np.round((255 + np.array(COLOUR[NCR], float)) / 2)
    assert np.abs(half[45, 30] - expected).max() <= 1
    assert (drawing.lay_over(white, cube_mask(NCR), AXIAL, 5, BOX, opacity=0.5, labels=(ED, ET)) == 255).all()
    assert (drawing.lay_over(white, cube_mask(NCR), AXIAL, 5, BOX, opacity=0) == 255).all()


def test_the_true_border_is_white_and_only_a_border():
    picture = drawing.outline_truth(np.zeros((90, 60, 3), np.uint8), cube_mask(ED), AXIAL, 5, BOX)
    assert (picture[picture.any(-1)] == 255).all() and not picture[45, 30].any()
    assert 150 < picture.any(-1).sum() < 350


def test_a_probability_goes_from_black_to_pale():
    chances = np.zeros((20, 30, 10), np.float16)
    chances[5:15, 10:20] = 1
    picture = drawing.probability(chances, np.ones((20, 30, 10)), AXIAL, 5, BOX)
    assert picture[45, 30].tolist() == [251, 252, 191]
    assert picture[20, 30].max() < 10


def test_cross_hairs_meet_at_the_voxel():
    picture = drawing.cross_hairs(np.zeros((90, 60, 3), np.uint8), AXIAL, (5, 20, 3), BOX)
    down, across = np.flatnonzero(picture[0].any(-1)), np.flatnonzero(picture[:, 0].any(-1))
    # Voxel 5 of 20 in the middle of its 3 pixels, voxel 20 of 30.
    assert down.tolist() == [16] and across.tolist() == [61]
    flipped = drawing.cross_hairs(np.zeros((30, 60, 3), np.uint8), CORONAL, (5, 20, 1), BOX)
    assert np.flatnonzero(flipped[:, 0].any(-1)).tolist() == [25]


@pytest.mark.parametrize("plane", PLANES.values(), ids=PLANES)
def test_a_click_on_the_cross_hairs_is_at_their_voxel(plane):
    columns, rows = plane.in_plane
    blank = np.zeros((3 * BOX[rows][1], 3 * BOX[columns][1], 3), np.uint8)
    picture = drawing.cross_hairs(blank, plane, (5, 20, 3), BOX).any(-1)
    (x,), (y,) = np.flatnonzero(picture[0]), np.flatnonzero(picture[:, 0])
    elsewhere = [5, 20, 3]
    elsewhere[columns] = elsewhere[rows] = 0
    across, down = (x + 0.5) / picture.shape[1], (y + 0.5) / picture.shape[0]
    assert point_at(plane, BOX, elsewhere, across, down) == [5, 20, 3]


def test_volumes_are_voxels_times_their_size():
    mask = cube_mask(ED)
    mask[5, 10, 2:5] = ET
    found = report.millilitres(mask, (1, 2, 5))
    # 600 voxels of 10 cubic millimetres.
    assert found == pytest.approx({"WT": 6.0, "TC": 0.03, "ET": 0.03, "NCR": 0.0, "ED": 5.97})


def test_scores_come_with_a_truth_only():
    rows = report.volume_rows(cube_mask(), (1, 1, 1))
    assert [row["region"] for row in rows] == ["WT", "TC", "ET", "NCR", "ED"] and "dice" not in rows[0]
    half = cube_mask()
    half[5:10] = 0
    row = report.volume_rows(half, (1, 1, 1), cube_mask())[0]
    assert (row["ml"], row["true_ml"]) == (0.3, 0.6) and row["dice"] == pytest.approx(2 * 300 / 900)


def test_what_a_mask_lacks_has_no_distance_and_what_is_tiny_is_not_nothing():
    rows = report.volume_rows(cube_mask(ED), (1, 1, 1), cube_mask(ET))
    # ED was found and is not true, ET is true and was not found, NCR is in neither; only WT can be compared.
    assert [report.hd95_text(row) for row in rows] == ["0.0", "–", "–", "–", "–"]
    assert [row["dice"] for row in rows] == [1, 0, 0, 1, 0]
    assert [report.ml_text(ml) for ml in (0.0, 0.001, 0.049, 0.05, 12.34)] == ["0", "<0.1", "<0.1", "0.1", "12.3"]


def test_the_mask_file_has_the_geometry_of_the_scan(tmp_path):
    scan = tiny_scan(tmp_path)
    image = nib.Nifti1Image.from_bytes(gzip.decompress(report.mask_file(scan.case, scan.truth)))
    given = nib.load(scan.case.files["flair"])
    assert np.array_equal(image.affine, given.affine)
    assert np.array_equal(np.asanyarray(image.dataobj), np.asanyarray(nib.load(scan.case.mask_file).dataobj))


def test_the_picture_says_what_it_is_not(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(report, "write_lines", lambda picture, lines, top, size: said.extend(lines))
    panel = ("FLAIR", np.full((50, 40, 3), 200, np.uint8))
    picture = np.asarray(Image.open(io.BytesIO(report.picture_file([panel, panel], ["case A"]))))
    assert said == ["FLAIR", "FLAIR", "case A", report.DISCLAIMER]
    assert picture.shape[1] == 2 * 52 and (picture[60, 10] == 200).all()


def test_panels_of_a_scan_have_headings_and_tell_what_is_seen(tmp_path):
    scan = tiny_scan(tmp_path)
    prediction, look = sure_of(scan.truth), panels.Look(truth=True)
    drawn = [panels.original(scan, "t1ce", AXIAL, 18), panels.overlay(scan, scan.truth, AXIAL, 18, look),
             panels.probability(scan, prediction, "TC", AXIAL, 18),
             *panels.three_planes(scan, scan.truth, (24, 20, 18), look)]  # fmt: skip
    assert all(len(panel.alt) > 20 and panel.picture.std() > 10 for panel in drawn)
    assert len({panel.picture.shape for panel in drawn[:3]}) == 1


@pytest.mark.parametrize("plane", PLANES.values(), ids=PLANES)
def test_the_region_of_a_slice_is_the_slice_of_the_region(tmp_path, plane):
    scan = tiny_scan(tmp_path)
    prediction = sure_of(scan.truth)
    whole = np.take(prediction.region("TC"), [15], axis=plane.axis)
    assert np.array_equal(panels.region_slab(prediction, "TC", plane, 15), whole)


def test_the_first_slice_is_where_most_of_the_tumour_is(tmp_path):
    scan = tiny_scan(tmp_path)
    mask = np.zeros(scan.shape, np.uint8)
    mask[10, 11, 12] = ED
    assert start_slices(scan, mask) == (10, 11, 12)
    middle = tuple((start + stop) // 2 for start, stop in scan.box)
    assert start_slices(scan) == start_slices(scan, np.zeros_like(mask)) == middle
    assert (clamp(-3, 5), clamp(9, 5), clamp(2, 5)) == (0, 4, 2)


def test_an_empty_scan_is_refused(tmp_path):
    scan = tiny_scan(tmp_path)
    for modality in ("flair", "t1ce"):
        nib.save(nib.Nifti1Image(np.zeros((8, 8, 8), np.int16), np.eye(4)), scan.case.files[modality])
    with pytest.raises(BratsError, match="every voxel of its flair image is 0"):
        open_scan(replace(scan.case, mask_file=None))


def test_a_scan_is_doubted_segmented_and_refused_as_on_the_command_line(tmp_path, capsys):
    """The same sentences, whichever of the two a person asks."""
    scan = tiny_scan(tmp_path / "cases")
    assert scan.warnings
    assert main(["predict", str(tmp_path / "cases"), "--out", str(tmp_path / "out")]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  warning: ")]
    assert told[: len(scan.warnings)] == [f"  warning: {warning}." for warning in scan.warnings]
    assert set(told[len(scan.warnings) :]) <= {f"  warning: {NO_TUMOUR}."}
    written = np.asanyarray(nib.load(tmp_path / "out" / f"{scan.case.name}_seg.nii.gz").dataobj)
    downloaded = report.mask_file(scan.case, engine.segment(scan.case, volumes=scan.volumes).mask)
    assert np.array_equal(np.asanyarray(nib.Nifti1Image.from_bytes(gzip.decompress(downloaded)).dataobj), written)

    image = nib.load(scan.case.files["flair"])
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj) + 1, image.affine), scan.case.files["flair"])
    with pytest.raises(BratsError, match="the background of its flair image is 1") as caught:
        open_scan(scan.case)
    assert main(["predict", str(tmp_path / "cases"), "--out", str(tmp_path / "out")]) == 2
    assert str(caught.value) in capsys.readouterr().err


def test_a_scan_of_thick_slices_is_warned_of(tmp_path):
    scan = tiny_scan(tmp_path)
    for path in scan.case.files.values():
        nib.save(nib.Nifti1Image(np.asanyarray(nib.load(path).dataobj), np.diag([-1, -1, 5, 1])), path)
    warnings = open_scan(replace(scan.case, mask_file=None)).warnings
    assert any(warning.startswith("Voxels are 5 mm long along one axis") for warning in warnings)


def test_a_mask_of_somewhere_else_is_warned_of(tmp_path):
    scan = tiny_scan(tmp_path)
    case = scan.case
    assert not any("tumour" in warning for warning in scan.warnings)
    outside = np.zeros(case.shape, np.uint8)
    outside[:10, :10, :10] = ED
    case.save_mask(outside, case.mask_file)
    assert any("of the tumour lie outside the brain" in warning for warning in open_scan(case).warnings)


def test_markup_in_a_text_is_displayed_and_not_obeyed():
    nasty = "![x](http://e/x.png) **b** <script> `c` :red[d] $e$ ~f~\n# g"
    shown = wording.plain(nasty)
    assert "\n" not in shown
    for mark in "*`[]()<>$~#:!":
        assert shown.count(mark) == shown.count(f"\\{mark}")
    assert wording.plain("T1ce, 3 mm") == "T1ce, 3 mm"


def test_the_files_in_use_are_named_once():
    assert wording.files_line({"flair": "a.nii", "t1ce": "b.nii"}) == "FLAIR a.nii · T1ce b.nii"
    assert wording.files_line({"flair": "all.nii.gz", "t1ce": "all.nii.gz"}) == "FLAIR, T1ce all.nii.gz"


def test_a_comparison_says_why_it_shows_less_than_it_could():
    assert wording.compare_note(2, []) == ""
    assert wording.compare_note(1, []).startswith("One network is chosen")
    assert wording.compare_note(3, ["a", "b"]).startswith("Not run on this scan yet: a, b.")


def test_a_legend_names_the_colours():
    text = wording.legend((ED,), truth=True)
    assert COLOURS[ED] in text and "peritumoral edema" in text and "true WT" in text and COLOURS[ET] not in text


def test_a_picture_reaches_the_browser_as_it_was_drawn():
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(drawing.png(picture)))), picture)
    assert drawing.icon(32).size == (32, 32)


def test_a_mask_that_cannot_be_used_does_not_keep_the_scan_closed(tmp_path):
    case = tiny_scan(tmp_path).case
    case.mask_file.write_bytes(b"no mask")
    scan = open_scan(case)
    (told,) = [warning for warning in scan.warnings if "mask" in warning]
    assert scan.truth is None and told.startswith(f"The mask is left alone: {case.mask_file}: it is not a NIfTI file")
