"""The same work for many cases, in several processes and with a progress bar."""

from collections.abc import Callable, Iterable
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import joblib
from tqdm import tqdm

from brats_lib.errors import BratsError


def for_each(work: Callable, items: Iterable, workers: int | None = None, description: str = "") -> list[Any]:
    """Call a function with every item and return the results in the order of the items.

    The function, the items and the results can be pickled; what the function raises is raised here. `workers` are
    processes: by default as many as there are cores, and never more than items. One works in this process.
    """
    items = list(items)
    if not items:
        return []
    workers = min(workers or joblib.cpu_count(), len(items))
    # No more calls are handed out than can run, so that an interrupt does not wait for others.
    processes = joblib.Parallel(n_jobs=workers, return_as="generator", pre_dispatch=workers)
    try:
        done = processes(joblib.delayed(work)(item) for item in items)
        return list(tqdm(done, total=len(items), desc=description, unit="case"))
    except BrokenProcessPool:
        where, found = description or "parallel work", f"one of {workers} processes was killed"
        advice = "Close other programs or take fewer workers, and run again: what was finished is kept"
        raise BratsError(where, found, "enough memory for all of them", advice) from None
