"""A process that is killed at its work is explained."""

import os
import signal

import pytest

from brats_lib.cases.parallel import for_each
from brats_lib.errors import BratsError


def kill(number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_killed_process_is_explained():
    with pytest.raises(BratsError, match="looking: one of 2 processes was killed.*fewer workers"):
        for_each(kill, range(4), workers=2, description="looking")
