"""The pictures that the generative networks of chapters 8 and 9 learn from and are tested on."""

import functools
from pathlib import Path

import numpy as np

from brats_lib.phantom import VERSION
from brats_lib.studies.synthesis.pictures import Pictures, make_pictures
from experiments.shipped import RUNS, test_phantoms, training_phantoms

__all__ = ["LEARNT_FROM", "SLICES", "held_out", "learnt_from", "tested", "training_pictures"]

# Of these phantoms the first are learnt from; the others are of the same kinds, and nobody has seen them.
PICTURED, LEARNT_FROM, SLICES, TESTED_SLICES = 384, 288, 8, 2


@functools.cache
def training_pictures():
    """Slices of phantoms as the network that ships learnt from; kept, since they take minutes."""
    file = Path(RUNS) / f"pictures-{PICTURED}-{SLICES}-v{VERSION}.npz"
    if not file.is_file():
        found = make_pictures(training_phantoms(PICTURED), SLICES)
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **{**vars(found), "names": np.array(found.names)})
    with np.load(file) as arrays:
        return Pictures(**{**{name: arrays[name] for name in arrays.files}, "names": tuple(arrays["names"].tolist())})


def learnt_from(pictures):
    """The slices that are learnt from."""
    return pictures.take(pictures.case < LEARNT_FROM)


def held_out(pictures):
    """Slices of phantoms of the same kinds that are not learnt from."""
    return pictures.take(pictures.case >= LEARNT_FROM)


def tested(stacks=None, slices=TESTED_SLICES):
    """Slices to test on: of the phantoms for tests, or of other standardised cases."""
    return make_pictures(test_phantoms() if stacks is None else stacks, slices)
