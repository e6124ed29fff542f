"""The smoke profile from an empty checkout to a checked book: what a newcomer's first `make book` does."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import kit
import pandas as pd
import pytest
import uv
from conftest import ROOT

from brats_lib.book.check import check_html
from brats_lib.book.tables import read_figures

pytestmark = pytest.mark.pipeline

SNAKEMAKE = Path(os.environ.get("SNAKEMAKE", ROOT / ".venv/workflow/bin/snakemake"))
NOT_OURS = shutil.ignore_patterns(".git", ".venv*", "runs", "_build", ".snakemake", "__pycache__", ".*_cache", "*.nii*")


def make_book(checkout):
    """Run `make book` with the environment of the tests; return what it printed."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "BRATS_DATA": ""}
    command = ["make", "book", "PROFILE=smoke", "ENV=active", f"PYTHON={sys.executable}", f"SNAKEMAKE={SNAKEMAKE}"]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-8000:]
    return done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A fresh copy of the repository after its first `make book`."""
    if not SNAKEMAKE.is_file():
        pytest.skip(f"Snakemake is not at {SNAKEMAKE}; `make book` installs it there, or set SNAKEMAKE")
    folder = tmp_path_factory.mktemp("checkout") / "brats-lib"
    shutil.copytree(ROOT, folder, ignore=NOT_OURS)
    make_book(folder)
    return folder


def test_every_page_and_figure_is_sound(checkout):
    required = [row["id"] for row in read_figures(checkout / "book" / "paper_figures.yml")]
    html = checkout / "_build" / "html"
    assert check_html(html, required, private=[checkout, ROOT, Path.home()]) == []
    assert "book/index.html" in (html / "index.html").read_text()
    table = (html / "notebooks/04_evaluate.html").read_text().split('id="paper-table-1"')[1]
    assert "Table" in table.split("caption-number")[1][:20]


def test_pages_say_that_the_patients_are_simulated(checkout):
    for name in ("notebooks/01_explore_dataset", "notebooks/04_evaluate", "book/results"):
        assert "simulated phantoms" in (checkout / f"_build/html/{name}.html").read_text()


def test_scores_cover_every_test_case_and_region(checkout):
    run = checkout / "runs" / "smoke"
    test_cases = json.loads((run / "split.json").read_text())["test"]
    for name in ("scores.csv", "scores_background.csv"):
        scores = pd.read_csv(run / name)
        assert scores.columns.tolist() == "case region dice iou sensitivity specificity precision hd95_mm".split()
        found = sorted(scores[["case", "region"]].itertuples(index=False, name=None))
        assert found == sorted(itertools.product(test_cases, ("WT", "TC", "ET", "NCR", "ED")))


def test_run_records_how_it_was_made(checkout):
    record = json.loads((checkout / "runs/smoke/run.json").read_text())
    assert {"profile", "source", "data_fingerprint", "seed", "backend", "commit", "versions"} <= set(record)
    assert sorted(record["steps"]) == sorted(path.stem for path in (checkout / "notebooks").glob("*.ipynb"))


def test_second_build_does_nothing(checkout):
    page = checkout / "_build/html/index.html"
    before = page.stat().st_mtime_ns
    assert "papermill" not in make_book(checkout) and page.stat().st_mtime_ns == before


# In a kit's wheel of uv. It installs what the kit lists, from what uv has kept on this machine: the wheels of all that
# are a gigabyte.
STAND_IN = """#!{python}
import os, sys
words = sys.argv[1:]
if "--no-index" in words:
    at = words.index("--no-index")
    assert words[at + 1 : at + 3] == ["--find-links", "_build/wheels"]
    del words[at : at + 3]
os.environ.update(UV_CACHE_DIR={cache!r}, UV_OFFLINE="1")
os.execv({uv!r}, ["uv", *words])
"""


def pack_stand_in(text, platform, python, wheels):
    """Instead of downloading wheels: one of uv that needs none."""
    cache = subprocess.run([uv.find_uv_bin(), "cache", "dir"], stdout=subprocess.PIPE, text=True).stdout.strip()
    with zipfile.ZipFile(wheels / "uv-0-py3-none-linux_x86_64.whl", "w") as wheel:
        script = STAND_IN.format(python=sys.executable, cache=cache, uv=str(uv.find_uv_bin()))
        wheel.writestr("uv-0.data/scripts/uv", script)


@pytest.fixture
def offline(tmp_path):
    """A command that runs another one with no network but this machine itself, and in a home of its own."""
    inner = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    environment = ["env", "-i", f"HOME={tmp_path}", f"TMPDIR={tmp_path}", f"PYTHON={sys.executable}"]
    for options in (["--map-root-user", "--net"], ["--net"]):
        command = ["unshare", *options, *inner]
        try:
            if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
                return [*command, *environment, "PATH=.venv/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        except FileNotFoundError:
            pass
    pytest.skip("no network can be taken away here: `unshare --net`, which needs Linux and the right to it, failed")


def test_kit_sets_up_a_room_without_internet_where_a_chapter_and_an_exercise_run(
    checkout, offline, tmp_path, monkeypatch
):
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setattr(kit, "download", pack_stand_in)
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "--all"], check=True)
    archive = kit.make_kit("smoke", ["linux"], ["{}.{}".format(*sys.version_info)])
    subprocess.run(["tar", "xzf", archive, "-C", tmp_path], check=True)
    room = tmp_path / "brats-kit"

    def run(*command):
        done = subprocess.run([*offline, *command], cwd=room, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    assert "This machine is ready" in run("./start")
    assert run("make", "--dry-run", "environment").strip() == "make: Nothing to be done for 'environment'."
    scores = room / "runs/smoke/scores.csv"
    before = scores.read_bytes()
    scores.unlink()
    papermill = ["papermill", "--no-progress-bar", "--cwd", "."]
    run(*papermill, "notebooks/04_evaluate.ipynb", "04.ipynb", "-f", "workflow/params/smoke.yaml")
    assert scores.read_bytes() == before
    for exercise in sorted(room.glob("notebooks/solutions/*.ipynb"))[:1]:
        run(*papermill, exercise, "exercise.ipynb")
    shutil.rmtree(room)
