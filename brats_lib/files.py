"""Files as a whole: written complete or not at all, read without trust."""

import json
import os
import stat
from pathlib import Path

from brats_lib.errors import BratsError

__all__ = ["home_path", "open_regular", "read_json", "read_text", "write_whole"]

# Of a file of settings, records or names; the largest that this package writes has a few hundred kB.
MOST_BYTES = 32 * 2**20


def home_path(path: str | Path) -> Path:
    """A path as a person wrote it: `~` is the home folder, also where no shell has seen it, as in `--out=~/x`."""
    return Path(os.path.expanduser(path))


def open_regular(path: Path):
    """Open a file to read its bytes; a pipe or a device, which might never answer, is refused.

    Raises
    ------
    OSError
        As `open`, and where the file is of another kind.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(21, "Is a directory", str(path))
        if not stat.S_ISREG(mode):
            raise OSError(22, "it is a pipe or a device, no file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_text(path: str | Path, expected: str, advice: str) -> str:
    """Read a small text file, UTF-8 with or without a byte-order mark.

    Parameters
    ----------
    path : str or Path
        The file.
    expected : str
        What it should be, as a noun phrase: ``"the split of a cohort"``.
    advice : str
        What to do where it cannot be read, as a sentence without its full stop.

    Raises
    ------
    BratsError
        If it is missing, unreadable, no file, larger than 32 MiB or not UTF-8.
    """
    try:
        with open_regular(home_path(path)) as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise BratsError(path, f"it cannot be read ({reason})", expected, advice) from None
    if len(content) > MOST_BYTES:
        raise BratsError(path, f"it has more than {MOST_BYTES // 2**20} MiB", expected, advice)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"it is not UTF-8 text (byte {error.start})"
        raise BratsError(path, found, expected, advice) from None


def read_json(path: str | Path, expected: str, advice: str, keys=()) -> dict:
    """Read a small JSON file that holds an object, as `read_text` does.

    Parameters
    ----------
    path, expected, advice
        As in `read_text`.
    keys : collection of str
        Keys that it must have.

    Raises
    ------
    BratsError
        As `read_text`, or if it is not JSON, no object or lacks a key.
    """
    text = read_text(path, expected, advice)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else f"it is not JSON ({error})"
        raise BratsError(path, reason, expected, advice) from None
    if not isinstance(content, dict):
        raise BratsError(path, f"it holds {_kind(content)}", f"{expected}, a JSON object", advice)
    if missing := [key for key in keys if key not in content]:
        raise BratsError(path, f"it lacks '{missing[0]}'", expected, advice)
    return content


def _kind(content) -> str:
    return {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(type(content), "a number")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that nobody ever reads half of it.

    Parameters
    ----------
    path : Path
        Folders are made; an older file is replaced.
    content : bytes
        All of it.

    Raises
    ------
    BratsError
        If it cannot be written.
    """
    path = home_path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        found = f"it cannot be written ({error.strerror})"
        raise BratsError(path, found, "a writable place", "Choose another folder, or make room") from None
