"""Pictures and numbers of a scan, worked out by hand."""

import gzip
import io

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from brats_lib.app import drawing, report, scans
from brats_lib.app.drawing import Panel
from brats_lib.app.scans import Cut, open_scan, point_at, segment, start_slices, zoom_box
from brats_lib.cli import main
from brats_lib.errors import BratsError
from brats_lib.figures.style import AXIAL, CORONAL, SAGITTAL, TUMOUR, rgba
from brats_lib.labels import COLOURS, ED, ET, NCR
from brats_lib.prediction.predict import NO_TUMOUR

BOX = ((0, 20), (0, 30), (0, 10))
SLICE = Cut(AXIAL, 5, BOX)
BLACK, FULL = np.zeros((90, 60, 3), np.uint8), np.full((90, 60, 3), 255, np.uint8)


@pytest.fixture(autouse=True)
def three_pixels_a_millimetre(monkeypatch):
    """Of `BOX`, whose longest side has 30: a whole number, so that pixels can be counted by hand."""
    monkeypatch.setattr(scans, "PIXELS", 90)


def cube_mask(label=ED):
    mask = np.zeros((20, 30, 10), np.uint8)
    mask[5:15, 10:20, 2:8] = label
    return mask


@pytest.mark.parametrize(
    ("plane", "place", "low", "right"),
    [
        # LPS: x grows to the patient's left, y to the back, z up; the patient's left is on the right of the picture.
        (AXIAL, (18, 2, 5), False, True),
        (CORONAL, (1, 15, 0), True, False),
        (SAGITTAL, (10, 1, 9), False, False),
        (SAGITTAL, (10, 28, 0), True, True),
    ],
)
def test_the_patient_is_displayed_the_radiological_way(plane, place, low, right):
    volume = np.zeros((20, 30, 10), np.float32)
    volume[place] = 1
    picture = drawing.grey(volume, Cut(plane, place[plane.axis], BOX), (0, 1))
    row, column = np.unravel_index(picture.sum(-1).argmax(), picture.shape[:2])
    assert (row > picture.shape[0] / 2, column > picture.shape[1] / 2) == (low, right)


def test_voxels_that_are_thick_or_enlarged_look_so():
    # 20 mm by 50 mm, and no side of the box is longer than 50.
    assert Cut(CORONAL, 15, BOX, spacing=(1, 1, 5)).size == (36, 90)
    assert Cut(AXIAL, 5, BOX).size == Cut(AXIAL, 5, zoom_box(BOX, (10, 14, 5), 2)).size == (60, 90)


def test_grey_levels_run_from_black_to_white_and_no_further():
    volume = np.full((20, 30, 10), 7, np.float32)
    assert (drawing.grey(volume, SLICE, (2, 12)) == 128).all()
    assert (drawing.grey(volume, SLICE, (0, 1)) == 255).all()
    volume[10:] = 8
    step = drawing.grey(volume, SLICE, (7, 7))
    assert (step[:, :24] == 0).all() and (step[:, 36:] == 255).all()


def test_zoom_keeps_the_point_in_sight():
    box = ((0, 100), (0, 200), (10, 60))
    assert zoom_box(box, (50, 10, 59), 1) == box
    # x is in the middle, y near the start and z at the end.
    assert zoom_box(box, (50, 10, 59), 2) == ((25, 75), (0, 100), (35, 60))
    assert zoom_box(((0, 2), (0, 1), (4, 9)), (1, 0, 4), 4) == ((1, 2), (0, 1), (4, 5))


def test_labels_have_the_colours_of_the_paper_and_stay_inside_their_border():
    picture = drawing.lay_over(BLACK, cube_mask(ET), SLICE, opacity=1.0)
    painted = picture.any(-1)
    assert {tuple(colour) for colour in picture[painted]} == {tuple(rgba(COLOURS[ET])[:3])}
    # 10 x 10 voxels of 3 x 3 pixels.
    assert painted.sum() == pytest.approx(900, rel=0.05)
    assert not drawing.lay_over(BLACK, cube_mask(ET), Cut(AXIAL, 9, BOX), opacity=1.0).any()


def test_opacity_mixes_and_labels_can_be_left_out():
    half, none, others = (
        drawing.lay_over(FULL, cube_mask(NCR), SLICE, opacity, labels)
        for opacity, labels in ((0.5, TUMOUR), (0, TUMOUR), (0.5, (ED, ET)))
    )
    assert np.abs(half[45, 30] - (255 + np.array(rgba(COLOURS[NCR])[:3], float)) / 2).max() <= 1
    assert (none == 255).all() and (others == 255).all()


def test_the_true_border_is_white_and_a_probability_goes_from_black_to_pale():
    picture = drawing.outline_truth(BLACK, cube_mask(ED), SLICE)
    assert (picture[picture.any(-1)] == 255).all() and not picture[45, 30].any()
    assert 150 < picture.any(-1).sum() < 350
    picture = drawing.probability(cube_mask() != 0, np.ones((20, 30, 10)), SLICE)
    assert picture[45, 30].tolist() == [251, 252, 191] and picture[20, 30].max() < 10


