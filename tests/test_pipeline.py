"""The smoke profile from an empty checkout to a checked book: what a newcomer's first `make book` does."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
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
