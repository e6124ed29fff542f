"""Files as a whole: written complete or not at all, read without trust."""

import contextlib
import errno
import itertools
import json
import os
import platform
import re
import shutil
import stat
import time
import uuid
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from brats_lib.errors import BratsError

# Of a file of settings, records or names; the largest that this package writes has a few hundred kB.
MOST_BYTES = 32 * 2**20
# Nobody writes one file for so long: on another machine, what is older was left behind by a process that was killed.
STALE_SECONDS = 24 * 3600


def home_path(path: str | Path) -> Path:
    """A path as a person wrote it: `~` is the home folder, also where no shell has seen it, as in `--out=~/x`."""
    return Path(os.path.expanduser(path))


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read its bytes, as `open` does; a pipe or a device, which might never answer, is an OSError."""
    stream = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "it is a pipe or a device, no file", str(path))
    return stream


def read_text(path: str | Path, expected: str, advice: str) -> str:
    """Read a text file of at most 32 MiB, UTF-8 with or without a byte-order mark.

    `expected` is what it should be, a noun phrase such as "the split of a cohort", and `advice` what to do where it
    cannot be read, a sentence without its full stop.
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


def read_json(path: str | Path, expected: str, advice: str, keys: Collection[str] = ()) -> dict[str, Any]:
    """Read a JSON object from a file, as `read_text` does; `keys` are those that it must have."""
    text = read_text(path, expected, advice)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else f"it is not JSON ({error})"
        raise BratsError(path, reason, expected, advice) from None
    if not isinstance(content, dict):
        found = "it holds a list" if isinstance(content, list) else "it holds a single value"
        raise BratsError(path, found, f"{expected}, a JSON object", advice)
    if missing := [key for key in keys if key not in content]:
        raise BratsError(path, f"it lacks '{missing[0]}'", expected, advice)
    return content


def make_folder(path: str | Path) -> Path:
    """Make a folder that long work will write to, before the work begins; refuse one that cannot be written to."""
    path = home_path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = temporary_path(path)
        probe.touch()
        probe.unlink()
    except (OSError, ValueError) as error:
        found = f"it cannot be written to ({getattr(error, 'strerror', None) or error})"
        raise BratsError(path, found, "a folder that may be written to", "Choose another folder") from None
    return path


def temporary_path(folder: Path, suffix: str = "") -> Path:
    """A hidden name for what is not finished; it says which process on which machine is at work."""
    host = zlib.crc32(platform.node().encode())
    return folder / f".part-{host:08x}-{os.getpid()}-{uuid.uuid4().hex[:8]}{suffix}"


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files and folders that killed processes left in a folder."""
    for path in folder.glob(".part-*"):
        # What is somebody else's stays, and another process may be removing it too.
        with contextlib.suppress(OSError):
            if _is_abandoned(path):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _is_abandoned(path: Path) -> bool:
    """Whether the process that made a temporary path is gone: known on its own machine, guessed by age elsewhere."""
    maker = re.match(r"(\.part-[0-9a-f]{8}-)(\d+)-[0-9a-f]{8}", path.name)
    if not maker:
        return False  # somebody else's, whatever its age
    try:
        if temporary_path(path.parent).name.startswith(maker[1]):
            os.kill(int(maker[2]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        pass  # the process is somebody else's
    return time.time() - path.lstat().st_mtime > STALE_SECONDS


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, and put what was written there in the place of `path`.

    Until then, and after any failure, `path` is what it was before: nobody ever reads half a file. What killed
    processes left in the folder is removed.
    """
    path = home_path(path)
    target = Path(os.path.realpath(path))  # a link stays one
    part = temporary_path(target.parent, "".join(target.suffixes[-2:])[-16:])
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file():
            raise OSError(errno.EINVAL, "something that is no file is there")
        remove_abandoned(target.parent)
        try:
            yield part
            with open(part, "rb+") as file:
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, part)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        advice = "Choose another folder, or make room; what was written before is kept"
        found = f"it cannot be written ({error.strerror or error})"
        raise BratsError(path, found, "a writable place with room", advice) from error


def set_aside(path: Path) -> Path:
    """Rename a file or folder that somebody may need to the first free `<name>.previous-<n>`, and return that."""
    numbers = (n for n in itertools.count(1) if not path.with_name(f"{path.name}.previous-{n}").exists())
    try:
        return path.rename(path.with_name(f"{path.name}.previous-{next(numbers)}"))
    except OSError as error:
        found, advice = f"it is in the way and cannot be renamed ({error.strerror})", "Move it away"
        raise BratsError(path, found, "a place to write to", advice) from None


def write_whole(path: str | Path, content: bytes | str) -> None:
    """Write a file as `replacing` does, text as UTF-8; an older file is replaced, missing folders are made."""
    with replacing(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
