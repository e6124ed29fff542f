"""The one place where the application meets a network."""

import threading
from pathlib import Path

import numpy as np

from brats_lib.cases import Case
from brats_lib.cases.intake import receive
from brats_lib.prediction.inference import Prediction, segment_case
from brats_lib.prediction.networks import open_network
from brats_lib.prediction.predict import too_large

# Two at once on the same cores would both be late, and need twice the memory.
_ONE_AT_A_TIME = threading.Lock()


def segment(case: Case, network: str | Path | None = None, volumes: dict[str, np.ndarray] | None = None) -> Prediction:
    """Segment a case on its own grid; waits where somebody else's case is being segmented.

    `network` is what `networks.open_network` takes, and `volumes` what `intake.receive` gave for the case; without
    these the case is read and checked here. Errors are those of `brats predict`.
    """
    with _ONE_AT_A_TIME:
        try:
            if volumes is None:
                volumes, _ = receive(case, open_network(network).recipe.modalities)
            return segment_case(case, network, volumes)
        except MemoryError:
            raise too_large(case) from None
