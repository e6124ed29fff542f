"""Hints for students: what a wrong answer of an exercise is met with, instead of a traceback."""

import copy
import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

OPEN = "nothing is written here yet. The comment `Your turn` above says what to write."


class Hint(Exception):
    """What is wrong with a student's answer; Jupyter shows it without a traceback, and goes no further."""

    def _render_traceback_(self):
        """What Jupyter shows in place of the traceback."""
        return [f"Hint: {self}"]


def checked(judge: Callable[..., str | None]) -> Callable[..., None]:
    """Make a check that students call of a function that returns a hint, or None where the answer is right.

    The check prints "Right." or raises the hint. The judge is given the answer and what else the check was given; where
    the answer is a function of the student's, what stops it, what it leaves open and what it changes are hints as well.
    """

    @functools.wraps(judge)
    def check(answer: Any, *given: Any) -> None:
        if answer is None or answer is ...:
            raise Hint(OPEN)
        try:
            hint = judge(_watched(answer) if callable(answer) else answer, *given)
        except Hint:
            raise
        except Exception as error:
            raise Hint(f"the answer is of a kind that cannot be checked ({error}).") from error
        if hint:
            raise Hint(hint)
        print("Right.")

    return check


def _watched(function):
    def call(*arguments: Any):
        before = copy.deepcopy(arguments)
        try:
            with warnings.catch_warnings(action="ignore"):
                answer = function(*arguments)
        except Exception as error:
            raise Hint(f"`{function.__name__}` stops with {type(error).__name__}: {error}") from error
        if answer is None or answer is ...:
            raise Hint(OPEN)
        if not all(np.array_equal(now, then) for now, then in zip(arguments, before, strict=True)):
            raise Hint(f"`{function.__name__}` changes what it is given. Work on a copy, since the caller needs it.")
        return answer

    return call


def same(found: Any, wanted: ArrayLike) -> bool:
    """Whether an answer has these values, whatever its type; rounding and tiny constants do not count."""
    try:
        found = np.asarray(found, float)
    except (TypeError, ValueError):
        return False
    return found.shape == np.shape(wanted) and np.allclose(found, wanted, rtol=1e-3, atol=1e-4, equal_nan=True)


def hint_for(found: Any, right: ArrayLike, mistakes: Sequence[tuple[Any, str]], otherwise: str) -> str | None:
    """None for the right answer, else the hint of the usual mistake that gives this value, else the general hint.

    `mistakes` are pairs of a wrong answer and its hint.
    """
    if same(found, right):
        return None
    return next((hint for wrong, hint in mistakes if same(found, wrong)), otherwise)
