"""The same work for many cases, in several processes and with a progress bar."""

from concurrent.futures.process import BrokenProcessPool

import joblib
from tqdm import tqdm

from brats_lib.errors import BratsError

__all__ = ["for_each"]


def for_each(work, items, workers=None, progress=True, description="", unit="case"):
    """Call a function with every item.

    Parameters
    ----------
    work : callable
        Gets one item; it and what it returns can be pickled.
    items : sequence
        What to call it with.
    workers : int, optional
        Processes; by default as many as there are cores, and never more than items. One works in this process.
    progress : bool
        Show a progress bar where there is anything to do.
    description, unit : str
        What the bar says.

    Returns
    -------
    list
        What `work` returned, in the order of `items`.

    Raises
    ------
    BratsError
        If a process was killed. What `work` raises is raised here.
    """
    items = list(items)
    if not items:
        return []
    workers = min(workers or joblib.cpu_count(), len(items))
    # No more calls are handed out than can run, so that an interrupt does not wait for others.
    processes = joblib.Parallel(n_jobs=workers, return_as="generator", pre_dispatch=workers)
    try:
        done = processes(joblib.delayed(work)(item) for item in items)
        return list(tqdm(done, total=len(items), desc=description, unit=unit, disable=not progress))
    except BrokenProcessPool:
        raise BratsError(
            description or "parallel work",
            f"one of {workers} processes was killed",
            "enough memory for all of them",
            "Close other programs or take fewer workers, and run again: what was finished is kept",
        ) from None
