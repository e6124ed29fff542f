"""The message that a person reads: it survives the way back from a worker process, and is all that a notebook shows."""

import pickle

from IPython.core.interactiveshell import InteractiveShell

from brats_lib.errors import BratsError


def test_error_keeps_its_parts_when_pickled():
    error = pickle.loads(pickle.dumps(BratsError("scan.nii.gz", "it is empty", "a NIfTI file", "Download it again")))
    assert (error.where, error.expected) == ("scan.nii.gz", "a NIfTI file")
    assert str(error) == "scan.nii.gz: it is empty; expected a NIfTI file. Download it again."


def test_notebook_shows_the_message_without_a_traceback(capsys):
    cell = (
        'from brats_lib.errors import BratsError\nraise BratsError("a", "b", "c", "Run notebook 03_train_unet first")'
    )
    InteractiveShell().run_cell(cell)
    assert capsys.readouterr().out == "BratsError: a: b; expected c. Run notebook 03_train_unet first.\n"
