"""Starting, keeping and cleaning up, without a server."""

import os
import re
import socket
import subprocess
import sys
import threading

import nibabel as nib
import numpy as np
import pytest
from conftest import ROOT, write_case

from brats_lib import inference, networks
from brats_lib.app import engine, launch, opening
from brats_lib.app.janitor import Janitor
from brats_lib.app.shelf import Shelf
from brats_lib.cli import main
from brats_lib.errors import BratsError
from brats_lib.weights import read_card


def test_the_server_listens_here_alone_and_tells_nobody(tmp_path):
    command = launch.command(tmp_path, 8600)
    assert command[-2:] == ["--", str(tmp_path)]
    for flag in ("--server.address=127.0.0.1", "--browser.gatherUsageStats=false", "--server.fileWatcherType=none",
                 "--server.maxUploadSize=100", "--server.enableXsrfProtection=true", "--server.port=8600",
                 "--server.allowedHosts=localhost", "--server.allowedHosts=127.0.0.1"):  # fmt: skip
        assert flag in command
    assert "--server.headless=false" in command and "--server.headless=true" in launch.command(tmp_path, 8600, False)


def test_a_port_that_is_taken_is_said_so(tmp_path, capsys):
    write_case(tmp_path, "BraTS20_Training_001")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["app", "--data", str(tmp_path), "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f"port {port}" in error and "--port" in error and "Traceback" not in error


@pytest.mark.parametrize("port", ["0", "80", "65536"])
def test_a_port_out_of_range_is_refused(port, capsys):
    assert main(["app", "--port", port]) == 2
    assert "1024 to 65535" in capsys.readouterr().err


def test_without_streamlit_one_is_told_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    assert main(["app"]) == 2
    assert re.search(r'pip install "pillow>=\S+" "streamlit>=\S+"', capsys.readouterr().err)


def test_uploads_are_removed_with_the_server_however_it_ends(tmp_path, monkeypatch):
    write_case(tmp_path, "BraTS20_Training_001")
    leave = (
        "import os, pathlib; pathlib.Path(os.environ['TMPDIR'], 'scan').write_text('x'); print(os.environ['TMPDIR'])"
    )
    for ending in ("raise SystemExit(3)", "os.kill(os.getpid(), 9)"):
        monkeypatch.setattr(launch, "command", lambda *_, end=ending: [sys.executable, "-c", f"{leave}; {end}"])
        seen = []
        real = subprocess.Popen

        def start(command, env, seen=seen, real=real):
            seen.append(env["TMPDIR"])
            return real(command, env=env, stdout=subprocess.DEVNULL)

        monkeypatch.setattr(launch.subprocess, "Popen", start)
        assert launch.launch(str(tmp_path), 8600 + os.getpid() % 999) != 0
        monkeypatch.setattr(launch.subprocess, "Popen", real)
        assert len(seen) == 1 and not os.path.exists(seen[0])


def test_cases_are_those_that_were_asked_for_else_phantoms(tmp_path, monkeypatch):
    write_case(tmp_path / "asked", "BraTS20_Training_001")
    assert opening.find_cases(str(tmp_path / "asked")).names == ("BraTS20_Training_001",)
    (tmp_path / "workflow" / "params").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BRATS_DATA", raising=False)
    made = []

    def make_cohort(folder, cases, seed):
        made.append((folder, cases, seed))
        write_case(folder, "Phantom_001")
        return opening.Cohort.find(folder)

    monkeypatch.setattr(opening, "make_cohort", make_cohort)
    assert opening.find_cases().names == ("Phantom_001",)
    assert made == [(tmp_path / "runs" / "phantom-seed0", 4, 0)]
    monkeypatch.setenv("BRATS_DATA", str(tmp_path / "asked"))
    assert opening.find_cases().names == ("BraTS20_Training_001",)
    with pytest.raises(BratsError, match="it is not there"):
        opening.find_cases(str(tmp_path / "nowhere"))


def test_one_case_is_segmented_at_a_time_by_a_network_that_stays_loaded(tmp_path, monkeypatch):
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
    write_case(tmp_path, "BraTS20_Training_001")
    case, found = opening.Cohort.find(tmp_path)[0], []
    threads = [threading.Thread(target=lambda: found.append(engine.segment(case))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.append(engine.segment(case, read_card(None).name, case.volumes(opening.NEEDED)))
    assert most == [1, 1, 1, 1] and len(networks_used) == 1
    assert all(np.array_equal(each.mask, found[0].mask) for each in found)
    assert found[0].probabilities.shape == (*case.shape, 3)


def test_what_was_read_already_is_not_read_again(tmp_path):
    write_case(tmp_path, "BraTS20_Training_001")
    case = opening.Cohort.find(tmp_path)[0]
    volumes = case.volumes(opening.NEEDED)
    expected = engine.segment(case).mask
    for path in case.files.values():
        path.unlink()
    assert np.array_equal(engine.segment(case, volumes=volumes).mask, expected)


def test_a_scan_on_another_grid_is_segmented_on_its_own(tmp_path):
    """Voxels of half a millimetre: the network sees the head in 1 mm, and what it says has the size of the scan."""
    write_case(tmp_path / "one", "BraTS20_Training_001")
    whole = opening.Cohort.find(tmp_path / "one")[0]
    (tmp_path / "half" / whole.name).mkdir(parents=True)
    for modality in opening.NEEDED:
        image = nib.load(whole.files[modality])
        fine = np.asanyarray(image.dataobj).repeat(2, 0).repeat(2, 1).repeat(2, 2)
        path = tmp_path / "half" / whole.name / f"{whole.name}_{modality}.nii.gz"
        nib.save(nib.Nifti1Image(fine, image.affine @ np.diag([0.5, 0.5, 0.5, 1])), path)
    found = engine.segment(opening.Cohort.find(tmp_path / "half")[0])
    assert found.mask.shape == tuple(2 * length for length in whole.shape)
    expected = engine.segment(whole).region("WT").astype(float)
    assert np.abs(found.region("WT")[::2, ::2, ::2] - expected).mean() < 0.05


def test_a_scan_that_does_not_fit_into_memory_is_said_so(tmp_path, monkeypatch):
    def predict_stack(*_):
        raise MemoryError

    monkeypatch.setattr(inference, "predict_stack", predict_stack)
    write_case(tmp_path, "BraTS20_Training_001")
    with pytest.raises(BratsError, match="do not fit into memory"):
        engine.segment(opening.Cohort.find(tmp_path)[0])


def test_the_default_network_is_loaded_once_whether_named_or_not():
    assert networks.open_network() is networks.open_network(read_card(None).name)


def test_warming_up_leaves_nothing_to_compile():
    opened = networks.open_network()
    if opened.engine != "openvino":
        pytest.skip("a GPU computes here, through Keras, or the extra `fast` is not installed")
    opened.model._compiled.clear()
    engine.warm_up()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "warm-up"]
    thread.join()
    assert set(opened.model._compiled) == {opened.rule.window, opened.rule.window[::-1]}


def test_the_shelf_drops_what_was_not_used_for_longest():
    shelf = Shelf(2)
    assert shelf.take("a", lambda: 1) == 1 and shelf.take("a", lambda: 2) == 1
    shelf.put("b", 2)
    shelf.get("a")
    shelf.put("c", 3)
    assert "a" in shelf and "b" not in shelf and len(shelf) == 2 and shelf.get("b") is None
    with pytest.raises(ZeroDivisionError):
        shelf.take("d", lambda: 1 / 0)
    assert "d" not in shelf
    with pytest.raises(ValueError, match="at least 1"):
        Shelf(0)


def test_the_janitor_waits_for_sessions_that_come_back(tmp_path):
    folders = {name: tmp_path / name for name in ("here", "gone")}
    for folder in folders.values():
        folder.mkdir()
        (folder / "own_scan_flair.nii").write_text("x")
    janitor = Janitor(lambda session: session == "here", patience=100)
    for name, folder in folders.items():
        janitor.watch(name, folder, now=0)
    assert janitor.sweep(now=50) == []
    assert janitor.sweep(now=101) == [folders["gone"]]
    assert folders["here"].is_dir() and not folders["gone"].exists()
    assert janitor.sweep(now=5000) == []


def test_importing_the_application_loads_neither_streamlit_nor_keras():
    modules = "launch, panels, ratings, study, uploads, report, scans, janitor, wording, engine"
    code = f"import sys; from brats_lib.app import {modules}; print({{'streamlit', 'keras'}} & set(sys.modules) or [])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
