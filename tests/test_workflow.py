"""The workflow's promises: what re-runs when, what survives a kill, what a person reads when something fails.

The programs that the rules call are replaced by stand-ins that take no time, so only the plumbing is tested here.
"""

import fcntl
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

SNAKEMAKE = Path(os.environ.get("SNAKEMAKE", ROOT / ".venv/workflow/bin/snakemake"))
NOTEBOOKS = [
    "01_explore_dataset",
    "02_preprocess",
    "03_train_unet",
    "04_evaluate",
    "05_overlay_predictions",
    "06_beyond_the_paper",
    "07_generate_images",
    "08_compare_models",
    "09_tune_hyperparameters",
]
STAND_IN = """#!{python}
import json, os, shutil, sys
from pathlib import Path
name, arguments = Path(sys.argv[0]).name, sys.argv[1:]
with open("calls.txt", "a") as calls:
    print(name, Path(arguments[0]).stem if name == "papermill" else arguments[0], file=calls)
if name == "papermill":
    if arguments[arguments.index("data") + 1] != os.environ.get("DATA", ""):
        sys.exit("the data folder was lost on the way: " + str(arguments))
    notebook = json.loads(Path(arguments[0]).read_text())
    if os.environ.get("FAIL", "-") in arguments[0]:
        error = {{"output_type": "error", "ename": "ValueError", "evalue": "no good", "traceback": []}}
        notebook["cells"] = [{{"cell_type": "code", "outputs": [error]}}]
    Path(arguments[1]).write_text(json.dumps(notebook))
    sys.exit("outputs" in str(notebook["cells"][0]) and "no good" in str(notebook))
if name == "jupyter-book":
    Path("_build/book/_build/html").mkdir(parents=True)
    Path("_build/book/_build/html/index.html").write_text("the book")
if name == "brats" and arguments[0] == "check":
    data = Path("runs/smoke/data.json")
    data.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({{"data": "", "phantom": "phantom-seed0", "phantom_cases": 8, "seed": 0}})
    if not data.is_file():
        data.write_text(text)
if name == "python" and "stage" in arguments:
    shutil.rmtree("_build/book", ignore_errors=True)
    Path("_build/book").mkdir(parents=True)
"""


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "workflow" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Checkout:
    """A copy of the repository's text with stand-ins for the programs."""

    def __init__(self, folder):
        self.folder, self.programs = folder, folder / "programs"
        for name in ("Makefile", "workflow", "brats_lib", "notebooks", "book", "_config.yml", "_toc.yml"):
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, folder / name)
        self.programs.mkdir()
        for name in ("papermill", "jupyter-book", "brats", "python"):
            (self.programs / name).write_text(STAND_IN.format(python=sys.executable))
            (self.programs / name).chmod(0o755)

    def make_book(self, **variables):
        """Run `make book` and return what was called since the last time, and the finished process."""
        (self.folder / "calls.txt").write_text("")
        environment = {**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}", **variables}
        environment |= {"PYTHON": sys.executable, "ENV": "active", "SNAKEMAKE": str(SNAKEMAKE), "PROFILE": "smoke"}
        command = ["make", *(f"{key}={environment[key]}" for key in ("PYTHON", "ENV", "SNAKEMAKE", "PROFILE"))]
        done = subprocess.run([*command, "book"], cwd=self.folder, env=environment, capture_output=True, text=True)
        calls = [
            line.split()[1] for line in (self.folder / "calls.txt").read_text().splitlines() if "papermill" in line
        ]
        return calls, done

    def change(self, path, old=None, new=None):
        """Append a blank line to a file, or replace text in it."""
        text = (self.folder / path).read_text()
        (self.folder / path).write_text(text.replace(old, new) if old else f"{text}\n")


@pytest.fixture
def checkout(tmp_path):
    if not SNAKEMAKE.is_file():
        pytest.skip(f"Snakemake is not at {SNAKEMAKE}; `make book` installs it there, or set SNAKEMAKE")
    return Checkout(tmp_path)


