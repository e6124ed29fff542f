"""Tumour grades from the `name_mapping.csv` that BraTS ships beside its cases."""

import csv
from dataclasses import dataclass
from pathlib import Path

from brats_lib.errors import BratsError

__all__ = ["GRADES", "NameTable", "read_table"]

GRADES = ("HGG", "LGG")


@dataclass(frozen=True)
class NameTable:
    """What a `name_mapping.csv` says about the cases of a cohort.

    Parameters
    ----------
    path : Path
        The file.
    grades : dict of str to (str or None)
        Case name to ``"HGG"``, ``"LGG"`` or None, for every row of the column that names the cohort's cases; empty
        where no column does.
    absent : tuple of str
        The names among them that no case in the folder has.
    """

    path: Path
    grades: dict[str, str | None]
    absent: tuple[str, ...] = ()


def read_table(path: Path, names: set[str]) -> NameTable:
    """Read a name mapping, whatever its columns are called.

    BraTS 2020's table has a column for the names of every year (`BraTS_2017_subject_ID` ... `BraTS_2020_subject_ID`)
    and other years other ones; the column that names most of the cohort's cases is the one meant.

    Parameters
    ----------
    path : Path
        The table.
    names : set of str
        Names of the cases that are there.

    Raises
    ------
    BratsError
        If it is no comma-separated text.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        advice = "Save it as CSV in UTF-8, or move it away"
        raise BratsError(path, f"it cannot be read ({error})", "comma-separated text", advice) from None
    # Cells beyond the header's columns come under the key None.
    rows = [{key.strip(): value.strip() for key, value in row.items() if key is not None} for row in rows]
    columns = list(rows[0]) if rows else []
    matches = {column: sum(row[column] in names for row in rows) for column in columns}
    column = max(matches, key=matches.get, default=None)
    if column is None or not matches[column]:
        return NameTable(path, {})
    grade_column = next((name for name in columns if name.lower() == "grade"), None)
    grades = {row[column]: row.get(grade_column, "").upper() for row in rows if row[column] not in ("", "NA")}
    grades = {name: grade if grade in GRADES else None for name, grade in grades.items()}
    return NameTable(path, grades, tuple(name for name in grades if name not in names))
