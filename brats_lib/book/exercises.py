"""Exercises: notebooks of solutions with the solutions cut out, and the table that lists them."""

import copy
import json
import re
from pathlib import Path

from brats_lib.errors import BratsError
from brats_lib.files import read_json, write_whole

TAG, MARK = "solution", "# Solution"
# What the first cell of every exercise says.
_TITLE = re.compile(r"^# Exercise (\d)(\w)\. (.+)$", re.MULTILINE)
_MINUTES = re.compile(r"\*\*Minutes\*\*: (\d+)")
_ADVICE = "Write it as in the other notebooks of that folder"


def make_exercises(solutions: str | Path, exercises: str | Path) -> list[Path]:
    """Make the exercises in a folder of the solutions in another; an exercise without a solution goes.

    A cell tagged `solution` keeps what stands before its line `# Solution`, and what follows the block that this line
    is in; without such a line the whole cell goes. Nothing else is changed.
    """
    solutions, exercises = Path(solutions), Path(exercises)
    exercises.mkdir(parents=True, exist_ok=True)
    made = [exercises / path.name for path in sorted(solutions.glob("*.ipynb"))]
    for path in set(exercises.glob("*.ipynb")) - set(made):
        path.unlink()
    for path in made:
        notebook = without_solutions(_read(solutions / path.name))
        write_whole(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return made


def without_solutions(notebook: dict) -> dict:
    """The exercise that a notebook of solutions makes, as `make_exercises` says; the notebook is not changed."""
    notebook, kept = copy.deepcopy(notebook), []
    for cell in notebook["cells"]:
        if TAG in cell["metadata"].get("tags", []):
            cell["metadata"]["tags"].remove(TAG)
            cell["source"] = _cut("".join(cell["source"])).splitlines(keepends=True)
            if not cell["source"]:
                continue
        kept.append(cell)
    return notebook | {"cells": kept}


def _cut(source: str) -> str:
    kept: list[str] = []
    block = None  # the indentation of the solution that a line is part of
    for line in source.splitlines() if MARK in source else ():
        depth = len(line) - len(line.lstrip())
        if block is not None and line.strip() and depth < block:
            block = None
        if line.strip() == MARK:
            block = depth
        if block is None:
            kept.append(line)
    return "\n".join(kept).rstrip()


def exercises_table(exercises: str | Path) -> str:
    """A Markdown table of the exercises in a folder beside the chapters: chapter, exercise with a link, minutes."""
    rows = ["| Chapter | Exercise | Minutes |", "|---|---|---|"]
    for path in sorted(Path(exercises).glob("*.ipynb")):
        text = "".join(_read(path)["cells"][0]["source"])
        title, minutes = _TITLE.search(text), _MINUTES.search(text)
        if not title or not minutes:
            found, expected = "its first cell has no title or no minutes", "`# Exercise 4a. ...` and `**Minutes**: 10`"
            raise BratsError(path, found, expected, _ADVICE)
        chapter, letter, question = title.groups()
        rows.append(f"| {chapter} | [{chapter}{letter}. {question}](/notebooks/exercises/{path.name}) | {minutes[1]} |")
    return "\n".join(rows) + "\n"


def _read(path):
    return read_json(path, "a notebook", _ADVICE, ("cells",))
