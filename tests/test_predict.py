"""`brats predict`: masks in the scans' own geometry, volumes as counted by hand, and bad input told apart."""

import gzip
import json
import os
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from conftest import tiny_volumes, write_case
from heads import with_skull, write_loose

from brats_lib import networks, predict, weights
from brats_lib.cli import main
from brats_lib.cohort import Cohort
from brats_lib.cohort.case import Case
from brats_lib.errors import BratsError
from brats_lib.inference import segment_case
from brats_lib.labels import ED, ET, NCR
from brats_lib.metrics.challenge import score_mask
from brats_lib.phantom import make_cohort
from brats_lib.predict import loose_case, predict_one, volumes_ml
from brats_lib.recipes import NATIVE, PUBLISHED

RECIPE = replace(NATIVE, planes=("axial",), clip=(-4.0, 10.0))
# A brain of 55 mm radius, and a tumour of three balls in it, off its centre; LPS mm, FLAIR of each.
BRAIN, TUMOUR, RADII, GREY = 55.0, np.array([12.0, -8.0, 9.0]), (22.0, 15.0, 9.0), (200, 500, 1000, 1500)
LPS = np.diag([-1.0, -1, 1, 1])


def turn(degrees):
    angle = np.deg2rad(degrees)
    rotation = np.eye(4)
    rotation[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return rotation


def centred(affine, shape):
    """The affine with its grid's centre at the origin of space."""
    affine = np.array(affine, float)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


# Affine of the stored axes in NIfTI's RAS millimetres, and shape.
GRIDS = {
    "1 mm LPS": (LPS, (120, 120, 116)),
    "1 mm RAS": (np.eye(4), (120, 124, 116)),
    "axes permuted": (np.array([[0, 0, 1.0, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]), (118, 114, 120)),
    "anisotropic": (np.diag([0.9, -0.9, 2.5, 1]), (130, 128, 48)),
    "oblique": (turn(14) @ np.diag([-1.0, -1.0, 1.2, 1]), (128, 126, 100)),
    "cropped": (LPS, (90, 96, 60)),
}
UNTOUCHED = ("1 mm LPS", "1 mm RAS", "axes permuted", "cropped")


def paint(name):
    """FLAIR on a grid, and the labels that are true there."""
    affine, shape = GRIDS[name]
    affine = centred(affine, shape)
    ras = nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    place = ras * [-1, -1, 1]
    flair, truth = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    flair[np.linalg.norm(place, axis=-1) < BRAIN] = GREY[0]
    for radius, grey, label in zip(RADII, GREY[1:], (ED, NCR, ET), strict=True):
        inside = np.linalg.norm(place - TUMOUR, axis=-1) < radius
        flair[inside], truth[inside] = grey, label
    return affine, flair, truth


class Reader:
    """Stands for a network: a region where standardised FLAIR exceeds a level between two of the painted greys."""

    name = "reader"
    input_shape = (None, None, None, RECIPE.channels)

    def __init__(self):
        volume = 4 / 3 * np.pi * np.array([BRAIN, *RADII]) ** 3
        shares = (volume - np.append(volume[1:], 0)) / volume[0]
        mean = shares @ GREY
        deviation = np.sqrt(shares @ (np.array(GREY) - mean) ** 2)
        self.levels = [((low + high) / 2 - mean) / deviation for low, high in zip(GREY[:-1], GREY[1:], strict=True)]

    def predict_on_batch(self, images):
        flair = images[..., RECIPE.neighbours * len(RECIPE.modalities)]
        return np.stack([(flair > level).astype(np.float32) for level in self.levels], axis=-1)


@pytest.fixture
def network(monkeypatch):
    """The reader in place of every network that is opened."""
    card = weights.read_card()
    reader = networks.Network(Reader(), RECIPE, card, "keras", "float32")
    monkeypatch.setattr(networks, "open_network", lambda name=None, engine="auto": reader)
    return reader


def run_loose(files, out, *options):
    return main(["predict", *(f"--{m}={path}" for m, path in files.items()), "--out", str(out), *options])


def record_of(out, name):
    return json.loads((out / f"{name}.json").read_text())


def assert_geometry_is_kept(mask_file, image_file):
    """As nibabel and as SimpleITK read it."""
    mask, image = nib.load(mask_file), nib.load(image_file)
    assert mask.shape == image.shape and mask.header.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(mask.affine, image.affine)
    for field in ("qform_code", "sform_code", "xyzt_units", "quatern_b", "qoffset_x", "srow_x", "srow_y", "srow_z"):
        np.testing.assert_array_equal(mask.header[field], image.header[field])
    np.testing.assert_array_equal(mask.header["pixdim"][:4], image.header["pixdim"][:4])
    mask, image = sitk.ReadImage(str(mask_file)), sitk.ReadImage(str(image_file))
    assert mask.GetSize() == image.GetSize() and mask.GetPixelID() == sitk.sitkUInt8
    for place in ("GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(mask, place)() == getattr(image, place)()


@pytest.mark.parametrize("name", GRIDS)
def test_single_files_of_any_grid_get_a_mask_in_their_own_geometry(name, network, tmp_path, capsys):
    affine, flair, truth = paint(name)
    files = write_loose(tmp_path / "in", {"flair": flair, "t1ce": flair}, affine)
    assert run_loose(files, tmp_path / "out") == 0
    assert_geometry_is_kept(tmp_path / "out" / "scan_seg.nii.gz", files["flair"])
    found = np.asarray(nib.load(tmp_path / "out" / "scan_seg.nii.gz").dataobj)
    record = record_of(tmp_path / "out", "scan")
    assert record["input"]["resampled"] is (name not in UNTOUCHED)
    if name in UNTOUCHED:
        np.testing.assert_array_equal(found, truth)
    else:
        for label in (ED, NCR, ET):
            both, sizes = ((found == label) & (truth == label)).sum(), (found == label).sum() + (truth == label).sum()
            assert 2 * both / sizes > 0.9
    # By hand: voxels times their size, and the balls that were painted.
    millilitres = np.abs(np.linalg.det(affine[:3, :3])) / 1000
    counts = {label: np.count_nonzero(found == label) for label in (NCR, ED, ET)}
    volumes = record["volumes_ml"]
    assert volumes["labels"] == pytest.approx({"NCR": counts[NCR] * millilitres, "ED": counts[ED] * millilitres,
                                               "ET": counts[ET] * millilitres})  # fmt: skip
    balls = dict(zip(("WT", "TC", "ET"), 4 / 3 * np.pi * np.array(RADII) ** 3 / 1000, strict=True))
    assert volumes["regions"] == pytest.approx(balls, rel=0.06)
    assert f"WT {volumes['regions']['WT']:.1f} mL" in capsys.readouterr().out


def test_scaled_integers_and_offset_headers_give_the_same_mask(network, tmp_path):
    """int16 with a slope, and a qform that differs from the sform in its code."""
    affine, flair, truth = paint("1 mm RAS")
    files = write_loose(tmp_path / "in", {"flair": flair * 1.7, "t1ce": flair}, affine, np.int16)
    image = nib.load(files["flair"])
    assert image.header["scl_slope"] != 1
    for path in files.values():
        image = nib.Nifti1Image(nib.load(path).get_fdata(), affine)
        image.set_data_dtype(np.int16)
        image.set_qform(affine, code="scanner")
        image.set_sform(affine, code="mni")
        nib.save(image, path)
    assert run_loose(files, tmp_path / "out", "--name", "patient 7") == 0
    mask_file = tmp_path / "out" / "patient 7_seg.nii.gz"
    assert_geometry_is_kept(mask_file, files["flair"])
    np.testing.assert_array_equal(np.asarray(nib.load(mask_file).dataobj), truth)


def test_modalities_in_other_orders_of_axes_are_one_grid(network, tmp_path):
    affine, flair, truth = paint("1 mm LPS")
    files = write_loose(tmp_path / "in", {"flair": flair, "t1ce": flair}, affine)
    turned = nib.as_closest_canonical(nib.load(files["t1ce"]))
    assert nib.aff2axcodes(turned.affine) == ("R", "A", "S")
    nib.save(turned, files["t1ce"])
    mask, record = predict_one(loose_case(files), network)
    np.testing.assert_array_equal(mask, truth)
    assert not record["input"]["resampled"]


def test_brain_without_a_tumour_gets_an_empty_mask_and_a_word(network, tmp_path):
    affine, flair, _ = paint("1 mm LPS")
    flair[flair > 0] = np.random.default_rng(0).normal(GREY[0], 10, np.count_nonzero(flair))
    network.model.levels = [9.0, 9.5, 9.9]
    files = write_loose(tmp_path / "in", {"flair": flair, "t1ce": flair}, affine)
    assert run_loose(files, tmp_path / "out") == 0
    record = record_of(tmp_path / "out", "scan")
    assert record["volumes_ml"]["regions"] == {"WT": 0, "TC": 0, "ET": 0}
    assert any("found no tumour" in warning for warning in record["warnings"])


def test_volumes_by_hand():
    mask = np.zeros((4, 3, 2), np.uint8)
    mask[0], mask[1, 0], mask[2, 0, 0] = ED, NCR, ET  # 6, 2 and 1 voxels
    found = volumes_ml(mask, 0.5)
    assert found == {"labels": {"NCR": 1.0, "ED": 3.0, "ET": 0.5}, "regions": {"WT": 4.5, "TC": 1.5, "ET": 0.5}}


def test_record_names_network_input_and_versions_but_no_folder(network, tmp_path):
    affine, flair, _ = paint("1 mm LPS")
    files = write_loose(tmp_path / "in", {"flair": flair, "t1ce": flair}, affine)
    assert run_loose(files, tmp_path / "out") == 0
    record = record_of(tmp_path / "out", "scan")
    card = weights.read_card()
    assert record["network"] == {
        "name": card.name, "weights_sha256": card.weights["sha256"], "weights_hash": card.weights_hash
    }  # fmt: skip
    assert record["input"]["files"] == {"flair": "scan_flair.nii.gz", "t1ce": "scan_t1ce.nii.gz"}
    assert record["input"]["shape"] == [120, 120, 116] and record["input"]["spacing_mm"] == [1, 1, 1]
    assert {"brats_lib", "python", "numpy", "nibabel"} <= record["versions"].keys()
    assert record["intended_use"].startswith("research and teaching only")
    assert record["warnings"][0].startswith(f"{np.count_nonzero(flair) / 1000:.0f} mL are not 0")
    assert len(record["warnings"]) == 3 and "few grey levels" in record["warnings"][1]
    assert str(tmp_path) not in json.dumps(record)


def masks_in(out):
    return {path.name: path.stat().st_mtime_ns for path in out.iterdir()}


@pytest.fixture
def painted_root(tmp_path):
    """Three cases of the painted head."""
    affine, flair, _ = paint("1 mm LPS")
    for name in ("A_1", "A_2", "A_3"):
        for modality in ("flair", "t1ce"):
            (tmp_path / "cases" / name).mkdir(parents=True, exist_ok=True)
            image = nib.Nifti1Image(flair.astype(np.int16), affine)
            nib.save(image, tmp_path / "cases" / name / f"{name}_{modality}.nii.gz")
    return tmp_path / "cases"


def test_rerun_does_what_is_missing_changed_or_by_another_network(network, painted_root, tmp_path, monkeypatch, capsys):
    out, command = tmp_path / "out", ["predict", str(painted_root), "--out", str(tmp_path / "out")]
    assert main(command) == 0
    before = masks_in(out)
    assert sorted(before) == [f"A_{i}{end}" for i in (1, 2, 3) for end in (".json", "_seg.nii.gz")]
    assert main(command) == 0
    assert masks_in(out) == before and capsys.readouterr().out.count("was there already") == 3

    (out / "A_1.json").write_text('{"half a rec')
    (out / "A_2_seg.nii.gz").write_bytes(b"cut short")
    assert main(command) == 0
    after = masks_in(out)
    assert {name for name in before if after[name] != before[name]} == {
        "A_1.json", "A_1_seg.nii.gz", "A_2.json", "A_2_seg.nii.gz"
    }  # fmt: skip

    image = nib.load(painted_root / "A_3" / "A_3_t1ce.nii.gz")
    changed = np.asarray(image.dataobj).copy()
    changed[60, 60, 60] += 1
    nib.save(nib.Nifti1Image(changed, image.affine), painted_root / "A_3" / "A_3_t1ce.nii.gz")
    assert main(command) == 0
    assert {name for name, time in masks_in(out).items() if after[name] != time} == {"A_3.json", "A_3_seg.nii.gz"}

    before = masks_in(out)
    other = replace(network.card, weights=network.card.weights | {"sha256": 64 * "0"})
    monkeypatch.setattr(networks, "open_network", lambda *_: replace(network, card=other))
    assert main(command) == 0
    assert all(before[name] != time for name, time in masks_in(out).items())


def test_mask_of_a_run_that_was_killed_before_its_record_is_made_again(network, painted_root, tmp_path, monkeypatch):
    command = ["predict", str(painted_root), "--out", str(tmp_path / "out")]

    def killed(path, content):
        if path.name == "A_2.json":
            raise KeyboardInterrupt
        write(path, content)

    write = predict.write_whole
    monkeypatch.setattr(predict, "write_whole", killed)
    assert main(command) == 130
    assert sorted(masks_in(tmp_path / "out")) == ["A_1.json", "A_1_seg.nii.gz", "A_2_seg.nii.gz"]
    kept = masks_in(tmp_path / "out")
    monkeypatch.setattr(predict, "write_whole", write)
    assert main(command) == 0
    after = masks_in(tmp_path / "out")
    assert len(after) == 6 and after["A_1.json"] == kept["A_1.json"]
    assert after["A_2_seg.nii.gz"] != kept["A_2_seg.nii.gz"]


def test_full_disk_stops_with_a_message_and_keeps_what_is_done(network, painted_root, tmp_path, monkeypatch, capsys):
    replaced = os.replace

    def full(source, target):
        if "A_2" in str(target):
            raise OSError(28, "No space left on device")
        replaced(source, target)

    monkeypatch.setattr("os.replace", full)
    assert main(["predict", str(painted_root), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "A_2_seg.nii.gz: it cannot be written (No space left on device)" in message and "make room" in message
    assert sorted(masks_in(tmp_path / "out")) == ["A_1.json", "A_1_seg.nii.gz"]


def truncated(file):
    file.write_bytes(file.read_bytes()[:-3000])


def not_a_number(file):
    image = nib.load(file)
    values = image.get_fdata(dtype=np.float32)
    values[60, 60, 60] = np.nan
    nib.save(nib.Nifti1Image(values, image.affine), file)


def moved(file):
    image = nib.load(file)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), turn(3) @ image.affine), file)


def other_shape(file):
    image = nib.load(file)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[:-1], image.affine), file)


