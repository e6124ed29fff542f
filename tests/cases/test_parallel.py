"""Work is spread over processes, comes back in order, and a killed process is explained."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import pytest
from conftest import ROOT

from brats_lib.cases.parallel import for_each
from brats_lib.errors import BratsError


def slow_square(number):
    time.sleep(0.1 if number == 0 else 0)
    return number**2, os.getpid()


def kill(number):
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(number):
    raise BratsError("here", "this", "that", "Do so")


def test_results_come_in_the_order_of_the_items_from_other_processes():
    results = for_each(slow_square, range(5), workers=2, progress=False)
    assert [square for square, _ in results] == [0, 1, 4, 9, 16]
    assert os.getpid() not in {process for _, process in results}


def test_one_worker_is_this_process():
    assert for_each(slow_square, [3], workers=4, progress=False) == [(9, os.getpid())]
    assert for_each(kill, []) == []


def test_killed_process_is_explained():
    with pytest.raises(BratsError, match="looking: one of 2 processes was killed.*fewer workers"):
        for_each(kill, range(4), workers=2, progress=False, description="looking")


def test_what_the_work_raises_is_raised():
    with pytest.raises(BratsError, match="here: this"):
        for_each(refuse, range(2), workers=2, progress=False)


def note_and_wait(path):
    path.write_text(str(os.getpid()))
    time.sleep(60)


def test_processes_end_when_the_one_that_asked_is_killed(tmp_path):
    code = (
        "import sys; from pathlib import Path; from cases.test_parallel import for_each, note_and_wait\n"
        "for_each(note_and_wait, [Path(sys.argv[1], name) for name in 'ab'], workers=2, progress=False)"
    )
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env={**os.environ, "PYTHONPATH": path})
    notes = [tmp_path / name for name in "ab"]
    wait_until(lambda: all(note.is_file() and note.read_text() for note in notes))
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(is_alive(int(note.read_text())) for note in notes))


def wait_until(done, seconds=120):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return not Path("/proc").is_dir()


def test_threads_in_the_place_of_processes_leave_this_one_alive():
    with joblib.parallel_config(backend="threading"):
        assert for_each(slow_square, [3, 4], workers=2, progress=False) == [(9, os.getpid()), (16, os.getpid())]
