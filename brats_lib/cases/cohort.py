"""A folder of cases, read the same way whichever BraTS year or copy it is, and the tables of grades in it."""

import csv
import difflib
import hashlib
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from brats_lib.cases.case import Case
from brats_lib.cases.discover import find_cases
from brats_lib.cases.layouts import LAYOUT_OF_NAME
from brats_lib.errors import BratsError
from brats_lib.files import home_path, read_json, read_text

PHANTOM_FILE = "phantom.json"
GRADES = ("HGG", "LGG")


@dataclass(frozen=True)
class NameTable:
    """What a `name_mapping.csv` says about the cases of a cohort."""

    path: Path
    grades: dict[str, str | None]  # case name to "HGG", "LGG" or None; empty where no column names the cohort's cases
    absent: tuple[str, ...] = ()  # names among them that no case in the folder has
    contradicted: tuple[str, ...] = ()  # names listed with both grades, which count as None
    repeated: tuple[str, ...] = ()  # names listed more than once
    columns: tuple[str, ...] = ()
    problem: str = ""  # why it cannot be read


@dataclass(frozen=True)
class Cohort:
    """Cases in natural order of their names, the tables beside them, and what was passed over."""

    root: Path  # the folder they were found in
    cases: tuple[Case, ...]
    tables: tuple[NameTable, ...] = ()  # of the files `name_mapping.csv`
    skipped: tuple[tuple[Path, str], ...] = ()  # folders and images that are no case's, and why, as a clause

    @classmethod
    def find(cls, root: str | Path, max_cases: int | None = None) -> "Cohort":
        """Find the cases of a folder, or only the first `max_cases` of them.

        The folder holds cases in any layout of `brats_lib.cases.layouts`, at any depth, or is one case's. It is refused
        if it is missing, unreadable or without cases, or if one case is there twice.
        """
        root = home_path(root)
        if max_cases is not None and max_cases < 1:
            raise BratsError("max_cases", f"it is {max_cases}", "at least 1", "Leave it out to use all cases")
        cases, paths, skipped = find_cases(root)
        names = {case.name for case in cases}
        tables = tuple(read_table(path, names) for path in sorted(paths))
        grades = {name: grade for table in tables for name, grade in table.grades.items() if grade}
        cases = [replace(case, grade=grades.get(case.name, case.grade)) for case in cases]
        return cls(root, tuple(cases[:max_cases]), tables, tuple(skipped))

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def __getitem__(self, key: str | int) -> Case:
        """A case by name or position."""
        if not isinstance(key, str):
            return self.cases[key]
        for case in self.cases:
            if case.name == key:
                return case
        near = difflib.get_close_matches(key, self.names, n=3, cutoff=0) or ["none, the cohort is empty"]
        raise BratsError(self.root, f"it has no case {key}", f"such as {', '.join(near)}", "Check the name")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cases."""
        return tuple(case.name for case in self.cases)

    def labelled(self) -> "Cohort":
        """Only the cases that have a mask; may be empty."""
        return replace(self, cases=tuple(case for case in self.cases if case.has_mask))

    def subset(self, names: Iterable[str]) -> "Cohort":
        """Only the cases of these names, which must be there, in this cohort's order."""
        wanted = {self[name].name for name in names}
        return replace(self, cases=tuple(case for case in self.cases if case.name in wanted))

    @property
    def is_phantom(self) -> bool:
        """Whether any of these are simulated patients, also where their folder is only a part of `root`."""
        return any(self._phantom_marks())

    @property
    def source(self) -> str:
        """What the cases are, for figure feet and tables, without any path: ``"24 simulated phantoms (seed 0)"``."""
        marks = self._phantom_marks()
        real = [case for case, mark in zip(self.cases, marks, strict=True) if mark is None]
        simulated = len(self) - len(real)
        parts = []
        if simulated:
            drawn = ", ".join(sorted({_drawn(mark) for mark in marks if mark is not None}))
            parts.append(f"{simulated} simulated phantom{'s' * (simulated != 1)} ({drawn})")
        if real or not simulated:
            naming = " and ".join(title for title, _ in Counter(map(_naming, real)).most_common()) or "no naming"
            # It stands in Markdown, HTML and figures, where other characters would mean something.
            folder = re.sub(r"[^\w .,()+-]", "_", self.root.resolve().name)
            parts.append(f"{len(real)} case{'s' * (len(real) != 1)}, {naming}, folder {folder}")
        return " and ".join(parts)

    def _phantom_marks(self) -> list[Path | None]:
        """For each case the file that says it is simulated: in the cohort's folder or beside the case's."""
        root = self.root / PHANTOM_FILE
        return [root] * len(self) if root.is_file() else [phantom_file(case) for case in self.cases]

    def fingerprint(self) -> str:
        """Hash of the cases' names and of all bytes of their files, 16 hexadecimal digits.

        It does not depend on where the folder is, in what order it lists its files or when they were written.
        """
        return hashlib.sha256("\n".join(sorted(case.fingerprint() for case in self.cases)).encode()).hexdigest()[:16]


def phantom_file(case: Case) -> Path | None:
    """The file beside a case's folder that says it is simulated, if there is one."""
    path = case.folder.parent / PHANTOM_FILE
    return path if path.is_file() else None


def read_phantom_file(path: Path) -> dict:
    """What the mark of a phantom cohort says; without a stream it is of the one that networks learn from."""
    return {"stream": "training", **read_json(path, "the mark of phantoms", "Make the cohort again")}


def _drawn(path: Path) -> str:
    mark = read_phantom_file(path)
    return f"seed {mark.get('seed')}" + (f" of the stream {mark['stream']}" if mark["stream"] != "cohort" else "")


def _naming(case: Case) -> str:
    """The year that a case's name tells (`Brats18_`, `BraTS20_`, `BraTS2021_`), else its layout's title."""
    year = re.match(r"brats(?:20)?(\d\d)_", case.name.lower())
    if case.layout == "brats2020" and year:
        return f"BraTS 20{year[1]} naming"
    return LAYOUT_OF_NAME[case.layout].title


def read_table(path: Path, names: set[str]) -> NameTable:
    """Read what a name mapping says about the cases of these names, whatever its columns are called.

    BraTS 2020's table has a column for the names of every year (`BraTS_2017_subject_ID` ... `BraTS_2020_subject_ID`)
    and other years other ones; the column that names most of the cohort's cases is the one meant.
    """
    expected, advice = "comma-separated text", "Save it as CSV in UTF-8, or move it away"
    try:
        text = read_text(path, expected, advice)
        rows = list(csv.DictReader(io.StringIO(text, newline=""), restval=""))
    except (BratsError, csv.Error) as error:
        if isinstance(error, csv.Error):
            error = BratsError(path, f"it cannot be read ({error})", expected, advice)
        return NameTable(path, {}, problem=str(error))
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