def skull(file):
    for path in (file, file.with_name(file.name.replace("t1ce", "flair"))):
        image = nib.load(path)
        volume = np.asarray(image.dataobj, np.float32)
        head = with_skull({"flair": volume, "t1ce": volume})["flair" if "flair" in path.name else "t1ce"]
        nib.save(nib.Nifti1Image(head, image.affine), path)


def not_nifti(file):
    file.write_bytes(gzip.compress(b"this is text, not a scan" * 40))


def text(file):
    file.write_text("not even compressed")


BAD = {
    "missing": (lambda file: file.unlink(), "A_2 has flair; expected also t1ce"),
    "truncated": (truncated, "A_2_t1ce.nii.gz: it is truncated or damaged"),
    "NaN": (not_a_number, "A_2_t1ce.nii.gz: 1 of its voxels are NaN"),
    "moved": (moved, "A_2_t1ce.nii.gz: its affine puts it"),
    "other shape": (other_shape, "A_2_t1ce.nii.gz: its shape is (119, 120, 116); expected (120, 120, 116)"),
    "skull": (skull, "case A_2: a dark layer lies below"),
    "not NIfTI": (not_nifti, "A_2_t1ce.nii.gz: it is not a NIfTI file"),
    "text": (text, "A_2_t1ce.nii.gz: it is not a NIfTI file"),
    "link to nowhere": (lambda file: (file.unlink(), file.symlink_to("nowhere")), "A_2_t1ce.nii.gz: there is no such"),
}


