"""Scans as they come from the scanner, from the uploader to both ways to look at them.

Preparation and network are stand-ins; they are tested where they are, and with the page in `test_browser`.
"""

import gzip
import sys
import tempfile
import zipfile
from io import BytesIO

import nibabel as nib
import numpy as np
import pytest

pytest.importorskip("pydicom")
pytest.importorskip("SimpleITK")
pytest.importorskip("streamlit.testing.v1", reason="the extra `app` is not installed")

from conftest import ROOT, tiny_volumes, write_case
from examinations import PRIVATE, PROTOCOLS, change, write_series
from streamlit.testing.v1 import AppTest

from brats_lib.app import page_segment, scanned
from brats_lib.app.scanned import brought_back, make, open_prepared
from brats_lib.cases import scanner
from brats_lib.cases.scanner import preparation
from brats_lib.cases.scanner.recognition import find_series, propose
from brats_lib.labels import REGIONS
from brats_lib.prediction.inference import Prediction
from brats_lib.prediction.weights import available

# A scan has its voxel (a, b, c) where the prepared case has (3a, 3b, 4c).
GRID, GRID_AFFINE = (60, 60, 40), np.diag([-3.0, -3, 3, 1])
SHAPE, AFFINE = (20, 24, 12), np.diag([-9.0, -9, 12, 1])
# What a technician types may hold a name, and so may what a folder is called.
NAMES = [name.encode() for name in (*PRIVATE.values(), "Mrs Doe", "mrs doe", "DOE_JANE")]


def packed(root):
    """A folder as a zip file."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(root.rglob("*")):
            archive.write(path, f"DOE_JANE/{path.relative_to(root)}")
    return content.getvalue()


def values(modality):
    """A scan without any background, as air and noise make it."""
    return np.random.default_rng(len(modality)).integers(1, 900, SHAPE) + (500 if modality == "t1ce" else 0)


@pytest.fixture
def study(tmp_path):
    """The folder of a study: FLAIR is series 1, T1 2, T1ce 3 and T2 4."""
    for number, (modality, fields) in enumerate(PROTOCOLS.items(), start=1):
        said = fields | {"SeriesDescription": f"Mrs Doe {fields['SeriesDescription']}"}
        write_series(tmp_path / "cd" / str(number), values(modality), AFFINE, number, **said)
    return tmp_path / "cd"


@pytest.fixture
def calls(monkeypatch):
    """What the stand-in was asked for: each modality with the series that was taken for it."""
    volumes, asked = tiny_volumes(shape=GRID)[0], []

    def stand_in(chosen, remarks=(), brain="average", report=print):
        report("align the modalities")
        scans = {modality: series for modality, (series, _) in chosen.items()}
        asked.append({modality: series.name for modality, series in scans.items()})
        reasons = {modality: why for modality, (_, why) in chosen.items()}
        heads = {modality: volumes[modality].astype(np.float32) for modality in scans}
        to_scan = dict.fromkeys(scans, np.eye(4))
        return preparation.Preparation(scans, reasons, to_scan, heads, volumes["t1"] != 0, heads, brain, list(remarks))

    monkeypatch.setattr(preparation, "GRID", GRID)
    monkeypatch.setattr(preparation, "AFFINE", GRID_AFFINE)
    monkeypatch.setattr(preparation, "prepare_series", stand_in)
    return asked


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


@pytest.fixture
def page(tmp_path, monkeypatch, temporary):
    """The application on a tiny case, at the uploaders."""
    write_case(tmp_path / "cases", "BraTS20_Training_001")
    mask = tiny_volumes(shape=GRID)[1]
    found = Prediction(mask, np.zeros((*GRID, 3), np.float16), tuple(REGIONS))
    monkeypatch.setattr(page_segment, "segment", lambda scan, network: found)
    monkeypatch.setattr(sys, "argv", ["main.py", str(tmp_path / "cases")])
    opened = AppTest.from_file(ROOT / "brats_lib" / "app" / "main.py", default_timeout=120).run()
    opened.sidebar.button_group[0].set_value("My own scan").run()
    return opened


def upload(page, role, content, name="x"):
    page.file_uploader(key=f"upload-{role}").upload(name, content).run()
    assert not page.exception


def press(page, label):
    (button,) = (button for button in page.button if button.label == label)
    button.click().run()
    assert not page.exception


def switch(page, option):
    """Press one of the buttons of which one is always pressed."""
    (group,) = (group for group in page.button_group if option in group.options)
    group.set_value(option).run()
    assert not page.exception


def labels(page):
    return [button.label for button in page.button]


def elements(page):
    """What the browser is sent of every element."""
    return [str(node.proto).encode() for node in page._tree if getattr(node, "proto", None) is not None]


def pictures(page):
    return [image.proto.imgs[0].alt for image in page.get("image")]


def choices(page):
    return {box.label: box.value for box in page.main.selectbox}


def named(*texts):
    """What of a patient's header is in any of some texts."""
    return [name for name in NAMES for text in texts if name in text]


