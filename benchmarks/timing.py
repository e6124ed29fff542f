"""Timing side by side, and the rows that come of it."""

import json
import os
import platform
import statistics
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

__all__ = ["Row", "interleave", "machine", "memory_table", "save", "table"]


@dataclass(frozen=True)
class Row:
    """One thing that was timed.

    Attributes
    ----------
    what, per : str
        What is done, and the unit of work that one time is for.
    seconds : float
        Median of ours.
    against : str
        The other way of doing it; empty where there is none.
    against_seconds : float or None
        Its median.
    limit : str
        What cannot be avoided on this machine.
    limit_seconds : float
        Its median.
    """

    what: str
    per: str
    seconds: float
    against: str
    against_seconds: float | None
    limit: str
    limit_seconds: float

    @property
    def ratio(self):
        """How many times as fast as the other way; None where there is none."""
        return None if self.against_seconds is None else self.against_seconds / self.seconds

    @property
    def of_limit(self):
        """Share of the time that cannot be avoided; 1 is as fast as the machine allows."""
        return self.limit_seconds / self.seconds

    def as_dict(self):
        """The row for JSON."""
        return {**asdict(self), "ratio": self.ratio, "of_limit": self.of_limit}


def interleave(functions, repetitions):
    """Time functions in turns, so that whatever else the machine does hits all of them.

    Parameters
    ----------
    functions : dict of str to callable
        Called without arguments, once each before the clock starts.
    repetitions : int
        Rounds.

    Returns
    -------
    dict of str to float
        Median seconds.
    """
    seconds = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(repetitions):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def machine():
    """Describe the machine and the versions that decide times.

    Returns
    -------
    dict
    """
    # Here and not at the top: importing Keras takes seconds that `--help` need not.
    from brats_lib.training.devices import describe

    packages = ("brats-lib", "numpy", "scipy", "nibabel", "keras")
    return {
        **describe(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        **{name: version(name) for name in packages},
    }


def table(rows):
    """Write rows as a text table.

    Parameters
    ----------
    rows : list of Row

    Returns
    -------
    str
    """
    head = ("what", "per", "time", "against", "its time", "ratio", "limit", "limit/time")
    cells = [
        (
            row.what, row.per, _seconds(row.seconds), row.against or "-", _seconds(row.against_seconds),
            "-" if row.ratio is None else f"x {row.ratio:.3g}", row.limit, f"{100 * row.of_limit:.0f} %",
        )
        for row in rows
    ]  # fmt: skip
    return _aligned([head, *cells])


def memory_table(rows):
    """Write memory rows (`what`, `peak_bytes`, `limit_bytes`) as a text table."""
    cells = [(r["what"], f"{r['peak_bytes'] / 2**20:.0f} MiB", f"{r['limit_bytes'] / 2**20:.0f} MiB") for r in rows]
    return _aligned([("peak memory", "peak", "limit"), *cells])


def save(path, content):
    """Write JSON, making the folder."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _seconds(value):
    if value is None:
        return "-"
    return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"


def _aligned(lines):
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines = [lines[0], tuple("-" * width for width in widths), *lines[1:]]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)
