"""The exercises: made from their solutions, which run and are right, and met with a hint where nothing is solved."""

import re

import matplotlib.pyplot as plt
import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from brats_lib.book.exercises import exercises_table, make_exercises, without_solutions
from brats_lib.book.hints import OPEN, Hint
from brats_lib.errors import BratsError

NOTEBOOKS = ROOT / "notebooks"
NAMES = sorted(path.name for path in (NOTEBOOKS / "solutions").glob("*.ipynb"))
each_name = pytest.mark.parametrize("name", NAMES, ids=lambda name: name.split(".")[0])


@pytest.fixture
def run(monkeypatch):
    """What runs the code of a notebook where it lies, in this process: a kernel takes longer to start than it runs."""

    def run(path):
        monkeypatch.chdir(path.parent)
        values = {}
        for cell in code_cells(path):
            exec(compile(cell, path.name, "exec"), values)

    yield run
    plt.close("all")


def code_cells(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def code(source, *tags):
    return {"cell_type": "code", "metadata": {"tags": [*tags]}, "source": source.splitlines(keepends=True)}


def test_exercises_are_what_the_solutions_make(tmp_path):
    (tmp_path / "09_z_gone.ipynb").write_text("{}")
    assert [path.name for path in make_exercises(NOTEBOOKS / "solutions", tmp_path)] == NAMES
    for folder in (NOTEBOOKS / "exercises", tmp_path):
        assert sorted(path.name for path in folder.glob("*.ipynb")) == NAMES
    for name in NAMES:
        made, kept = ((folder / name).read_bytes() for folder in (tmp_path, NOTEBOOKS / "exercises"))
        assert made == kept, "make them again with `python -m brats_lib.book exercises`"


def test_what_follows_the_mark_is_cut_to_the_end_of_its_block_and_a_cell_without_a_mark_goes():
    source = "def f(x):\n    # Your turn.\n    # Solution\n    if x:\n\n        return 1\n\ng = 2"
    function = code(source, "solution", "wide")
    value = code("y = ...  # Your turn\n# Solution\ny = 3\nz = 4\n", "solution")
    proof, given = code("assert y == 3", "solution"), code("# Solution\nprint(y)")
    cells = without_solutions({"cells": [function, value, proof, given], "nbformat": 4})["cells"]
    assert cells == [code("def f(x):\n    # Your turn.\ng = 2", "wide"), code("y = ...  # Your turn"), given]
    assert function == code(source, "solution", "wide")


def test_table_has_chapter_link_and_minutes_of_every_exercise(tmp_path):
    rows = exercises_table(NOTEBOOKS / "exercises").splitlines()[2:]
    assert len(rows) == len(NAMES)
    assert rows[0] == "| 1 | [1a. How large is a tumour?](/notebooks/exercises/01_a_volumes.ipynb) | 10 |"
    for row, name in zip(rows, NAMES, strict=True):
        chapter, exercise, minutes = (cell.strip() for cell in row.split("|")[1:-1])
        assert name.startswith(f"0{chapter}_") and exercise[1:3] == name[1] + name[3] and 5 <= int(minutes) <= 20
    (tmp_path / "01_a.ipynb").write_text('{"cells": [{"source": ["# Exercise 1a. Why?"]}]}')
    with pytest.raises(BratsError, match="no minutes"):
        exercises_table(tmp_path)


def test_every_chapter_of_the_paper_and_the_next_has_two_or_three_exercises_and_leads_to_them():
    for number in range(1, 7):
        (chapter,) = NOTEBOOKS.glob(f"0{number}_*.ipynb")
        names = [name for name in NAMES if name.startswith(f"0{number}_")]
        assert 2 <= len(names) <= 3
        last = nbformat.read(chapter, as_version=4).cells[-1].source
        assert all(f"](exercises/{name})" in last for name in names)


def test_plans_give_each_exercise_its_minutes():
    table = exercises_table(NOTEBOOKS / "exercises")
    needed = {name: int(minutes) for name, minutes in re.findall(r"exercises/(\w+)\.ipynb\) \| (\d+)", table)}
    plans = (ROOT / "book" / "teach" / "plans.md").read_text(encoding="utf-8")
    slots = [
        (60 * int(hour) + int(minute), re.findall(r"exercises/(\w+)\.ipynb", line))
        for line in plans.splitlines() for hour, minute in re.findall(r"^\| (\d+):(\d\d) \|", line)
    ]  # fmt: skip
    assert sum(bool(names) for _, names in slots) > 10
    for (start, names), (end, _) in zip(slots, slots[1:], strict=False):
        # Whoever is done with the first goes on.
        assert not names or end - start >= needed[names[0]], names


@each_name
def test_solution_runs_and_every_check_calls_it_right(name, run, capsys):
    path = NOTEBOOKS / "solutions" / name
    run(path)
    checks = sum(line.startswith("check.") for cell in code_cells(path) for line in cell.splitlines())
    assert capsys.readouterr().out.splitlines().count("Right.") == checks > 0


@each_name
def test_untouched_exercise_is_met_with_a_hint(name, run):
    with pytest.raises(Hint) as met:
        run(NOTEBOOKS / "exercises" / name)
    assert str(met.value) == OPEN


def test_jupyter_shows_a_hint_without_a_traceback_and_goes_no_further():
    path = NOTEBOOKS / "exercises" / "04_a_empty_masks.ipynb"
    running = NotebookClient(nbformat.read(path, as_version=4), resources={"metadata": {"path": path.parent}})
    with pytest.raises(CellExecutionError):
        running.execute()
    executed = [cell for cell in running.nb.cells if cell.cell_type == "code" and cell.execution_count]
    (error,) = executed[-1].outputs
    assert executed[-1].source.startswith("check.") and error.traceback == [f"Hint: {OPEN}"]
