"""A scan and a prediction small enough to be worked out by hand, for tests that need no network."""

import numpy as np
from conftest import write_case

from brats_lib.app.scans import open_scan
from brats_lib.cases import Cohort
from brats_lib.labels import REGIONS, region
from brats_lib.prediction.inference import Prediction


def tiny_scan(folder, with_mask=True):
    """A tiny case, opened."""
    write_case(folder, "BraTS20_Training_001", with_mask=with_mask)
    return open_scan(Cohort.find(folder)[0])


def sure_of(mask):
    """A prediction that gives every region of a mask probability 1."""
    chances = np.stack([region(mask, name) for name in REGIONS], -1).astype(np.float16)
    return Prediction(mask, chances, tuple(REGIONS))
