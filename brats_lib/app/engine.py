"""The one place where the application meets a network."""

import functools
import threading

from brats_lib.inference import Prediction, predict_case
from brats_lib.weights import load

__all__ = ["segment", "warm_up"]

# Two at once on the same cores would both be late, and need twice the memory.
_ONE_AT_A_TIME = threading.Lock()


@functools.cache
def _network(name):
    """A network, built once for everybody; building takes longer than segmenting a small scan."""
    return load(name)


def segment(case, network=None) -> Prediction:
    """Segment a case; waits where somebody else's case is being segmented.

    Parameters
    ----------
    case : brats_lib.cohort.Case
        With FLAIR and T1ce.
    network : str, optional
        A name of `weights.available`; the default network where omitted.

    Returns
    -------
    Prediction
        On the case's own grid.

    Raises
    ------
    BratsError
        If a modality is missing, a file cannot be read, or there is no such network.
    """
    with _ONE_AT_A_TIME:
        model, recipe, _ = _network(network)
        return predict_case(model, case, recipe)


def warm_up(network=None) -> None:
    """Build a network before anybody waits for it, in a thread that ends with the program."""

    def build():
        with _ONE_AT_A_TIME:
            _network(network)

    threading.Thread(target=build, daemon=True, name="warm-up").start()