@pytest.mark.slow
def test_only_what_a_change_reaches_runs_again(checkout):
    calls, done = checkout.make_book()
    assert sorted(calls) == NOTEBOOKS, done.stderr
    # What needs the scores of 04 waits for them, in whichever order.
    assert [name for name in calls if name > "02"][:3] == NOTEBOOKS[1:4]
    assert (checkout.folder / "_build/html/index.html").read_text() == "the book"

    assert checkout.make_book()[0] == []

    checkout.change("brats_lib/metrics/challenge.py")
    assert sorted(checkout.make_book()[0]) == NOTEBOOKS[3:]

    checkout.change("book/metrics.md")
    (checkout.folder / "_build/html/index.html").unlink()
    assert checkout.make_book()[0] == []
    assert (checkout.folder / "_build/html/index.html").is_file()


@pytest.mark.slow
def test_data_folder_with_a_space_reaches_every_notebook(checkout):
    calls, done = checkout.make_book(DATA="my data")
    assert sorted(calls) == NOTEBOOKS, done.stderr


@pytest.mark.slow
def test_failed_notebook_is_explained_and_only_the_rest_runs_later(checkout):
    calls, done = checkout.make_book(FAIL="04_evaluate")
    assert sorted(calls) == NOTEBOOKS[:4]
    assert done.returncode != 0
    assert "04_evaluate did not end: cell 1 raised ValueError: no good" in done.stderr
    assert not (checkout.folder / "runs/smoke/04_evaluate.ipynb").exists()
    assert sorted(checkout.make_book()[0]) == NOTEBOOKS[3:]


def test_commands_of_the_rules_show_the_whole_papermill_call():
    rules = (ROOT / "workflow/Snakefile").read_text()
    assert rules.count("shell: PAPERMILL") == len(NOTEBOOKS)
    assert all(f"notebooks/{name}.ipynb" in rules for name in NOTEBOOKS)


def test_second_build_is_refused_while_the_first_one_runs(tmp_path):
    lock = tmp_path / "lock"
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code = f"import sys; sys.argv = ['', {str(lock)!r}, 'true']; import exclusively as e; e.PATIENCE = 0; e.main()"
        second = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True, text=True)
    assert second.returncode == 1
    assert "Another `make book` is running" in second.stderr


def test_killed_build_leaves_no_lock_behind(tmp_path):
    command = [sys.executable, ROOT / "workflow/exclusively.py", tmp_path / "lock"]
    first = subprocess.Popen(
        [*command, "sh", "-c", f"touch {tmp_path}/started; sleep 60; true"], start_new_session=True
    )
    while not (tmp_path / "started").exists():
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert subprocess.run([*command, "true"]).returncode == 0


@pytest.mark.parametrize(
    ("version", "has_ensurepip", "word"),
    [((3, 10), True, "3.11, 3.12 or 3.13"), ((3, 14), True, "3.11, 3.12 or 3.13"), ((3, 12), False, "python3-venv")],
)
def test_unsuitable_python_is_refused_with_advice(version, has_ensurepip, word):
    assert word in load("bootstrap").refusal(version, has_ensurepip)


def test_suitable_pythons_are_accepted():
    assert [load("bootstrap").refusal((3, minor), True) for minor in (11, 12, 13)] == [None] * 3


def test_notebook_that_was_killed_is_told_from_one_that_failed(tmp_path):
    path = tmp_path / "03.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "outputs": []}]}))
    assert "killed" in load("explain").explain(path)
    path.write_text('{"cells": [{"cell_ty')
    assert "killed" in load("explain").explain(path)
    error = {"output_type": "error", "ename": "BratsError", "evalue": "\x1b[31mno mask\x1b[0m"}
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": [error]}]}))
    assert load("explain").explain(path) == "cell 2 raised BratsError: no mask"
