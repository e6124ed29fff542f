"""What every notebook in the repository keeps to, without running any."""

import ast
import json
import re

import pytest
import yaml
from conftest import ROOT

from brats_lib.book.runs import read_profile
from brats_lib.book.tables import read_figures

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXERCISES = sorted((ROOT / "notebooks").glob("*/*.ipynb"))  # and their solutions
PROFILES = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "workflow/params").glob("*.yaml")}
ALLOWED = {"sys", "brats_lib", "keras", "matplotlib", "numpy", "pandas", "IPython"}
LONGEST_CELL, MOST_BYTES = 30, 20_000
each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
and_slides = pytest.mark.parametrize("path", [*PATHS, ROOT / "book/teach/slides.ipynb"], ids=lambda path: path.stem)
each_exercise = pytest.mark.parametrize("path", EXERCISES, ids=lambda path: f"{path.parent.name}-{path.stem}")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def text(cell):
    return "".join(cell["source"])


def parse(cell):
    """Python of a cell, without the commands that only IPython knows."""
    return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", text(cell), flags=re.MULTILINE))


def parameters(notebook):
    (cell,) = [cell for cell in code_cells(notebook) if "parameters" in cell["metadata"].get("tags", [])]
    return {node.targets[0].id: ast.literal_eval(node.value) for node in parse(cell).body}


def imported(tree):
    """The packages that some code imports."""
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize(
    "path", [*PATHS, *EXERCISES, ROOT / "book/teach/slides.ipynb"], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_nothing_of_a_run_is_kept(path):
    notebook = read(path)
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info", "title"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    for cell in code_cells(notebook):
        assert cell["outputs"] == [] and cell["execution_count"] is None
        assert not {"papermill", "execution"} & set(cell["metadata"])
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)


def test_profiles_set_what_notebooks_declare_which_are_those_of_the_workshop():
    of_notebooks = [parameters(read(path)) for path in PATHS]
    assert all({"profile", "data"} <= set(values) for values in of_notebooks)
    for name, profile in PROFILES.items():
        assert set(profile) <= set().union(*of_notebooks), f"{name}.yaml sets what no notebook reads"
        assert profile["profile"] == name
        assert all(set(values) <= {"data", *read_profile(name)} for values in of_notebooks)
    workshop = read_profile("workshop") | {"data": ""}
    assert all(values == {key: workshop[key] for key in values} for values in of_notebooks)


@each_notebook
def test_lesson_is_short_and_ends_with_a_key_point_for_each_question_it_opens_with(path):
    assert path.stat().st_size <= MOST_BYTES
    first, *_, last = [text(cell) for cell in read(path)["cells"] if cell["cell_type"] == "markdown"]
    assert "**You will learn**" in first and "Key points" in last
    questions = re.findall(r"^\* .*\?$", first, re.MULTILINE)
    assert questions and len(questions) == len(re.findall(r"^\* ", last, re.MULTILINE))


@and_slides
def test_cells_stay_short_and_use_the_package(path):
    for cell in code_cells(read(path)):
        assert len(text(cell).splitlines()) <= LONGEST_CELL
        tree = parse(cell)
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)]
        assert imported(tree) <= ALLOWED


@each_exercise
def test_exercise_opens_with_its_question_imports_once_and_ends_with_what_to_take_home(path):
    cells = read(path)["cells"]
    assert all(f"**{word}**" in text(cells[0]) for word in ("Question", "Chapter", "Minutes", "You need"))
    assert text(cells[-1]).startswith("## Take home")
    # JupyterLab, where students read them, knows no directives and would show the answers.
    assert not any(re.search("^(:::|```)", text(cell), re.MULTILINE) for cell in cells)
    first, *others = code_cells({"cells": cells})
    assert imported(parse(first)) <= ALLOWED | {"dataclasses", "scipy"}
    assert not any(imported(parse(cell)) for cell in others)
    assert all(len(text(cell).splitlines()) <= 15 for cell in others)


def test_every_figure_of_the_paper_is_where_the_map_says():
    cells = [(path.stem, cell) for path in PATHS for cell in code_cells(read(path))]
    settings = [(stem, cell["metadata"].get("mystnb", {})) for stem, cell in cells]
    places = {found["figure"]["name"]: f"notebooks/{stem}" for stem, found in settings if "figure" in found}
    figures = read_figures(ROOT / "book" / "paper_figures.yml")
    expected = [f"paper-fig-{number:02}" for number in range(1, 27)] + ["paper-table-1"]
    assert sorted(row["id"] for row in figures) == expected
    for row in figures:
        if row["page"].startswith("notebooks/"):
            assert places.get(row["id"]) == row["page"]
        else:
            assert row["id"] in (ROOT / f"{row['page']}.md").read_text()
