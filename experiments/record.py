"""Results on disk: a table, and beside it how, when and on what it was made."""

import json
import platform
import subprocess
from pathlib import Path

import pandas as pd

from brats_lib.book.runs import commit, versions
from brats_lib.cases import Cohort
from brats_lib.errors import BratsError, some
from brats_lib.phantom import VERSION
from brats_lib.training.devices import describe

__all__ = [
    "FOLDER", "describe_data", "finish", "is_current", "is_finished", "provenance", "recorded", "require_clean", "save",
]  # fmt: skip

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "results"
# What experiments write themselves: one goes on where another has just written.
OUTPUTS = (
    "results",
    "brats_lib/prediction/weights/*.json",
    "brats_lib/prediction/weights/*.npz",
    "brats_lib/studies/synthesis/generator.*",
)
# The patients of this process by the name of each table that is made from them.
DATA: dict[str, dict[str, str | int]] = {}


def changed_files():
    """Tracked files that differ from the commit, outputs aside; none where there is no checkout."""
    command = ["git", "status", "--porcelain", "--untracked-files=no", "--", ".", *(f":!{name}" for name in OUTPUTS)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return [line[3:] for line in done.stdout.splitlines()]


# As the process begins: what runs is what is imported now, whatever is edited or committed until the end.
COMMIT, CHANGED = commit().removesuffix("-dirty"), changed_files()


def require_clean():
    """Refuse to make a result that no commit stands for.

    Raises
    ------
    BratsError
        If tracked files other than results and weights differed from the commit when this process began, or if there
        was no commit.
    """
    found = f"files differ from commit {COMMIT}: {some(CHANGED)}" if CHANGED else "there is no commit"
    if CHANGED or COMMIT == "unknown":
        raise BratsError(ROOT, found, "a checkout without changes, to which a result can be traced", "Commit first")


def describe_data(folder):
    """What a record says about patients: a hash of their names and files, and how many have a mask.

    Parameters
    ----------
    folder : str
        Of real cases.

    Returns
    -------
    dict
        `fingerprint` and `cases`.
    """
    cohort = Cohort.find(folder).labelled()
    return {"fingerprint": cohort.fingerprint(), "cases": len(cohort)}


def provenance(**facts):
    """What a reader must know to judge or repeat a result.

    Parameters
    ----------
    **facts
        What the experiment adds: seeds, sizes, minutes, cases.

    Returns
    -------
    dict
    """
    return {
        "commit": COMMIT + ("-dirty" if CHANGED else ""),
        "phantom_version": VERSION,
        "python": platform.python_version(),
        "device": describe(),
        "versions": versions(),
        **facts,
    }


def save(name, table, **facts):
    """Write `results/<name>.csv` and `results/<name>.json`.

    Parameters
    ----------
    name : str
        Of the table.
    table : pandas.DataFrame
        Four decimals are kept.
    **facts
        See `provenance`. Seeds need not be given where the table has a column of them, nor patients: see `DATA`.

    Raises
    ------
    BratsError
        See `require_clean`.
    """
    require_clean()
    FOLDER.mkdir(exist_ok=True)
    if "seed" in table:
        facts = {"seeds": sorted({int(seed) for seed in table["seed"]}), **facts}
    if name in DATA:
        facts = {"data": DATA[name], **facts}
    # A table that began empty holds objects, of which no decimals would be cut.
    table.infer_objects().to_csv(FOLDER / f"{name}.csv", index=False, float_format="%.4f")
    _write(name, provenance(**facts))
    print(f"{FOLDER.name}/{name}.csv: {len(table)} rows")


def is_current(name):
    """Whether a table is there and of this version of the phantom and these patients, finished or not."""
    about = _read(name)
    return about.get("phantom_version") == VERSION and about.get("data") == DATA.get(name)


def recorded(name, columns):
    """The rows of a table that an experiment goes on with: none, with these columns, where it is not current."""
    return pd.read_csv(FOLDER / f"{name}.csv") if is_current(name) else pd.DataFrame(columns=columns)


def is_finished(name):
    """Whether a table is current and the experiment that writes it has come to its end."""
    return is_current(name) and "experiment" in _read(name)


def finish(name, experiment):
    """Record which experiment wrote a table, now that it has come to its end; not where the table is an older one."""
    if is_current(name):
        _write(name, _read(name) | {"experiment": experiment})


def _read(name):
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() and path.with_suffix(".csv").is_file() else {}


def _write(name, about):
    (FOLDER / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n")