def written(folder):
    """What the files below a folder hold, unpacked; there are some."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert paths
    return [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in paths]


def test_a_zip_of_dicom_is_prepared_and_looked_at_in_both_ways(page, study, calls, temporary):
    upload(page, "study", packed(study), "cd.zip")
    assert choices(page) == {"FLAIR": 1, "T1": 2, "T1ce": 3, "T2": 4} and not named(*elements(page))
    press(page, "Prepare")
    assert calls == [{"flair": "series 1", "t1": "series 2", "t1ce": "series 3", "t2": "series 4"}]
    assert [element for element in elements(page) if b"Preparation of own_scan" in element]
    assert pictures(page) == ["axial FLAIR slice 20 of own_scan", "axial T1ce slice 20 of own_scan"]
    assert [text for text in page.caption if "FLAIR series 1 · T1ce series 3" in text.value]
    assert not named(*elements(page), *written(temporary))
    press(page, "Segment")
    assert len(pictures(page)) == 6
    switch(page, "As scanned")
    before, after = pictures(page)
    assert before == "axial T1ce slice 6 of own_scan" and after.startswith("axial T1ce slice 6 with tumour labels")
    switch(page, "Compare networks")
    assert [alt.split(": ")[1] for alt in pictures(page)] == [available()[0]]
    switch(page, "Three planes")
    assert len(pictures(page)) == 3 and len(calls) == 1
    press(page, "Report of the preparation")
    assert [element for element in elements(page) if b"Preparation of own_scan" in element]
    assert not named(*elements(page), *written(temporary))


def test_where_headers_do_not_tell_a_person_does(page, study, calls):
    for path in (study / "3").iterdir():
        change(path, ContrastBolusAgent=None)
    upload(page, "study", packed(study))
    assert choices(page)["T1ce"] == 0 and "Prepare" not in labels(page)
    assert "Nothing says which series is T1ce." in page.warning[1].value
    t1, t1ce, t2 = (next(box for box in page.main.selectbox if box.label == name) for name in ("T1", "T1ce", "T2"))
    t1ce.set_value(3).run()
    t1.set_value(3).run()
    assert "One series is chosen for two modalities." in page.warning[1].value and "Prepare" not in labels(page)
    t1.set_value(0)
    t2.set_value(0).run()
    press(page, "Prepare")
    assert calls == [{"flair": "series 1", "t1ce": "series 3"}]
    # Chosen otherwise once more, it is prepared from the zip file again.
    t1.set_value(2).run()
    assert not pictures(page)
    press(page, "Prepare")
    assert calls[1] == {"flair": "series 1", "t1": "series 2", "t1ce": "series 3"} and pictures(page)


def nifti(modality, affine):
    return nib.Nifti1Image(values(modality).astype(np.int16), affine).to_bytes()


ASIDE = AFFINE + 20 * np.eye(4, k=3)


@pytest.mark.parametrize(
    ("affine", "why"), [(AFFINE, "mL of its voxels are not 0"), (ASIDE, "its affine puts it 20.0 mm away")]
)
def test_files_that_are_refused_as_they_are_can_be_prepared(page, calls, temporary, affine, why):
    upload(page, "flair", nifti("flair", AFFINE), "mine_flair.nii")
    upload(page, "t1ce", nifti("t1ce", affine), "mine_t1ce.nii")
    assert why in page.error[0].value.replace("\\", "") and not pictures(page)
    press(page, "Prepare")
    assert not page.error and len(pictures(page)) == 2
    assert calls == [{"flair": "own_scan_flair.nii", "t1ce": "own_scan_t1ce.nii"}]
    assert [text for text in page.caption if "FLAIR mine\\_flair\\.nii" in text.value]
    # What may be two patients' is not prepared.
    upload(page, "flair", nifti("flair", AFFINE + 1), "other.nii")
    assert "stayed while another file was exchanged" in page.error[0].value
    assert "Prepare" not in labels(page) and not pictures(page)


def test_what_cannot_be_prepared_is_said_and_nothing_stays(page, study, calls, temporary, monkeypatch):
    upload(page, "study", b"PK, no zip", "cd.zip")
    assert "zip file “cd.zip”: it is truncated or damaged" in page.error[0].value.replace("\\", "")
    monkeypatch.setattr(scanned, "MAX_SERIES_VOXELS", 5000)
    upload(page, "study", packed(study))
    press(page, "Prepare")
    assert "its headers claim 5,760 voxels" in page.error[0].value.replace("\\", "")
    assert "Prepare" in labels(page) and not pictures(page)
    change(next((study / "2").iterdir()), StudyInstanceUID="1.2.4")
    upload(page, "study", packed(study))
    assert "it holds 2 studies" in page.error[0].value and not [path for path in temporary.rglob("*") if path.is_file()]
    monkeypatch.setattr(scanner, "find_spec", lambda name: None)
    upload(page, "study", packed(study))
    assert "the package pydicom is missing" in page.error[0].value


def test_scan_and_mask_on_the_grid_of_the_scanner(study, calls, temporary):
    chosen = propose(find_series(study, []), {}, [])
    make(chosen, [], temporary, calls.append)
    scan = open_prepared(temporary, chosen)
    np.testing.assert_array_equal(scan.original.volumes["t1ce"], values("t1ce"))
    np.testing.assert_allclose(scan.original.case.affine, AFFINE)
    mask, expected = np.zeros(GRID, np.uint8), np.zeros(SHAPE, np.uint8)
    mask[30:40, 27:34, 18:22], expected[10:14, 9:12, 5] = 2, 2
    np.testing.assert_array_equal(brought_back(scan, Prediction(mask, np.zeros(0))).mask, expected)
