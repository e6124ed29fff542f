"""The exercises: made from their solutions, which run and are right, and met with a hint where nothing is solved."""

import shutil

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from brats_lib.book.exercises import exercises_table, make_exercises, without_solutions
from brats_lib.book.hints import OPEN
from brats_lib.errors import BratsError

NOTEBOOKS = ROOT / "notebooks"
NAMES = sorted(path.name for path in (NOTEBOOKS / "solutions").glob("*.ipynb"))
each_name = pytest.mark.parametrize("name", NAMES, ids=lambda name: name.split(".")[0])


def client(path):
    """What runs a notebook in a kernel of its own, where it lies."""
    notebook = nbformat.read(path, as_version=4)
    return NotebookClient(notebook, timeout=300, resources={"metadata": {"path": path.parent}})


def shown(notebook):
    """Every output of a notebook."""
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def code(source, *tags):
    return {"cell_type": "code", "metadata": {"tags": [*tags]}, "source": source.splitlines(keepends=True)}


def test_exercises_are_what_the_solutions_make(tmp_path):
    for folder in ("solutions", "exercises"):
        shutil.copytree(NOTEBOOKS / folder, tmp_path / folder, ignore=shutil.ignore_patterns(".*"))
    (tmp_path / "exercises" / "09_z_gone.ipynb").write_text("{}")
    assert [path.name for path in make_exercises(tmp_path)] == NAMES
    for folder in (NOTEBOOKS, tmp_path):
        assert sorted(path.name for path in (folder / "exercises").glob("*.ipynb")) == NAMES
    for name in NAMES:
        assert (tmp_path / "exercises" / name).read_bytes() == (NOTEBOOKS / "exercises" / name).read_bytes(), (
            "run `python -m brats_lib.book exercises`"
        )


def test_what_follows_the_mark_is_cut_to_the_end_of_its_block_and_a_cell_without_a_mark_goes():
    function = code("def f(x):\n    # Your turn.\n    # Solution\n    if x:\n\n        return 1\n\ng = 2", "solution", "wide")
    value = code("y = ...  # Your turn\n# Solution\ny = 3\nz = 4\n", "solution")
    proof, given = code("assert y == 3", "solution"), code("# Solution\nprint(y)")
    cells = without_solutions({"cells": [function, value, proof, given], "nbformat": 4})["cells"]
    assert cells == [code("def f(x):\n    # Your turn.\ng = 2", "wide"), code("y = ...  # Your turn"), given]
    assert function["metadata"]["tags"] == ["solution", "wide"]


def test_table_has_chapter_link_and_minutes_of_every_exercise(tmp_path):
    rows = exercises_table(NOTEBOOKS / "exercises").splitlines()[2:]
    assert len(rows) == len(NAMES)
    assert rows[0] == "| 1 | [1a. How large is a tumour?](/notebooks/exercises/01_a_volumes.ipynb) | 10 |"
    for row, name in zip(rows, NAMES, strict=True):
        _, chapter, _, minutes, _ = (cell.strip() for cell in row.split("|"))
        assert f"{int(chapter):02}_" == name[:3] and 5 <= int(minutes) <= 20
    (tmp_path / "01_a.ipynb").write_text('{"cells": [{"source": ["# Exercise 1a. Why?"]}]}')
    with pytest.raises(BratsError, match="no minutes"):
        exercises_table(tmp_path)


def test_every_chapter_has_two_or_three_exercises_and_leads_to_them():
    for number in range(1, 7):
        (chapter,) = NOTEBOOKS.glob(f"{number:02}_*.ipynb")
        names = [name for name in NAMES if name.startswith(f"{number:02}_")]
        assert 2 <= len(names) <= 3
        last = nbformat.read(chapter, as_version=4).cells[-1].source
        assert all(f"](exercises/{name})" in last for name in names)


@each_name
def test_solution_runs_and_is_right(name):
    notebook = client(NOTEBOOKS / "solutions" / name).execute()
    checks = sum(cell.source.count("check.") for cell in notebook.cells if cell.cell_type == "code")
    assert checks == sum(output.get("text", "").count("Right.") for output in shown(notebook)) > 0


@each_name
def test_untouched_exercise_is_met_with_a_hint_and_no_traceback(name):
    running = client(NOTEBOOKS / "exercises" / name)
    with pytest.raises(CellExecutionError):
        running.execute()
    (error,) = [output for output in shown(running.nb) if output.output_type == "error"]
    assert error.ename == "Hint" and error.traceback == [f"Hint: {OPEN}"]
