"""The one exception that a person who runs the software is meant to read."""

import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path


class BratsError(Exception):
    """Something the user gave cannot be used.

    `where` is the file, folder, option or value; `found` what is there, a clause ("its shape is (240, 240, 154)");
    `expected` a noun phrase ("the mask's shape (240, 240, 155)"); `advice` what to do, a sentence without full stop.
    The command line prints the message and exits with code 2.
    """

    def __init__(self, where: str | Path, found: str, expected: str, advice: str):
        # File names may hold bytes that are no text, which no terminal and no file takes.
        parts = [str(part).encode("utf-8", "backslashreplace").decode() for part in (where, found, expected, advice)]
        self.where, self.found, self.expected, self.advice = parts
        super().__init__("{}: {}; expected {}. {}.".format(*parts))

    def _render_traceback_(self):
        """What IPython shows in a notebook: the message alone, as on the command line."""
        return [f"{type(self).__name__}: {self}"]

    def __reduce__(self):
        # Worker processes send exceptions back pickled; the default would call __init__ with the message alone.
        return type(self), (self.where, self.found, self.expected, self.advice)


def some(names: Iterable[str]) -> str:
    """The first three names for a message, and how many others there are: ``"a, b, c and 2 more"``."""
    names = list(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def install_extra(extra: str) -> str:
    """Advice where the packages of an extra are missing, by their own names: no index need know this project."""
    try:
        required = metadata.requires("brats-lib") or ()
    except metadata.PackageNotFoundError:  # imported from a folder, without an installation
        required = ()
    wanted = [text.split(";")[0].strip() for text in required if re.search(rf"extra == ['\"]{extra}['\"]", text)]
    packages = " ".join(f'"{name}"' for name in wanted)
    return f"Install it with `pip install {packages or f'PACKAGES of the extra {extra} in pyproject.toml'}`"
