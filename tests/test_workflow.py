"""The workflow's promises: what re-runs when, what survives a kill, what a person reads when something fails.

The programs that the rules call are replaced by stand-ins that take no time, so only the plumbing is tested here.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import bootstrap
import explain
import pytest
import run
from conftest import ROOT

SNAKEMAKE = Path(os.environ.get("SNAKEMAKE", ROOT / ".venv/workflow/bin/snakemake"))
NOTEBOOKS = [*sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")), "slides"]
# What make, a shell, Snakemake or papermill would read as something else than a name.
NAMES = ["-x", "~", """2020 'a' "b" $(touch bad) `touch bad`; touch bad #{x} {wildcards.x} $HOME $$ %s*?[a]!\\é\nend"""]
STAND_IN = """#!{python}
import json, os, shutil, sys
from pathlib import Path
name, arguments = Path(sys.argv[0]).name, sys.argv[1:]
with open("calls.jsonl", "a") as calls:
    print(json.dumps([name, *arguments]), file=calls)
if name == "papermill":
    notebook = json.loads(Path(arguments[0]).read_text())
    if os.environ.get("FAIL", "-") in arguments[0]:
        error = {{"output_type": "error", "ename": "ValueError", "evalue": "no good", "traceback": []}}
        notebook["cells"] = [{{"cell_type": "code", "outputs": [error]}}]
    Path(arguments[1]).write_text(json.dumps(notebook))
    sys.exit("no good" in str(notebook))
if name == "jupyter-book":
    Path("_build/book/_build/html").mkdir(parents=True)
    Path("_build/book/_build/html/index.html").write_text("the book")
if name == "jupyter" and arguments[0] == "nbconvert":
    Path(arguments[-1]).with_suffix(".slides.html").write_text("the slides")
if name == "brats" and arguments[0] == "check":
    given = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    found = os.path.abspath(given["--data"]) if given["--data"] else ""
    record = Path("runs", given["--profile"], "data.json")
    record.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({{"data": found, "phantom": "phantoms-seed0", "phantom_cases": 8, "seed": 0}})
    if not record.is_file() or record.read_text() != text:
        record.write_text(text)
if "--out" in arguments and arguments[0] == "tune":
    Path(arguments[arguments.index("--out") + 1]).touch()
if arguments[0] == "sweep":
    Path("runs", os.environ["PROFILE"], "tuning", "baseline-seed0.csv").touch()
if name == "python" and "stage" in arguments:
    shutil.rmtree("_build/book", ignore_errors=True)
    Path("_build/book").mkdir(parents=True)
"""


class Checkout:
    """A copy of the repository's text with stand-ins for the programs."""

    def __init__(self, folder):
        self.folder, self.programs = folder, folder / "programs"
        for name in ("Makefile", "workflow", "brats_lib", "notebooks", "book", "_config.yml", "_toc.yml"):
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, folder / name)
        self.programs.mkdir()
        for name in ("papermill", "jupyter-book", "brats", "python", "snakemake", "jupyter"):
            (self.programs / name).write_text(STAND_IN.format(python=sys.executable))
            (self.programs / name).chmod(0o755)

    def make(self, *words, **variables):
        """Run `make` and return the arguments of every program it called, and the finished process."""
        (self.folder / "calls.jsonl").write_text("")
        environment = {**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}", **variables}
        given = {"PYTHON": sys.executable, "ENV": "active", "SNAKEMAKE": str(SNAKEMAKE), "PROFILE": "smoke"}
        command = ["make", *(f"{key}={value}" for key, value in given.items()), *words]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        return [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()], done

    def make_book(self, **variables):
        """The arguments of papermill for each notebook that `make book` ran, and the finished process."""
        calls, done = self.make("book", f"DATA={NAMES[-1]}", **variables)
        return {Path(arguments[0]).stem: arguments for name, *arguments in calls if name == "papermill"}, done

    def append(self, path, text="\n"):
        with open(self.folder / path, "a") as file:
            file.write(text)


@pytest.fixture
def checkout(tmp_path):
    if not SNAKEMAKE.is_file():
        pytest.skip(f"Snakemake is not at {SNAKEMAKE}; `make book` installs it there, or set SNAKEMAKE")
    return Checkout(tmp_path)


@pytest.mark.slow
def test_failed_notebook_is_explained_and_only_what_is_missing_or_a_change_reaches_runs_again(checkout):
    ran, done = checkout.make_book(FAIL="04_evaluate")
    # What needs the scores of 04 waits for them, in whichever order.
    assert sorted(ran) == NOTEBOOKS[:4] and [name for name in ran if name > "02"] == NOTEBOOKS[1:4]
    assert done.returncode != 0
    assert "04_evaluate did not end: cell 1 raised ValueError: no good" in done.stderr
    assert not (checkout.folder / "runs/smoke/04_evaluate.ipynb").exists()

    ran, done = checkout.make_book()
    assert sorted(ran) == NOTEBOOKS[3:], done.stderr
    index = checkout.folder / "_build/html/index.html"
    assert index.read_text() == "the book" and index.with_name("slides.html").read_text() == "the slides"
    for arguments in ran.values():
        given = dict(zip(arguments, arguments[1:], strict=False))
        assert given["data"] == str(checkout.folder / NAMES[-1]) and given["profile"] == "smoke"

    index.unlink()
    checkout.append("brats_lib/scores/readers.py")
    assert list(checkout.make_book()[0]) == NOTEBOOKS[4:5] and index.is_file()


