"""Nothing is sent anywhere: not by this package, and not by the libraries that it loads."""

import pytest
from conftest import write_case
from outward import files_in, watch

BRATS = "import sys; from brats_lib.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("engine", ["openvino", "keras"])
def test_predicting_asks_the_network_for_nothing_and_leaves_no_file_at_home(engine, tmp_path):
    if engine == "openvino":
        pytest.importorskip("openvino")
    write_case(tmp_path / "cases", "BraTS20_Training_001", with_mask=False)
    command = ["predict", str(tmp_path / "cases"), "--out", str(tmp_path / "out"), "--engine", engine]
    asked, done = watch(tmp_path, ["-c", BRATS, *command], tmp_path / "home")
    assert done.returncode == 0 and f"on {engine}" in done.stdout, done.stdout + done.stderr
    assert asked == []
    # OpenVINO's reports would leave a lasting client id in ~/intel.
    assert [name for name in files_in(tmp_path / "home") if not name.startswith(".")] == []


def test_the_spy_sees_what_a_thread_sends_and_tells_nobody(tmp_path):
    (tmp_path / "send.py").write_text("""
import contextlib, threading, urllib.request
def send():
    with contextlib.suppress(OSError):
        urllib.request.urlopen("http://192.0.2.1/", timeout=0.1)
threading.Thread(target=send).start()
""")
    asked, _ = watch(tmp_path, ["send.py"], tmp_path / "home")
    assert set(asked) == {"http://192.0.2.1/", "192.0.2.1"}
