"""Starting, keeping and cleaning up, without a server."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from app.browsing import wait_for
from conftest import ROOT, write_case

from brats_lib.app import launch
from brats_lib.app.memory import Store, over
from brats_lib.app.scans import open_scan, segment
from brats_lib.app.temporary import temporary_folder
from brats_lib.cli import main
from brats_lib.errors import BratsError
from brats_lib.prediction import inference
from brats_lib.prediction.inference import Prediction
from brats_lib.prediction.weights import read_card


def test_a_port_that_is_taken_or_out_of_range_is_refused(tmp_path, capsys):
    write_case(tmp_path, "BraTS20_Training_001")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["app", "--data", str(tmp_path), "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f"port {port}" in error and "--port" in error and "Traceback" not in error
    for far in ("80", "65536"):
        assert main(["app", "--port", far]) == 2
        assert "1024 to 65535" in capsys.readouterr().err


def test_without_streamlit_one_is_told_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    assert main(["app"]) == 2
    assert re.search(r'pip install "pillow>=\S+" "streamlit>=\S+"', capsys.readouterr().err)


KEEPER = """
import sys
from brats_lib.app.temporary import temporary_folder
folder = temporary_folder(1)
import tempfile
tempfile.NamedTemporaryFile(delete=False).write(b"x")
print(folder, flush=True)
sys.stdin.read()
"""


def keeper(place):
    """A process with a temporary folder, and the folder."""
    process = subprocess.Popen([sys.executable, "-c", KEEPER], cwd=ROOT, env=os.environ | {"TMPDIR": str(place)},
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
    return process, Path(process.stdout.readline().strip())


@pytest.mark.parametrize("ending", [None, signal.SIGHUP, signal.SIGKILL])
def test_what_is_temporary_goes_with_the_process_whatever_ends_it(tmp_path, ending):
    process, folder = keeper(tmp_path)
    assert folder.parent == tmp_path and folder.stat().st_mode & 0o077 == 0 and len(list(folder.iterdir())) == 2
    process.send_signal(ending) if ending else process.stdin.close()
    assert process.wait(timeout=20) == -(ending or 0)
    wait_for(lambda: not folder.exists(), patience=20)


def test_what_a_dead_server_left_is_removed_by_the_next_and_what_a_living_one_has_is_not(tmp_path):
    left, results = tmp_path / "brats-app-left", tmp_path / "brats-app-results"
    for folder in (left, results):
        folder.mkdir()
        (folder / "own_scan_flair.nii").write_text("x")
    (left / ".made-by-brats-app").touch()
    (tmp_path / "brats-app-file").touch()
    processes, folders = zip(*[keeper(tmp_path) for _ in range(2)], strict=True)
    assert sorted(tmp_path.iterdir()) == sorted([*folders, results, tmp_path / "brats-app-file"])
    for process in processes:
        process.communicate()


def test_a_temporary_folder_that_cannot_be_used_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    with pytest.raises(BratsError, match=r"nowhere: no folder can be made in it \(No such file or directory\).*TMPDIR"):
        temporary_folder(1)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(BratsError, match="at least 1000000000 MB for temporary files"):
        temporary_folder(10**9)
    assert list(tmp_path.iterdir()) == []


def test_one_case_is_segmented_at_a_time_by_a_network_that_stays_loaded(scan, monkeypatch):
    busy, networks_used = threading.Lock(), set()
    real = inference.predict_stack

    def predict_stack(network, stack):
        assert busy.acquire(blocking=False)
        networks_used.add(id(network.model))
        threading.Event().wait(0.02)
        busy.release()
        return real(network, stack)

    monkeypatch.setattr(inference, "predict_stack", predict_stack)
    for path in scan.case.files.values():
        path.unlink()
    # What was read already is not read again, and the default network is the same one by its name.
    with ThreadPoolExecutor(3) as pool:
        first, *others = pool.map(segment, [scan] * 3, [None, None, read_card(None).name])
    assert len(networks_used) == 1
    assert all(np.array_equal(other.mask, first.mask) for other in others)


def test_a_case_that_was_edited_meanwhile_is_another_scan(scan):
    """As the server has its cases: looked at once, then written again on another grid under the same names."""
    for path in (*scan.case.files.values(), scan.case.mask_file):
        image = nib.load(path)
        nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj)[:, :, ::-1], image.affine * [1, 1, 2, 1]), path)
    after = open_scan(scan.case)
    assert scan.fingerprint != after.fingerprint and after.case.spacing == (1.0, 1.0, 2.0)
    assert np.array_equal(after.volumes["flair"], scan.volumes["flair"][:, :, ::-1])


def test_the_store_holds_so_many_bytes_and_drops_what_was_not_used_for_longest():
    store, hundred = Store(300), np.zeros(100, np.uint8)
    store.put(("here", "a"), hundred)
    store.put(("there", "b"), {"b": (hundred,)})
    store.put(("there", "c"), Prediction(hundred[:60], np.zeros(20, np.float16), ()))
    # All three, and the second was not used.
    assert store.get(("there", "c")) is not None and store.get(("here", "a")) is hundred
    store.put(("here", "d"), hundred)
    assert store.get(("there", "b")) is None
    assert store.get(("here", "a")) is hundred and store.get(("there", "c")) is not None
    store.keep_only(["here"])
    assert store.get(("there", "c")) is None and store.get(("here", "d")) is hundred


def test_sessions_that_come_back_are_waited_for():
    last_seen = {"here": 0.0, "gone": 0.0}
    assert over(last_seen, "here".__eq__, 119) == []
    assert over(last_seen, "here".__eq__, 121) == ["gone"]
    assert over(last_seen, "here".__eq__, 5000) == over(last_seen, "nowhere".__eq__, 5120) == []
    assert over(last_seen, "nowhere".__eq__, 5121) == ["here"]


def test_a_file_that_is_too_long_is_cut_and_still_a_file():
    """What an application behind `bounded` gets of a form that is sent in pieces of seven bytes."""
    pytest.importorskip("streamlit", reason="the extra `app` is not installed")
    from brats_lib.app import serve

    got, sent, start = [], [], {"type": "http.response.start", "status": 200, "headers": []}
    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=line")]}

    async def app(scope, receive, send):
        while (message := await receive()).get("more_body"):
            got.append(message["body"])
        got.append(message["body"])
        await send(start)

    async def send(message):
        sent.append(message)

    for length, most, whole in ((100, 200, True), (100, 50, False), (10_000, 50, False)):
        form = b"a form with a file: " + b"x" * length + b"\r\n--line--\r\n"
        pieces = [form[at : at + 7] for at in range(0, len(form), 7)]
        left = [{"type": "http.request", "body": piece, "more_body": piece is not pieces[-1]} for piece in pieces]

        async def receive(left=left):
            return left.pop(0)

        got.clear()
        asyncio.run(serve.bounded(app, most)(scope, receive, send))
        assert left == [] and b"".join(got) == (form if whole else form[:50] + b"\r\n--line--\r\n")
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY" and "frame-ancestors 'none'" in headers["content-security-policy"]
