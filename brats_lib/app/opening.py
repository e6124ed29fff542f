"""Which cases the application starts with."""

from brats_lib.book.runs import find_data, phantom_folder
from brats_lib.cases import Cohort
from brats_lib.phantom import make_cohort

__all__ = ["NEEDED", "PHANTOMS", "find_cases"]

# What the networks that ship read, and what section 5 of the paper displays.
NEEDED = ("flair", "t1ce")
# Enough to choose from, few enough not to wait for.
PHANTOMS = 4


def find_cases(data="", seed=0):
    """Find the cases to list.

    Parameters
    ----------
    data : str or Path
        A folder of cases; where empty, `$BRATS_DATA`, then `data/`, then phantoms, which are made where they are
        missing. Phantoms that earlier runs made are listed too.
    seed : int
        Of the phantoms.

    Returns
    -------
    Cohort

    Raises
    ------
    BratsError
        If the folder is missing or holds no case.
    """
    root = find_data(data)
    if root is not None:
        return Cohort.find(root)
    return Cohort.find(make_cohort(phantom_folder(seed), cases=PHANTOMS, seed=seed).root)
