"""Tumour grades from the `name_mapping.csv` that BraTS ships beside its cases."""

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from brats_lib.errors import BratsError
from brats_lib.files import read_text

__all__ = ["GRADES", "NameTable", "read_table"]

GRADES = ("HGG", "LGG")


@dataclass(frozen=True)
class NameTable:
    """What a `name_mapping.csv` says about the cases of a cohort.

    Parameters
    ----------
    grades
        Case name to ``"HGG"``, ``"LGG"`` or None, for every row of the column that names the cohort's cases; empty
        where no column does.
    absent, contradicted, repeated
        The names among them that no case in the folder has, those listed with both grades (which count as None), and
        those listed more than once.
    columns
        What its columns are called.
    problem
        Message why it cannot be read; empty where it can.
    """

    path: Path
    grades: dict[str, str | None]
    absent: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    problem: str = ""


def read_table(path: Path, names: set[str]) -> NameTable:
    """Read what a name mapping says about the cases of these names, whatever its columns are called.

    BraTS 2020's table has a column for the names of every year (`BraTS_2017_subject_ID` ... `BraTS_2020_subject_ID`)
    and other years other ones; the column that names most of the cohort's cases is the one meant.
    """
    expected, advice = "comma-separated text", "Save it as CSV in UTF-8, or move it away"
    try:
        text = read_text(path, expected, advice)
        rows = list(csv.DictReader(io.StringIO(text, newline=""), restval=""))
    except BratsError as error:
        return NameTable(path, {}, problem=str(error))
    except csv.Error as error:
        return NameTable(path, {}, problem=str(BratsError(path, f"it cannot be read ({error})", expected, advice)))
    # Cells beyond the header's columns come under the key None.
    rows = [{key.strip(): value.strip() for key, value in row.items() if key is not None} for row in rows]
    columns = tuple(rows[0]) if rows else ()
    matches = [sum(row[column] in names for row in rows) for column in columns]
    if not any(matches):
        return NameTable(path, {}, columns=columns)
    column = columns[matches.index(max(matches))]
    grade_column = next((name for name in columns if name.lower() == "grade"), "")
    said = defaultdict(list)
    for row in rows:
        if row[column] not in ("", "NA"):
            said[row[column]].append(row.get(grade_column, "").upper())
    known = {name: set(grades) & set(GRADES) for name, grades in said.items()}
    return NameTable(
        path,
        {name: next(iter(grades)) if len(grades) == 1 else None for name, grades in known.items()},
        absent=tuple(name for name in said if name not in names),
        contradicted=tuple(name for name, grades in known.items() if len(grades) > 1),
        repeated=tuple(name for name, grades in said.items() if len(grades) > 1),
        columns=columns,
    )