@pytest.mark.slow
def test_whatever_data_and_profile_are_called_they_reach_every_step_beside_the_book(checkout):
    shutil.copy2(checkout.folder / "workflow/params/smoke.yaml", checkout.folder / "workflow/params/null.yaml")
    # One rule for all three, since starting Snakemake takes longest.
    others = "\nrule others:\n    input: rules.sweep.input, rules.search.input, rules.predict.input\n"
    checkout.append("workflow/Snakefile", others)
    checkout.append("Makefile", '\nothers:\n\t@"$$PYTHON" workflow/run.py others\n')
    settings = "parts=1 workers=1 trials=3 factors=baseline seeds=0 storage='a b.db'"
    words = "others", f"DATA={NAMES[-1]}", "PROFILE=null", f"CONFIG={settings}"
    (check, *calls), done = checkout.make(*words, PROFILE="null")
    assert done.returncode == 0, done.stderr
    assert check == ["brats", "check", "--quick", "--profile=null", f"--data={NAMES[-1]}"]
    expected = [
        "brats predict DATA --out runs/null/predictions --part 1/1",
        "brats sweep --profile null --data DATA --factor baseline --seed 0",
        "brats tune STORAGE --trials 3 --profile null --data DATA --out runs/null/tuning/workers/0.csv",
    ]
    put = {"DATA": str(checkout.folder / NAMES[-1]), "STORAGE": "a b.db"}
    assert sorted(calls) == [[put.get(word, word) for word in line.split()] for line in expected]
    assert not (checkout.folder / "bad").exists()


def test_whatever_the_data_folder_is_called_it_reaches_app_and_training(tmp_path):
    checkout = Checkout(tmp_path)
    for name in NAMES:
        for words, variables in (([f"DATA={name}"], {}), ([], {"DATA": name})):
            calls, done = checkout.make("app", "weights", *words, **variables)
            experiments = [["python", "-m", "experiments", part, f"--data={name}"] for part in ("phantom", "real")]
            assert calls == [["brats", "app", f"--data={name}"], *experiments], done.stderr
    assert not (tmp_path / "bad").exists()


def test_lab_makes_what_the_notebooks_rest_on_once_and_opens_them(tmp_path):
    checkout = Checkout(tmp_path)
    settings = {"SNAKEMAKE": "snakemake", "BRATS_DATA": "", "DATA": NAMES[-1]}
    calls, done = checkout.make("lab", "SNAKEMAKE=snakemake", **settings)
    assert [call[:2] for call in calls[1:]] == [["snakemake", "evaluate"], ["jupyter", "lab"]], done.stderr
    assert calls[0] == ["brats", "check", "--quick", "--profile=workshop", f"--data={NAMES[-1]}"]
    (tmp_path / "runs/workshop/scores.csv").touch()
    (tmp_path / "programs/jupyter").write_text('#!/bin/sh\nprintf %s "$BRATS_DATA" > opened\n')
    assert checkout.make("lab", **settings)[0] == []
    assert (tmp_path / "opened").read_text() == NAMES[-1]


def test_settings_are_words_and_no_commands(tmp_path):
    checkout = Checkout(tmp_path)
    words = ["CORES=1; touch bad", "GPUS=$(touch bad)", "OPTIONS=`touch bad` --jobs '1 6'", "CONFIG=seeds=0,1 a=$(x)"]
    calls, done = checkout.make("predict", *words, "SNAKEMAKE=snakemake")
    assert done.returncode == 0, done.stderr
    name, target, *arguments = calls[1]
    assert (name, target) == ("snakemake", "predict") and "bad" not in os.listdir(tmp_path)
    assert arguments[arguments.index("--cores") + 1] == "1; touch bad"
    assert arguments[arguments.index("--resources") + 1] == "gpu=$(touch bad)"
    assert arguments[arguments.index("--config") + 2 :] == ["seeds=0,1", "a=$(x)", "`touch", "bad`", "--jobs", "1 6"]
    calls, done = checkout.make("predict", "OPTIONS='", "SNAKEMAKE=snakemake")
    assert done.returncode and calls == [] and "OPTIONS=' cannot be split into words" in done.stderr


def test_lock_is_held_by_the_programs_of_a_build_and_leaves_with_them(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "PATIENCE", 0)
    code = "import sys, run; run.hold(run.Path(sys.argv[1])); run.call('sh', '-c', 'echo started; sleep 60; true')"
    command = [sys.executable, "-c", code, tmp_path / "lock"]
    first = subprocess.Popen(command, cwd=ROOT / "workflow", stdout=subprocess.PIPE, start_new_session=True)
    assert first.stdout.readline() == b"started\n"
    first.kill()
    first.wait()
    with pytest.raises(SystemExit, match="Another `make` is at work"):  # the shell goes on
        run.hold(tmp_path / "lock")
    os.killpg(first.pid, signal.SIGKILL)
    monkeypatch.undo()
    run.hold(tmp_path / "lock")


def test_unsuitable_python_is_refused_with_advice():
    refusal = bootstrap.refusal
    assert [refusal((3, minor), True) for minor in (11, 12, 13)] == [None] * 3
    assert all("3.11, 3.12 or 3.13" in refusal((3, minor), True) for minor in (10, 14))
    assert "python3-venv" in refusal((3, 12), False)


def test_notebook_that_was_killed_is_told_from_one_that_failed(tmp_path):
    path = tmp_path / "03.ipynb"
    error = {"output_type": "error", "ename": "BratsError", "evalue": "\x1b[31mno mask\x1b[0m"}
    cells = [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": [error]}]
    whole, killed = json.dumps({"cells": cells}), json.dumps({"cells": cells[:1]})
    for text, said in ((whole, "cell 2 raised BratsError: no mask"), (killed, "killed"), (whole[:25], "killed")):
        path.write_text(text)
        assert said in explain.explain(path)
