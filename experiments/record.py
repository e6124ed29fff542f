"""Results on disk: a table, and beside it how, when and on what it was made."""

import json
import platform
from pathlib import Path

from brats_lib.book.runs import commit, versions
from brats_lib.phantom import VERSION
from brats_lib.training.devices import describe

__all__ = ["FOLDER", "provenance", "save"]

FOLDER = Path(__file__).parent.parent / "results"


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
        "commit": commit(),
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
        Of the experiment.
    table : pandas.DataFrame
        Four decimals are kept.
    **facts
        See `provenance`.
    """
    FOLDER.mkdir(exist_ok=True)
    # Before the table: a tracked one that changes would make the checkout look changed.
    record = json.dumps(provenance(**facts), indent=1) + "\n"
    table.to_csv(FOLDER / f"{name}.csv", index=False, float_format="%.4f")
    (FOLDER / f"{name}.json").write_text(record)
    print(f"{FOLDER.name}/{name}.csv: {len(table)} rows")
