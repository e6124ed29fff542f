"""Timing side by side, and the rows that come of it."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from tabulate import tabulate

__all__ = ["Row", "interleave", "machine", "memory_table", "table"]


@dataclass(frozen=True)
class Row:
    """One thing that was timed; all times are medians in seconds."""

    what: str
    per: str  # unit of work that one time is for
    seconds: float
    against: str  # the other way of doing it; empty where there is none
    against_seconds: float | None
    limit: str  # what cannot be avoided on this machine
    limit_seconds: float

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the other way; None where there is none."""
        return None if self.against_seconds is None else self.against_seconds / self.seconds

    @property
    def of_limit(self) -> float:
        """Share of the time that cannot be avoided; 1 is as fast as the machine allows."""
        return self.limit_seconds / self.seconds

    def as_dict(self) -> dict:
        """The row for JSON."""
        return {**asdict(self), "ratio": self.ratio, "of_limit": self.of_limit}


def interleave(functions: Mapping[str, Callable], repetitions: int) -> dict[str, float]:
    """Median seconds of functions, timed in turns, so that whatever else the machine does hits all of them.

    Each is called without arguments, and once before the clock starts.
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


def machine() -> dict:
    """Describe the machine and the versions that decide times."""
    # Here and not at the top: importing Keras takes seconds that `--help` need not.
    from brats_lib.training.devices import describe

    return {
        **describe(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        **{name: version(name) for name in ("brats-lib", "numpy", "scipy", "nibabel", "keras")},
    }


def table(rows: Sequence[Row]) -> str:
    """Write rows as a text table."""
    head = ("what", "per", "time", "against", "its time", "ratio", "limit", "limit/time")
    cells = [
        (
            row.what, row.per, _seconds(row.seconds), row.against or "-", _seconds(row.against_seconds),
            "-" if row.ratio is None else f"x {row.ratio:.3g}", row.limit, f"{100 * row.of_limit:.0f} %",
        )
        for row in rows
    ]  # fmt: skip
    return tabulate(cells, head, disable_numparse=True)


def memory_table(rows: Sequence[dict]) -> str:
    """Write memory rows (`what`, `peak_bytes`, `limit_bytes`) as a text table."""
    cells = [(r["what"], f"{r['peak_bytes'] / 2**20:.0f} MiB", f"{r['limit_bytes'] / 2**20:.0f} MiB") for r in rows]
    return tabulate(cells, ("peak memory", "peak", "limit"), disable_numparse=True)


def _seconds(value):
    if value is None:
        return "-"
    return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"