@pytest.mark.parametrize("how", BAD)
def test_cohort_goes_on_past_a_bad_case_and_ends_with_one(how, network, painted_root, tmp_path, capfd):
    spoil, says = BAD[how]
    spoil(painted_root / "A_2" / "A_2_t1ce.nii.gz")
    assert main(["predict", str(painted_root), "--out", str(tmp_path / "out")]) == 1
    told = capfd.readouterr()
    lines = [line for line in told.err.splitlines() if line.startswith("brats: ")]
    assert says in lines[0] and "expected" in lines[0] and lines[1].startswith("brats: 1 of 3 cases could not be")
    assert "Traceback" not in told.err and "2 of 3 cases in" in told.out
    assert sorted(masks_in(tmp_path / "out")) == ["A_1.json", "A_1_seg.nii.gz", "A_3.json", "A_3_seg.nii.gz"]


def test_a_single_bad_case_ends_with_two(network, painted_root, tmp_path, capfd):
    (painted_root / "A_2" / "A_2_t1ce.nii.gz").unlink()
    assert main(["predict", str(painted_root / "A_2"), "--out", str(tmp_path / "out")]) == 2
    assert "A_2 has flair; expected also t1ce" in capfd.readouterr().err
    assert masks_in(tmp_path / "out") == {}


