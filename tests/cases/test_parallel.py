"""Work is spread over processes, comes back in order, and a killed process is explained."""

import os
import signal
import time

import pytest

from brats_lib.cases.parallel import for_each
from brats_lib.errors import BratsError


def slow_square(number):
    time.sleep(0.1 if number == 0 else 0)
    return number**2, os.getpid()


def kill(number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_the_order_of_the_items_from_other_processes_unless_one_does():
    results = for_each(slow_square, range(5), workers=2)
    assert [square for square, _ in results] == [0, 1, 4, 9, 16]
    assert os.getpid() not in {process for _, process in results}
    assert for_each(slow_square, [3], workers=4) == [(9, os.getpid())]


def test_killed_process_is_explained():
    with pytest.raises(BratsError, match="looking: one of 2 processes was killed.*fewer workers"):
        for_each(kill, range(4), workers=2, description="looking")
