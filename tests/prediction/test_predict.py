"""`brats predict`: masks in the scans' own geometry, and volumes as counted by hand."""

import json

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from heads import write_loose
from painted import GRIDS, RADII, UNTOUCHED, paint, ramp, record_of, run_loose

from brats_lib.cases import Cohort
from brats_lib.labels import ED, ET, NCR
from brats_lib.prediction import weights
from brats_lib.prediction.predict import predict_cases


def write_head(folder, name="1 mm LPS"):
    """Write the painted head on a grid; returns its files and the labels that are true there."""
    affine, flair, truth = paint(name)
    return write_loose(folder, {"flair": flair, "t1ce": ramp(flair)}, affine), truth


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
    files, truth = write_head(tmp_path / "in", name)
    assert run_loose(files, tmp_path / "out") == 0
    mask_file = tmp_path / "out" / "scan_seg.nii.gz"
    assert_geometry_is_kept(mask_file, files["flair"])
    mask = nib.load(mask_file)
    found, record = np.asarray(mask.dataobj), record_of(tmp_path / "out", "scan")
    # The network saw the brain, or what the field of view holds of it, in axial slices of 1 mm.
    assert network.model.slices_of_brain == pytest.approx(60 if name == "cropped" else 110, abs=2)
    assert record["input"]["resampled"] is (name not in UNTOUCHED)
    if name in UNTOUCHED:
        np.testing.assert_array_equal(found, truth)
    # By hand: voxels times their size, and the balls that were painted.
    millilitres, volumes = np.abs(np.linalg.det(mask.affine[:3, :3])) / 1000, record["volumes_ml"]
    for label_name, label in (("NCR", NCR), ("ED", ED), ("ET", ET)):
        both, sizes = ((found == label) & (truth == label)).sum(), (found == label).sum() + (truth == label).sum()
        assert 2 * both / sizes > 0.9
        assert volumes["labels"][label_name] == pytest.approx(np.count_nonzero(found == label) * millilitres)
    balls = dict(zip(("WT", "TC", "ET"), 4 / 3 * np.pi * np.array(RADII) ** 3 / 1000, strict=True))
    assert volumes["regions"] == pytest.approx(balls, rel=0.06)
    assert f"WT {volumes['regions']['WT']:.1f} mL" in capsys.readouterr().out


def test_record_names_network_input_versions_and_what_is_odd_but_no_folder(network, tmp_path):
    network.model.levels = [99.0, 99.5, 99.9]
    files, _ = write_head(tmp_path / "in")
    assert run_loose(files, tmp_path / "out") == 0
    record, card = record_of(tmp_path / "out", "scan"), weights.read_card()
    network = record["network"]
    assert (network["name"], network["weights_sha256"]) == (card.name, card.weights["sha256"])
    assert network["decision"]["wt_above"] == card.rule.wt_above
    assert record["input"]["files"] == {"flair": "scan_flair.nii.gz", "t1ce": "scan_t1ce.nii.gz"}
    assert record["input"]["shape"] == [120, 120, 116] and record["input"]["spacing_mm"] == [1, 1, 1]
    assert {"brats_lib", "python", "numpy", "nibabel"} <= record["versions"].keys()
    assert record["intended_use"].startswith("research and teaching only")
    assert record["volumes_ml"]["regions"] == {"WT": 0, "TC": 0, "ET": 0}
    size, constant, nothing = record["warnings"]
    assert size.startswith(f"{np.count_nonzero(nib.load(files['flair']).dataobj) / 1000:.0f} mL are not 0")
    assert "of the brain's FLAIR voxels are 200" in constant and "found no tumour" in nothing
    assert str(tmp_path) not in json.dumps(record)


def prepared(folder):
    """The painted head as `brats prepare` would leave it; it was scanned 20 mm lower, in voxels of 2 x 2 x 4 mm."""
    files, _ = write_head(folder)
    shape, lower = (120, 120, 50), np.eye(4)
    lower[2, 3] = -20
    affine = np.diag([-2.0, -2, 4, 1])
    affine[:3, 3] = [119, 119, -118]
    scan = {"shape": shape, "affine": affine.tolist(), "to_scan": lower.tolist()}
    about = {"record": 1, "case": "scan", "original": "t1ce", "scans": {"t1ce": scan}}
    (folder / "preparation.json").write_text(json.dumps(about))
    return next(iter(Cohort.find(folder))), files, shape, affine


def test_mask_is_written_on_the_grid_of_the_scan_too(network, tmp_path):
    case, _, shape, affine = prepared(tmp_path / "scan")
    predict_cases([case], tmp_path / "out", network)
    here, there = (nib.load(tmp_path / "out" / f"scan_seg{end}.nii.gz") for end in ("", "_original"))
    assert there.shape == shape
    np.testing.assert_allclose(there.affine, affine)
    # The whole tumour is a ball; 20 mm lower in the world of the scan lies what is here.
    middles = [image.affine @ [*np.argwhere(np.asarray(image.dataobj) > 0).mean(0), 1] for image in (here, there)]
    np.testing.assert_allclose(middles[1] - middles[0], [0, 0, -20, 0], atol=1)
    volume = np.count_nonzero(there.dataobj) * 16
    assert abs(volume / (4 / 3 * np.pi * RADII[0] ** 3) - 1) < 0.1


def test_a_mask_on_the_scan_that_was_changed_is_kept_under_another_name(network, tmp_path):
    case, *_ = prepared(tmp_path / "scan")
    predict_cases([case], tmp_path / "out", network)
    assert predict_cases([case], tmp_path / "out", network).kept == ["scan"]
    changed = tmp_path / "out" / "scan_seg_original.nii.gz"
    changed.write_bytes(b"corrected by hand")
    again = predict_cases([case], tmp_path / "out", network)
    assert not again.kept and "kept as scan_seg_original" in again.notes["scan"][1]
    kept = [path for path in (tmp_path / "out").iterdir() if "previous" in path.name]
    assert [path.read_bytes() for path in kept] == [b"corrected by hand"]
