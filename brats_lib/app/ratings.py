"""What readers said, in SQLite: one row for each reader, case and side, and a log in which nothing is ever changed."""

import contextlib
import csv
import io
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from brats_lib.errors import BratsError
from brats_lib.scores.readers import COLUMNS, LIKERT, SIDES

__all__ = ["Ratings", "reader_code"]

_MAX_COMMENT, _MAX_READER = 2000, 40

_SCHEMA = """
CREATE TABLE IF NOT EXISTS ratings (
    study TEXT NOT NULL, reader TEXT NOT NULL, "case" TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('truth', 'prediction')),
    score INTEGER NOT NULL CHECK (score BETWEEN 1 AND 5), comment TEXT NOT NULL, rated_at TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (study, reader, "case", side)
);
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY, study TEXT NOT NULL, reader TEXT NOT NULL, "case" TEXT NOT NULL, side TEXT NOT NULL,
    score INTEGER NOT NULL, comment TEXT NOT NULL, rated_at TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS log_is_kept BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is not changed'); END;
CREATE TRIGGER IF NOT EXISTS log_stays BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is not changed'); END;
"""
_KEEP = """
INSERT INTO ratings (study, reader, "case", side, score, comment, rated_at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (study, reader, "case", side) DO UPDATE SET
    score = excluded.score, comment = excluded.comment, rated_at = excluded.rated_at, revision = revision + 1
"""
_LOG = """INSERT INTO log (study, reader, "case", side, score, comment, rated_at) VALUES (?, ?, ?, ?, ?, ?, ?)"""


def reader_code(text):
    """A reader's code as it is stored: without spaces around it, at most 40 characters.

    Raises
    ------
    BratsError
        If it is empty, too long or holds what cannot be printed.
    """
    code = str(text).strip()
    if not code or len(code) > _MAX_READER or not code.isprintable():
        found = f"it has {len(code)} characters" if code.isprintable() else "it holds characters that cannot be read"
        raise BratsError("reader code", found, f"1 to {_MAX_READER} printable ones", "Use one such as R1, not a name")
    return code


class Ratings:
    """The ratings of all studies on this machine.

    Parameters
    ----------
    path : str or Path
        Of the database; made where it is missing.

    Raises
    ------
    BratsError
        If it cannot be opened, or is something else.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            # Readers of several sessions write at once; with a write-ahead log none of them blocks who reads.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)

    @contextlib.contextmanager
    def _open(self):
        """A connection for one piece of work: all of it is kept or none. Sessions run in threads, which share none."""
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as connection, connection:
                yield connection
        except sqlite3.DatabaseError as error:
            advice = "Move the file away if it is not the reader study's; a new one is made"
            raise BratsError(self.path, f"the ratings cannot be kept ({error})", "their database", advice) from error

    def rate(self, study, reader, case, side, score, comment=""):
        """Keep a rating; an earlier one of the same mask by the same reader is replaced, and stays in the log.

        Parameters
        ----------
        study, reader, case : str
        side : {"truth", "prediction"}
        score : int
            Of `readers.LIKERT`, 1 to 5.
        comment : str
            At most 2000 characters are kept.

        Raises
        ------
        BratsError
            If the score or the reader is none, or the database cannot be written.
        """
        if side not in SIDES:
            raise ValueError(f"side is {side}; sides are {SIDES}")
        if score not in LIKERT:
            raise BratsError("score", f"it is {score}", "1, 2, 3, 4 or 5", "Choose one of those")
        row = (study, reader_code(reader), case, side, int(score), str(comment)[:_MAX_COMMENT],
               datetime.now(UTC).isoformat(timespec="seconds"))  # fmt: skip
        with self._open() as connection:
            connection.execute(_KEEP, row)
            connection.execute(_LOG, row)

    def rated(self, study, reader):
        """What a reader said so far.

        Returns
        -------
        dict of (str, str) to (int, str)
            Case and side to score and comment.
        """
        query = 'SELECT "case", side, score, comment FROM ratings WHERE study = ? AND reader = ?'
        with self._open() as connection:
            rows = connection.execute(query, (study, reader_code(reader))).fetchall()
        return {(case, side): (score, comment) for case, side, score, comment in rows}

    def counts(self, study):
        """How many masks each reader has rated, as dict of reader to number."""
        query = "SELECT reader, COUNT(*) FROM ratings WHERE study = ? GROUP BY reader ORDER BY reader"
        with self._open() as connection:
            return dict(connection.execute(query, (study,)).fetchall())

    def to_csv(self, study):
        """The ratings of a study as CSV text, with the columns of `readers.COLUMNS`.

        Spreadsheets run what begins with =, +, - or @; such a comment gets an apostrophe in front.

        Returns
        -------
        str
        """
        query = """SELECT reader, "case", side, score, comment, rated_at, revision, 0 FROM ratings WHERE study = ?
                   ORDER BY reader, "case", side"""
        with self._open() as connection:
            rows = connection.execute(query, (study,)).fetchall()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_harmless(value) for value in row] for row in rows)
        return text.getvalue()


def _harmless(value):
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
