"""Nothing is sent anywhere: not by this package, and not by the libraries that it loads."""

import subprocess
import sys

import pytest
from conftest import write_case
from outward import watched

BRATS = "import sys; from brats_lib.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("engine", ["openvino", "keras"])
def test_predicting_asks_no_machine_for_anything_and_leaves_nothing_at_home_but_hidden_files(engine, tmp_path):
    if engine == "openvino":
        pytest.importorskip("openvino")
    write_case(tmp_path / "cases", "BraTS20_Training_001", with_mask=False)
    environment, asked = watched(tmp_path)
    (tmp_path / "home").mkdir()
    environment |= {"HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", BRATS, "predict", "cases", "--out", "out", "--engine", engine]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and f"on {engine}" in done.stdout, done.stdout + done.stderr
    assert asked() == []
    # OpenVINO's reports would leave a lasting client id in ~/intel.
    assert [path for path in (tmp_path / "home").iterdir() if not path.name.startswith(".")] == []