@pytest.mark.parametrize(("plane", "x", "y"), [(AXIAL, 16, 61), (CORONAL, 16, 19), (SAGITTAL, 61, 19)])
def test_cross_hairs_meet_at_the_voxel_and_a_click_on_them_is_at_it(plane, x, y):
    """Voxel 5 of 20, 20 of 30 and, from the bottom, 3 of 10, each in the middle of its 3 pixels."""
    columns, rows = plane.in_plane
    blank = np.zeros((3 * BOX[rows][1], 3 * BOX[columns][1], 3), np.uint8)
    picture = drawing.cross_hairs(blank, plane, (5, 20, 3), BOX).any(-1)
    assert (np.flatnonzero(picture[0]).tolist(), np.flatnonzero(picture[:, 0]).tolist()) == ([x], [y])
    elsewhere = [5, 20, 3]
    elsewhere[columns] = elsewhere[rows] = 0
    across, down = (x + 0.5) / picture.shape[1], (y + 0.5) / picture.shape[0]
    assert point_at(plane, BOX, elsewhere, across, down) == [5, 20, 3]


def test_volumes_and_scores_of_a_mask_by_hand():
    found, true = cube_mask(ED), cube_mask(ED)
    found[5, 10, 2:5] = ET
    found[6:10] = 0
    table = report.volume_table(found, (1, 2, 5), true)
    # Six of ten slices of 60 voxels are found, each of 10 cubic millimetres; three voxels are ET.
    assert table["mL"].tolist() == ["3.6", "<0.1", "<0.1", "0", "3.6"]
    assert table["true"].tolist() == ["6.0", "0", "0", "0", "6.0"]
    # WT: 2 * 360 / 960; ED: 2 * 357 / 957. What is found and not true has no distance, nor what is in neither.
    assert table["Dice"].tolist() == ["0.750", "0.000", "0.000", "1.000", "0.746"]
    assert table["HD95"].eq(report.NO_DISTANCE).tolist() == [False, True, True, True, False]
    assert report.volume_table(found, (1, 2, 5)).columns.tolist() == ["mL"]


def test_the_picture_says_what_it_is_not(monkeypatch):
    written = []
    monkeypatch.setattr(report, "write_lines", lambda picture, lines, *_: written.extend(lines) or picture)
    panel = Panel("FLAIR", np.full((50, 40, 3), 200, np.uint8), "")
    picture = np.asarray(Image.open(io.BytesIO(report.picture_file([panel, panel], ["case A"]))))
    assert written == ["FLAIR", "FLAIR", "case A", report.DISCLAIMER]
    assert picture.shape[1] == 2 * 52 and (picture[60, 10] == 200).all()


def test_the_first_slice_is_where_most_of_the_tumour_is(scan):
    mask = np.zeros(scan.case.shape, np.uint8)
    mask[10, 11, 12] = ED
    assert start_slices(scan, mask) == (10, 11, 12)
    middle = tuple((start + stop) // 2 for start, stop in scan.box)
    assert start_slices(scan) == start_slices(scan, np.zeros_like(mask)) == middle


def test_a_scan_is_doubted_segmented_and_refused_as_on_the_command_line(scan, tmp_path, capsys):
    """The same sentences and the same file, whichever of the two a person asks."""
    flair, out = scan.case.files["flair"], tmp_path / "out"
    command = ["predict", str(flair.parent), "--out", str(out)]
    assert scan.warnings and main(command) == 0
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  warning: ")]
    assert warnings[: len(scan.warnings)] == [f"  warning: {warning}." for warning in scan.warnings]
    assert set(warnings[len(scan.warnings) :]) <= {f"  warning: {NO_TUMOUR}."}
    written = nib.load(out / f"{scan.case.name}_seg.nii.gz")
    content = report.mask_file(scan.case, segment(scan).mask)
    downloaded = nib.Nifti1Image.from_bytes(gzip.decompress(content))
    image = nib.load(flair)
    assert np.array_equal(downloaded.affine, image.affine)
    assert np.array_equal(np.asanyarray(downloaded.dataobj), np.asanyarray(written.dataobj))

    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj) + 1, image.affine), flair)
    with pytest.raises(BratsError, match="the background of its flair image is 1") as caught:
        open_scan(scan.case)
    assert main(command) == 2
    assert str(caught.value) in capsys.readouterr().err


def test_markup_in_a_text_is_displayed_and_not_obeyed():
    nasty = "![x](http://e/x.png) **b** <script> `c` :red[d] $e$ ~f~\n# g"
    shown = report.plain(nasty)
    assert "\n" not in shown
    for mark in "*`[]()<>$~#:!":
        assert shown.count(mark) == shown.count(f"\\{mark}")
