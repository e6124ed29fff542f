"""The one exception that a person who runs the software is meant to read."""

from pathlib import Path

__all__ = ["BratsError"]


class BratsError(Exception):
    """Something the user gave cannot be used; says where, what was found and what to do.

    The command line prints the message as one paragraph and exits with code 2; a notebook shows it as the
    last line of its traceback.

    Parameters
    ----------
    where : str or Path
        The file, folder, option or value that cannot be used.
    found : str
        What is there, as a clause: ``"its shape is (240, 240, 154)"``.
    expected : str
        What was expected there, as a noun phrase: ``"the mask's shape (240, 240, 155)"``.
    advice : str
        What to do about it, as one sentence without the full stop.
    """

    def __init__(self, where: str | Path, found: str, expected: str, advice: str):
        self.where, self.found, self.expected, self.advice = str(where), found, expected, advice
        super().__init__(f"{where}: {found}; expected {expected}. {advice}.")

    def __reduce__(self):
        # Worker processes send exceptions back pickled; the default would call __init__ with the message alone.
        return type(self), (self.where, self.found, self.expected, self.advice)