@pytest.mark.parametrize("layout", ["brats2023", "msd", "plain .nii"])
def test_other_layouts_are_read_and_written_under_their_names(layout, network, tmp_path, msd_root, capfd):
    if layout == "msd":
        assert main(["predict", str(msd_root), "--out", str(tmp_path / "out")]) == 0
        names = [f"BRATS_{i}" for i in ("001", "002", "010")]
    else:
        volumes, name = tiny_volumes()[0], "BraTS-GLI-00001-000" if layout == "brats2023" else "Brats18_X_1"
        (tmp_path / "cases" / name).mkdir(parents=True)
        endings = {"flair": "-t2f.nii.gz", "t1ce": "-t1c.nii.gz"}
        for modality in ("flair", "t1ce"):
            ending = endings[modality] if layout == "brats2023" else f"_{modality}.nii"
            nib.save(nib.Nifti1Image(volumes[modality], LPS), tmp_path / "cases" / name / f"{name}{ending}")
        assert main(["predict", str(tmp_path / "cases"), "--out", str(tmp_path / "out")]) == 0
        names = [name]
    assert sorted(masks_in(tmp_path / "out")) == sorted(f"{n}{end}" for n in names for end in (".json", "_seg.nii.gz"))


@pytest.mark.parametrize("place", ["the case's folder", "a file", "a folder without permission"])
def test_output_that_would_do_harm_or_cannot_be_is_refused_before_anything_runs(
    place, network, painted_root, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("brats_lib.predict.predict_one", lambda *_: pytest.fail("something was computed"))
    out = painted_root / "A_1"
    if place == "a file":
        out = tmp_path / "file"
        out.touch()
    elif place == "a folder without permission":
        out = tmp_path / "out"
        monkeypatch.setattr("os.access", lambda *_: False)
    assert main(["predict", str(painted_root), "--out", str(out)]) == 2
    assert f"brats: {out}: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a\\b", "new\nline"])
