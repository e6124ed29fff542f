"""A phantom put back into a head with skull, scanned in thick slices, turned and shifted, and prepared again."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pydicom")
pytest.importorskip("SimpleITK")

from conftest import LPS_AFFINE
from examinations import PRIVATE, PROTOCOLS, write_series
from heads import phantom, write_loose
from scipy import ndimage
from scipy.spatial.transform import Rotation

from brats_lib.cases import Cohort
from brats_lib.cases.intake import receive
from brats_lib.cases.nifti import read_grid, read_image, write_mask
from brats_lib.cases.scanner.original import mask_on_scan
from brats_lib.cases.scanner.preparation import prepare, prepare_series, save
from brats_lib.cases.scanner.series import nifti_series
from brats_lib.cli import main
from brats_lib.errors import BratsError
from experiments.heads import pose, scan_of, with_skull

pytestmark = pytest.mark.slow
CENTRE = np.array([-119.5, 117.0, 73.5])
PAD = 13  # voxels that `with_skull` puts around
PADDED = LPS_AFFINE @ np.array([[1, 0, 0, -PAD], [0, 1, 0, -PAD], [0, 0, 1, -PAD], [0, 0, 0, 1.0]])
# Turned by degrees about three axes and shifted by mm, the second of them between the two scans.
POSES = {"t1ce": pose((14, -4, 7), (6, -9, 30), CENTRE), "flair": pose((11, 3, 2), (-2, 4, 21), CENTRE)}
MIDDLE = CENTRE + [2, -5, 20]
SPACING, SHAPE = (1.2, 1.2, 5.0), (192, 216, 38)
WITHIN_MM, WITHIN_DEGREES = 0.5, 0.5


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def brought(mask, to_scan, moved):
    """A mask of the phantom where a prepared case has it, whose point goes to the scan and back to the patient."""
    matrix = np.linalg.inv(LPS_AFFINE) @ np.linalg.inv(moved) @ to_scan @ LPS_AFFINE
    return ndimage.affine_transform(mask.astype(np.float32), matrix[:3, :3], matrix[:3, 3], order=1) > 0.5


@pytest.fixture(scope="module")
def patient():
    """A phantom with its mask and brain."""
    simulated = phantom(0)
    volumes = {modality: simulated.volumes[modality] for modality in POSES}
    return simulated.mask, ndimage.binary_fill_holes(volumes["t1ce"] != 0), with_skull(volumes)


@pytest.fixture(scope="module")
def prepared(patient, tmp_path_factory):
    """The case that `brats prepare` makes of the DICOM files of such a head, the study, and what was prepared."""
    root = tmp_path_factory.mktemp("study")
    for number, (modality, moved) in enumerate(POSES.items(), start=3):
        values, affine = scan_of(patient[2][modality], PADDED, moved, SPACING, SHAPE, MIDDLE)
        noise = np.random.default_rng(number).rayleigh(8, SHAPE)  # air is never 0
        write_series(root / "dicom", values + noise, affine, number, **PROTOCOLS[modality])
    done = prepare(root / "dicom")
    return save(done, root / "cases" / "ann"), done


def test_modalities_lie_within_a_millimetre_and_a_degree(prepared):
    _, done = prepared
    between = done.to_scan["flair"] @ np.linalg.inv(done.to_scan["t1ce"])
    true = POSES["flair"] @ np.linalg.inv(POSES["t1ce"])
    apart = np.linalg.inv(true) @ between
    middle = POSES["t1ce"][:3, :3] @ CENTRE + POSES["t1ce"][:3, 3]
    assert np.linalg.norm(apart[:3, :3] @ middle + apart[:3, 3] - middle) < WITHIN_MM
    assert np.degrees(Rotation.from_matrix(apart[:3, :3]).magnitude()) < WITHIN_DEGREES


def test_the_head_is_turned_and_shifted_but_not_stretched(prepared):
    _, done = prepared
    turn = done.to_scan["t1ce"][:3, :3]
    np.testing.assert_allclose(turn.T @ turn, np.eye(3), atol=1e-9)
    # Heads of BraTS have their fronts turned up by 9 degrees from MNI152's, whose turn phantoms have by and large.
    seen = np.degrees(Rotation.from_matrix(np.linalg.inv(POSES["t1ce"][:3, :3]) @ turn).as_euler("xyz"))
    np.testing.assert_allclose(seen, [-9, 0, 0], atol=5)


def test_brain_is_found(prepared, patient):
    _, done = prepared
    assert dice(done.brain, brought(patient[1], done.to_scan["t1ce"], POSES["t1ce"])) > 0.95


def test_tumour_lies_where_it_was_in_every_modality(prepared, patient):
    _, done = prepared
    flair, t1ce = (brought(patient[0] > 0, done.to_scan[name], POSES[name]) for name in POSES)
    assert dice(flair, t1ce) > 0.95
    assert np.count_nonzero(t1ce & ~done.brain) < 0.05 * np.count_nonzero(t1ce)


def test_case_is_one_that_networks_take(prepared):
    folder, done = prepared
    (case,) = Cohort.find(folder)
    assert (case.name, case.modalities, case.shape) == ("ann", ("flair", "t1ce"), (240, 240, 155))
    np.testing.assert_array_equal(case.affine, LPS_AFFINE)
    volumes, warnings = receive(case, ("flair", "t1ce"))
    assert not warnings
    for modality, volume in volumes.items():
        np.testing.assert_array_equal(volume != 0, done.brain & (done.heads[modality] != 0))


def test_mask_returns_to_the_grid_of_the_scan(prepared, patient, tmp_path):
    folder, done = prepared
    mask = np.where(brought(patient[0] > 0, done.to_scan["t1ce"], POSES["t1ce"]), 2, 0).astype(np.uint8)
    write_mask(mask, read_grid(folder / "ann_t1ce.nii.gz"), tmp_path / "ann_seg.nii.gz")
    (case,) = Cohort.find(folder)
    assert mask_on_scan(tmp_path / "ann_seg.nii.gz", case, tmp_path / "back.nii.gz")
    back = read_image(tmp_path / "back.nii.gz")
    # The phantom's own mask, sampled where the scan has its voxels.
    whole = np.pad((patient[0] > 0).astype(np.float32), PAD)
    expected, affine = scan_of(whole, PADDED, POSES["t1ce"], SPACING, SHAPE, MIDDLE, order=0)
    np.testing.assert_allclose(back.grid.stored_affine, affine, atol=1e-4)
    assert back.stored.shape == SHAPE
    assert dice(back.stored == 2, expected > 0.5) > 0.95
    assert not mask_on_scan(tmp_path / "ann_seg.nii.gz", replace(case, name="bob"), tmp_path / "none.nii.gz")


def test_nothing_of_the_patient_is_written(prepared):
    folder, _ = prepared
    content = b"".join(path.read_bytes() for path in folder.iterdir() if path.suffix in (".json", ".html"))
    content += b"".join(bytes(read_grid(path).header.binaryblock) for path in folder.glob("*.nii.gz"))
    descriptions = [fields["SeriesDescription"] for fields in PROTOCOLS.values()]
    assert not [value for value in (*PRIVATE.values(), *descriptions, "IM003", "dicom/") if value.encode() in content]


def test_report_shows_outline_alignment_and_what_was_assumed(prepared):
    folder, _ = prepared
    page = (folder / "preparation.html").read_text()
    about = json.loads((folder / "preparation.json").read_text())
    assert page.count("<img ") == page.count('src="data:image/png;base64,') == 5
    assert 'src="http' not in page and "<script" not in page
    for words in ("series 3", "series 4", "names a contrast agent", "T1ce and FLAIR by turns", *about["assumed"]):
        assert words.replace("'", "&#x27;") in page


def test_what_is_no_head_is_refused(tmp_path, capsys):
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (40, 40, 80)), indexing="ij")
    leg = 900.0 * (x**2 + y**2 < 0.8) - 700.0 * (x**2 + y**2 < 0.1) + 0 * z
    files = write_loose(tmp_path / "knee", {"flair": leg + 1, "t1ce": leg[::-1] + 2}, np.diag([-3.0, -3, 4.5, 1]))
    options = [f"--{modality}={path}" for modality, path in files.items()]
    assert main(["prepare", *options, f"--out={tmp_path / 'case'}"]) == 2
    assert "does not look like a head" in capsys.readouterr().err
    assert not list((tmp_path / "case").iterdir())


def test_an_image_without_signal_is_refused(tmp_path):
    files = write_loose(tmp_path, {"flair": np.ones((20, 20, 20)), "t1ce": np.zeros((20, 20, 20))}, np.eye(4))
    with pytest.raises(BratsError, match="its voxels are all 1"):
        prepare(None, {modality: str(path) for modality, path in files.items()})


def test_a_few_slices_are_refused(tmp_path):
    files = write_loose(tmp_path, {"flair": np.ones((20, 20, 3)), "t1ce": np.ones((20, 20, 20))}, np.eye(4))
    with pytest.raises(BratsError, match="it has 3 slices"):
        prepare(None, {modality: str(path) for modality, path in files.items()})
    with pytest.raises(BratsError, match="it has 3 slices"):
        prepare_series({modality: (nifti_series(path), "as you said") for modality, path in files.items()})


def test_a_folder_with_other_files_is_left_alone(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["prepare", str(tmp_path), f"--out={tmp_path}"]) == 2
    assert "files are in it" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
