"""The one place where the application meets a network."""

import contextlib
import threading
from pathlib import Path

import numpy as np

from brats_lib.cases import Case
from brats_lib.cases.intake import receive
from brats_lib.errors import BratsError
from brats_lib.prediction.inference import Prediction, predict_stack, segment_case
from brats_lib.prediction.networks import open_network
from brats_lib.prediction.predict import too_large
from brats_lib.recipes import NativeRecipe
from brats_lib.slices.stacks import make_stack

__all__ = ["segment", "warm_up"]

# Two at once on the same cores would both be late, and need twice the memory.
_ONE_AT_A_TIME = threading.Lock()


def segment(case: Case, network: str | Path | None = None, volumes: dict[str, np.ndarray] | None = None) -> Prediction:
    """Segment a case on its own grid; waits where somebody else's case is being segmented.

    Parameters
    ----------
    network
        As in `networks.open_network`, which keeps it loaded; the default network where omitted.
    volumes
        What `intake.receive` gave for the case; where omitted, the case is read and checked here.

    Raises
    ------
    BratsError
        As `brats predict`: if a modality is missing, a file cannot be read, it is no brain without its skull, it does
        not fit into memory, or there is no such network.
    """
    with _ONE_AT_A_TIME:
        try:
            if volumes is None:
                volumes, _ = receive(case, open_network(network).recipe.modalities)
            return segment_case(case, network, volumes)
        except MemoryError:
            raise too_large(case) from None


def warm_up(network: str | Path | None = None) -> None:
    """Make a network ready before anybody waits for it, in a thread that ends with the program."""

    def build():
        # What is wrong with a network that cannot be opened is said when somebody presses the button.
        with _ONE_AT_A_TIME, contextlib.suppress(BratsError):
            opened = open_network(network)
            if isinstance(opened.recipe, NativeRecipe):
                # What is predicted first compiles the network, for windows that lie and windows that stand.
                speck = np.arange(1.0, 13.0, dtype=np.float32).reshape(2, 3, 2)
                predict_stack(opened, make_stack("warm-up", [speck] * len(opened.recipe.modalities)))

    threading.Thread(target=build, daemon=True, name="warm-up").start()
