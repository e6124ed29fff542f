"""The experiment that prepares patients scanned anew: scans lie where their matrices say, and cases are done once."""

import sys

import numpy as np
import pandas as pd
import pytest
from conftest import LPS_AFFINE, write_case

from brats_lib.book.tables import by_preparation, steps
from brats_lib.cases import Cohort
from brats_lib.cases.nifti import read_image
from experiments import record, scanner


def test_scans_show_a_point_where_the_patient_lies(tmp_path):
    x, y, z = np.ogrid[:60, :60, :60]
    brain = 100.0 * ((x - 30) ** 2 + (y - 30) ** 2 + (z - 30) ** 2 < 25**2)
    spot = np.array([36, 22, 33])
    volumes = {"t1ce": brain + 2000 * np.exp(-((x - 36) ** 2 + (y - 22) ** 2 + (z - 33) ** 2) / 18), "flair": brain}
    poses = scanner.scan_again(volumes, LPS_AFFINE, tmp_path, seed=3)
    image = read_image(tmp_path / "scan_t1ce.nii")
    brightest = np.argwhere(image.values() == image.values().max())[0]
    found, expected = image.grid.affine @ [*brightest, 1], poses["t1ce"] @ LPS_AFFINE @ [*spot, 1]
    # Within half a voxel of 0.9 x 0.9 x 1.5 mm, and what interpolation adds.
    assert np.abs(found - expected).max() < 1
    assert not np.allclose(poses["t1ce"], poses["flair"])
    assert read_image(tmp_path / "scan_flair.nii").grid.spacing == pytest.approx((0.9, 0.9, 5))


def test_patients_are_prepared_once_and_again_after_a_change(tmp_path, monkeypatch):
    for name in ("BraTS20_Training_001", "BraTS20_Training_002"):
        write_case(tmp_path / "data", name)
    done = []

    def compared(case, seed):
        done.append((case.name, seed))
        return {"case": case.name, "brain": 0.5 * len(done)}

    monkeypatch.setattr(scanner, "_compared", compared)
    monkeypatch.setattr(scanner, "RUNS", tmp_path / "runs")
    for name, value in {"FOLDER": tmp_path / "results", "COMMIT": "0123456", "CHANGED": []}.items():
        monkeypatch.setattr(record, name, value)
    names = Cohort.find(tmp_path / "data").names
    scanner.compare_preparation(str(tmp_path / "data"))
    scanner.compare_preparation(str(tmp_path / "data"))
    assert done == [(name, [0, number]) for number, name in enumerate(names)]
    assert pd.read_csv(tmp_path / "results" / "scanner.csv")["brain"].tolist() == [0.5, 1.0]
    monkeypatch.setattr(scanner, "_version", lambda: "another")
    scanner.compare_preparation(str(tmp_path / "data"))
    assert len(done) == 4


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_steps_are_timed_by_what_a_command_prints(monkeypatch):
    code = "import time; print('one ...'); b = bytearray(200 * 2**20); time.sleep(.2); print('two ...'); del b; print()"
    monkeypatch.setattr(scanner, "BRATS", code)
    (start, _, _), (one, seconds, peak), (two, *_) = scanner._steps("start")
    assert (start, one, two) == ("start", "one", "two")
    assert 0.2 <= seconds < 20 and 200 < peak < 400


def test_tables_have_means_largest_errors_and_sums():
    rows = [
        {"case": "a", "flair_mm": 0.1, "flair_degrees": 0.2, "brain": 0.96},
        {"case": "b", "flair_mm": 0.3, "flair_degrees": 0.8, "brain": 0.98},
    ]
    for row, dice in zip(rows, (0.5, 0.9), strict=True):
        row |= {f"{name}_{kind}": dice for name in ("WT", "TC", "ET") for kind in ("original", "scanned", "prepared")}
    text = by_preparation(pd.DataFrame(rows))
    assert "mean 0.970, least 0.960" in text and text.count("0.700") == 9
    assert last_row(text) == ["FLAIR", "0.20", "0.30", "0.50", "0.80"]
    text = steps(pd.DataFrame({"step": ["start", "write"], "seconds": [1.25, 2.0], "peak_mb": [300.4, 1200.0]}))
    assert last_row(text) == ["in all", "3.2", "1,200"]


def last_row(table):
    return [cell.strip() for cell in table.splitlines()[-1].split("|")[1:-1]]