def test_name_that_is_a_path_is_refused(name, tmp_path):
    with pytest.raises(BratsError, match="no file name"):
        loose_case({"flair": tmp_path / "x_flair.nii.gz"}, name)


@pytest.mark.parametrize(
    ("file", "expected"),
    [("S7_flair.nii.gz", "S7"), ("BraTS-GLI-1-t2f.nii.gz", "BraTS-GLI-1"), ("brain.nii", "brain")],
)
def test_single_files_are_named_after_the_first(file, expected, tmp_path):
    assert loose_case({"flair": tmp_path / file, "t1ce": tmp_path / "other.nii"}).name == expected


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "neither a folder nor single files"),
        (["cases", "--flair", "x.nii"], "a folder and single files"),
        (["cases", "--name", "x"], "--name: it goes with single files"),
        (["--flair", "x.nii"], "x has flair; expected also t1ce"),
        (["--flair", "x.dcm", "--t1ce", "y.nii"], "x.dcm: the name has another ending"),
        (["nowhere"], "nowhere: there is no such folder"),
    ],
)
def test_unusable_arguments_end_with_two(arguments, says, network, tmp_path, capsys):
    assert main(["predict", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err


def test_unreadable_folder_is_named(network, painted_root, tmp_path, monkeypatch, capsys):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    assert main(["predict", str(painted_root), "--out", str(tmp_path / "out")]) == 2
    assert "cannot be read (Permission denied)" in capsys.readouterr().err


def test_header_in_metres_is_warned_of(network, tmp_path):
    affine, flair, _ = paint("1 mm LPS")
    files = write_loose(tmp_path / "in", {"flair": flair, "t1ce": flair}, affine)
    image = nib.load(files["flair"])
    image.header.set_xyzt_units("meter")
    nib.save(nib.Nifti1Image(image.get_fdata(), affine, image.header), files["flair"])
    _, record = predict_one(loose_case(files), network)
    assert any("lengths in metre" in warning for warning in record["warnings"])


def test_network_of_the_published_recipe_needs_1_mm(network, tmp_path):
    affine, flair, _ = paint("anisotropic")
    files = write_loose(tmp_path / "in", {"flair": flair, "t1ce": flair}, affine)
    with pytest.raises(BratsError, match="expected 1 mm along the axes"):
        predict_one(loose_case(files), replace(network, recipe=PUBLISHED))


def test_labels_of_a_1_mm_case_are_those_of_segment_case(tmp_path):
    pytest.importorskip("openvino")
    write_case(tmp_path / "cases", "BraTS20_Training_001", with_mask=False)
    case = Cohort.find(tmp_path / "cases")[0]
    assert main(["predict", str(tmp_path / "cases"), "--out", str(tmp_path / "out")]) == 0
    found = case.read_mask_file(tmp_path / "out" / "BraTS20_Training_001_seg.nii.gz")
    np.testing.assert_array_equal(found, segment_case(case).mask)


@pytest.mark.slow
def test_volumes_of_a_phantom_are_within_what_the_dice_allows(tmp_path):
    """Of two sets with sizes a and b, the Dice is at most 2 min(a, b) / (a + b)."""
    case = make_cohort(tmp_path / "cases", cases=1, seed=21, workers=1, progress=False)[0]
    assert main(["predict", str(tmp_path / "cases"), "--out", str(tmp_path / "out")]) == 0
    truth = case.mask()
    found = case.read_mask_file(tmp_path / "out" / f"{case.name}_seg.nii.gz")
    dice = {row["region"]: row["dice"] for row in score_mask(found, truth, case.spacing)}
    assert dice["WT"] > 0.7
    predicted = record_of(tmp_path / "out", case.name)["volumes_ml"]["regions"]
    true = volumes_ml(truth, 0.001)["regions"]
    for name in ("WT", "TC", "ET"):
        assert abs(predicted[name] - true[name]) <= (1 - dice[name]) * (predicted[name] + true[name]) + 1e-9


@pytest.mark.slow
def test_real_case_on_another_grid_keeps_most_of_its_tumour(real_root, tmp_path):
    """Turned by 10 degrees and in slices of 2 mm, from the real case by SimpleITK; its truth likewise."""
    case = Cohort.find(real_root)[0]
    image = sitk.ReadImage(str(case.files["flair"]))
    target = sitk.Image(260, 260, 90, sitk.sitkFloat32)
    target.SetSpacing((1.0, 1.0, 2.0))
    turned = sitk.Euler3DTransform((0, 0, 0), 0, 0, np.deg2rad(10))
    direction = np.array(turned.GetMatrix()).reshape(3, 3) @ np.array(image.GetDirection()).reshape(3, 3)
    target.SetDirection(direction.ravel().tolist())
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint([(size - 1) / 2 for size in image.GetSize()]))
    target.SetOrigin((middle - direction @ (np.array([1, 1, 2]) * (np.array([260, 260, 90]) - 1) / 2)).tolist())
    files = {}
    for modality in ("flair", "t1ce"):
        source = sitk.ReadImage(str(case.files[modality]), sitk.sitkFloat32)
        inside = sitk.Resample(sitk.Cast(source != 0, sitk.sitkFloat32), target, sitk.Transform(), sitk.sitkLinear)
        values = sitk.Resample(source, target, sitk.Transform(), sitk.sitkLinear)
        files[modality] = tmp_path / f"turned_{modality}.nii.gz"
        sitk.WriteImage(values * sitk.Cast(inside > 0.5, sitk.sitkFloat32), str(files[modality]))
    truth = sitk.Resample(sitk.ReadImage(str(case.mask_file)), target, sitk.Transform(), sitk.sitkNearestNeighbor)
    sitk.WriteImage(truth, str(tmp_path / "truth.nii.gz"))
    assert run_loose(files, tmp_path / "out") == 0
    assert_geometry_is_kept(tmp_path / "out" / "turned_seg.nii.gz", files["flair"])
    turned = Case("turned", files)
    found = turned.read_mask_file(tmp_path / "out" / "turned_seg.nii.gz")
    on_grid = score_mask(found, turned.read_mask_file(tmp_path / "truth.nii.gz"), turned.spacing)[0]["dice"]
    assert on_grid > score_mask(segment_case(case).mask, case.mask(), case.spacing)[0]["dice"] - 0.05
