"""Writing files that are complete or not there."""

import os
from pathlib import Path

from brats_lib.errors import BratsError

__all__ = ["write_whole"]


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
