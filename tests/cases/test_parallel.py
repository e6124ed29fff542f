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


def refuse(number):
    raise BratsError("here", "this", "that", "Do so")


def test_results_come_in_the_order_of_the_items_from_other_processes():
    results = for_each(slow_square, range(5), workers=2, progress=False)
    assert [square for square, _ in results] == [0, 1, 4, 9, 16]
    assert os.getpid() not in {process for _, process in results}


def test_one_worker_is_this_process():
    assert for_each(slow_square, [3], workers=4, progress=False) == [(9, os.getpid())]
    assert for_each(kill, []) == []


@pytest.mark.parametrize(
    ("work", "message"), [(refuse, "here: this"), (kill, "looking: one of 2 processes was killed.*fewer workers")]
)
def test_killed_process_is_explained_and_what_the_work_raises_is_raised(work, message):
    with pytest.raises(BratsError, match=message):
        for_each(work, range(4), workers=2, progress=False, description="looking")
