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

from brats_lib.app import engine, launch
from brats_lib.app.memory import Janitor, Store
from brats_lib.app.scans import NEEDED, open_scan
from brats_lib.app.temporary import temporary_folder
from brats_lib.cases import Cohort
from brats_lib.cli import main
from brats_lib.errors import BratsError
from brats_lib.prediction import inference
from brats_lib.prediction.inference import Prediction
from brats_lib.prediction.weights import read_card


def test_a_port_that_is_taken_is_said_so(tmp_path, capsys):
    write_case(tmp_path, "BraTS20_Training_001")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["app", "--data", str(tmp_path), "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f"port {port}" in error and "--port" in error and "Traceback" not in error


@pytest.mark.parametrize("port", ["80", "65536"])
def test_a_port_out_of_range_is_refused(port, capsys):
    assert main(["app", "--port", port]) == 2
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


def test_without_cases_phantoms_are_made(tmp_path, monkeypatch):
    (tmp_path / "workflow" / "params").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BRATS_DATA", raising=False)

    def make_cohort(folder, cases, seed):
        assert (folder, cases, seed) == (tmp_path / "runs" / "phantoms-seed0", 4, 0)
        write_case(folder, "Phantom_001")
        return Cohort.find(folder)

    monkeypatch.setattr(launch, "make_cohort", make_cohort)
    assert launch.find_cases().names == ("Phantom_001",)
    write_case(tmp_path / "others", "BraTS20_Training_001")
    monkeypatch.setenv("BRATS_DATA", str(tmp_path / "others"))
    assert launch.find_cases().names == ("BraTS20_Training_001",)


@pytest.fixture
def case(tmp_path):
    write_case(tmp_path, "BraTS20_Training_001", suffix=".nii")
    return Cohort.find(tmp_path)[0]


def test_one_case_is_segmented_at_a_time_by_a_network_that_stays_loaded(case, monkeypatch):
    running, most, networks_used = [], [], set()
    real = inference.predict_stack

    def predict_stack(network, stack):
        networks_used.add(id(network.model))
        running.append(stack.name)
        most.append(len(running))
        threading.Event().wait(0.02)
        running.remove(stack.name)
        return real(network, stack)

    monkeypatch.setattr(inference, "predict_stack", predict_stack)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(engine.segment, [case, case]))
    volumes = case.volumes(NEEDED)
    for path in case.files.values():
        path.unlink()
    # What was read already is not read again, and the default network is the same one by its name.
    found.append(engine.segment(case, read_card(None).name, volumes))
    assert most == [1, 1, 1] and len(networks_used) == 1
    assert all(np.array_equal(each.mask, found[0].mask) for each in found)
    assert found[0].probabilities.shape == (*case.shape, 3)


def test_a_case_that_was_edited_meanwhile_is_another_scan(case):
    """As the server has its cases: looked at once, then written again on another grid under the same names."""
    before = open_scan(case)
    for path in (*case.files.values(), case.mask_file):
        image = nib.load(path, mmap=False)
        nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj)[:, :, ::-1], image.affine * [1, 1, 2, 1]), path)
    after = open_scan(case)
    assert before.fingerprint != after.fingerprint and after.case.spacing == (1.0, 1.0, 2.0)
    assert np.array_equal(after.volumes["flair"], before.volumes["flair"][:, :, ::-1])


def test_a_scan_that_does_not_fit_into_memory_is_said_so(case, monkeypatch):
    def predict_stack(*_):
        raise MemoryError

    monkeypatch.setattr(inference, "predict_stack", predict_stack)
    with pytest.raises(BratsError, match="do not fit into memory"):
        engine.segment(case)


def test_the_store_holds_so_many_bytes_and_drops_what_was_not_used_for_longest():
    store, hundred = Store(300), np.zeros(100, np.uint8)
    store.put(("here", "a"), hundred)
    store.put(("there", "b"), {"b": (hundred,)})
    store.put(("there", "c"), Prediction(hundred[:60], np.zeros(20, np.float16), ()))
    assert store.get(("here", "a")) is hundred and store.get(("there", "a")) is None and store.bytes == 300
    store.put(("here", "d"), hundred)
    assert store.get(("there", "b")) is None and store.bytes == 300
    assert store.get(("here", "a")) is hundred and store.get(("there", "c")) is not None
    store.put(("there", "e"), np.zeros(1000, np.uint8))
    assert store.bytes == 1000
    store.put(("here", "f"), hundred)
    store.keep_only(["here", "elsewhere"])
    assert store.bytes == 100 and store.get(("here", "f")) is hundred


def test_the_janitor_waits_for_sessions_that_come_back_and_hurries_when_somebody_else_has_come():
    now = iter([0, 0, 119, 121, 5000, 5000, 5015, 5016, 5017])
    janitor = Janitor(lambda: next(now))
    janitor.watch("here")
    janitor.watch("gone")
    assert janitor.over("here".__eq__) == [] and janitor.sessions() == ["here", "gone"]
    assert janitor.over("here".__eq__) == ["gone"]
    assert janitor.over("here".__eq__) == [] and janitor.sessions() == ["here"]
    janitor.watch("slow")
    assert janitor.over("here".__eq__) == []
    janitor.watch("next")
    assert janitor.over(["here", "next"].__contains__) == ["slow"] and janitor.sessions() == ["here", "next"]


def uploaded(content, most, before=b"a form with a file: "):
    """What an application behind `bounded` gets of a form that is sent in pieces of seven bytes, and the headers."""
    pytest.importorskip("streamlit", reason="the extra `app` is not installed")
    from brats_lib.app import serve

    got, sent = [], []

    async def app(scope, receive, send):
        while (message := await receive()).get("more_body"):
            got.append(message["body"])
        got.append(message["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    form = before + content + b"\r\n--line--\r\n"
    pieces = [form[start : start + 7] for start in range(0, len(form), 7)]
    messages = iter([{"type": "http.request", "body": piece, "more_body": piece is not pieces[-1]} for piece in pieces])

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=line")]}
    asyncio.run(serve.bounded(app, most)(scope, receive, send))
    assert next(messages, None) is None
    return b"".join(got), form, {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def test_a_file_that_is_too_long_is_cut_and_still_a_file():
    got, form, headers = uploaded(b"x" * 100, most=200)
    assert got == form
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY" and "frame-ancestors 'none'" in headers["content-security-policy"]
    for length in (100, 10_000):
        got, form, _ = uploaded(b"x" * length, most=50)
        assert got == form[:50] + b"\r\n--line--\r\n"
