"""The message that a person reads survives the way back from a worker process."""

import pickle

from brats_lib.errors import BratsError


def test_error_keeps_its_parts_when_pickled():
    error = pickle.loads(pickle.dumps(BratsError("scan.nii.gz", "it is empty", "a NIfTI file", "Download it again")))
    assert (error.where, error.expected) == ("scan.nii.gz", "a NIfTI file")
    assert str(error) == "scan.nii.gz: it is empty; expected a NIfTI file. Download it again."
