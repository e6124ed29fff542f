"""A blinded reader study: who sees which mask in which order, the masks made beforehand, and what readers said.

The paper promises "qualitative assessments by physicians" and reports none. Here a reader sees one mask at a time, the
truth or the network's, without being told which, and says how good it is. What is said lies in a table of SQLite to
which ratings are added and in which none is ever changed; the latest rating of a mask by a reader counts.
"""

import contextlib
import hashlib
import random
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from brats_lib.cases import Case, Cohort
from brats_lib.errors import BratsError
from brats_lib.prediction.cards import Card
from brats_lib.scores.readers import COLUMNS, PREDICTION, SIDES, TRUTH


class Item(NamedTuple):
    """One mask to be rated: of which case, and on which of `readers.SIDES`, which no reader is shown."""

    case: str
    side: str


def reading_order(cases: Sequence[str], reader: str) -> list[Item]:
    """The order in which a reader sees the masks; another for every reader, the same whenever the reader comes back.

    Every case comes once in the first half and once in the second, so that its two masks are never seen one after the
    other and are as far apart as chance allows; which of the two comes first is drawn for each case.
    """
    # A hash of our own: Python's differs from one process to the next.
    digest = hashlib.sha256(f"0\n{reader}".encode()).digest()
    rng = random.Random(int.from_bytes(digest[:8], "big"))
    first = [Item(case, rng.choice(SIDES)) for case in sorted(cases)]
    second = [Item(item.case, TRUTH if item.side == PREDICTION else PREDICTION) for item in first]
    rng.shuffle(first)
    rng.shuffle(second)
    if len(first) > 1 and first[-1].case == second[0].case:
        second.append(second.pop(0))
    return first + second


class Study:
    """The masks of a study: the true ones of the labelled cases of a cohort, and those of a network in `folder`."""

    def __init__(self, cohort: Cohort, card: Card, folder: str | Path):
        self.cohort, self.network = cohort.labelled(), card.name
        if not len(self.cohort):
            advice = "Start the application with --data and a folder of cases with masks"
            raise BratsError(cohort.root, "none of its cases has a mask", "at least one with a true mask", advice)
        key = f"{self.cohort.fingerprint()}\n{card.identity['sha256']}"
        # Ratings of other cases, weights or decision rules belong to another study.
        self.name = hashlib.sha256(key.encode()).hexdigest()[:12]
        self.folder = Path(folder) / self.name

    def _file(self, case):
        return self.folder / f"{case.name}_seg.nii.gz"

    def missing(self) -> list[Case]:
        """The cases that have no prediction yet."""
        return [case for case in self.cohort if not self._file(case).is_file()]

    def save(self, case: Case, mask: np.ndarray) -> None:
        """Write the network's mask of a case."""
        case.save_mask(mask, self._file(case))

    def mask(self, item: Item) -> np.ndarray:
        """The mask to be rated, labels in LPS; nothing about it says where it is from."""
        case = self.cohort[item.case]
        return case.mask() if item.side == TRUTH else case.read_mask_file(self._file(case))


_MAX_COMMENT, _MAX_READER = 2000, 40
_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY, study TEXT NOT NULL, reader TEXT NOT NULL, "case" TEXT NOT NULL, side TEXT NOT NULL,
    score INTEGER NOT NULL, comment TEXT NOT NULL, rated_at TEXT NOT NULL
)"""
_ADD = 'INSERT INTO log (study, reader, "case", side, score, comment, rated_at) VALUES (?, ?, ?, ?, ?, ?, ?)'
# Beside MAX, SQLite takes the other columns from the row that has it.
_LATEST = """
SELECT reader, "case", side, score, comment, rated_at, COUNT(*), MAX(id) FROM log WHERE study = ?
GROUP BY reader, "case", side ORDER BY reader, "case", side"""


def reader_code(text: str) -> str:
    """A reader's code as it is stored: without spaces around it, 1 to 40 printable characters."""
    code = text.strip()
    if not code or len(code) > _MAX_READER or not code.isprintable():
        found = f"it has {len(code)} characters" if code.isprintable() else "it holds characters that cannot be read"
        raise BratsError("reader code", found, f"1 to {_MAX_READER} printable ones", "Use one such as R1, not a name")
    return code


class Ratings:
    """The ratings of all studies on this machine, in a file that is made where it is missing.

    A `reader` is a `reader_code`.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.execute(_SCHEMA)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one piece of work; sessions run in threads, which share none and wait for each other."""
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as connection, connection:
                yield connection
        except sqlite3.DatabaseError as error:
            advice = "Move the file away if it is not the reader study's; a new one is made"
            raise BratsError(self.path, f"the ratings cannot be kept ({error})", "their database", advice) from error

    def rate(self, study: str, reader: str, item: Item, score: int, comment: str = "") -> None:
        """Add a rating: a score of `readers.LIKERT` and at most 2000 characters of comment."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._open() as connection:
            connection.execute(_ADD, (study, reader, *item, score, comment[:_MAX_COMMENT], now))

    def table(self, study: str) -> pd.DataFrame:
        """The latest ratings of a study, with the columns `readers.COLUMNS`."""
        with self._open() as connection:
            rows = connection.execute(_LATEST, (study,)).fetchall()
        return pd.DataFrame([row[:-1] for row in rows], columns=list(COLUMNS))

    def rated(self, study: str, reader: str) -> dict[Item, tuple[int, str]]:
        """Score and comment of each mask that a reader has rated."""
        table = self.table(study)
        mine = table[table["reader"] == reader]
        return {Item(row.case, row.side): (row.score, row.comment) for row in mine.itertuples()}

    def to_csv(self, study: str) -> str:
        """The table as CSV; what a spreadsheet would run, as it begins with =, +, - or @, gets an apostrophe."""
        return self.table(study).map(_harmless).to_csv(index=False, lineterminator="\n")


def _harmless(value):
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
