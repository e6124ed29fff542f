"""The message that a person reads survives the way back from a worker process."""

import pickle

from brats_lib.errors import BratsError


def test_message_names_place_finding_expectation_and_advice_in_one_paragraph():
    error = BratsError("scan.nii.gz", "it is empty", "a NIfTI file", "Download it again")
    assert str(error) == "scan.nii.gz: it is empty; expected a NIfTI file. Download it again."


def test_error_keeps_its_parts_when_pickled():
    error = pickle.loads(pickle.dumps(BratsError("a", "b", "c", "d")))
    assert (error.where, error.found, error.expected, error.advice) == ("a", "b", "c", "d")
