"""A temporary folder that goes when this process ends, whatever way it ends."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from brats_lib.errors import BratsError

_PREFIX = "brats-app-"
# In a folder that is ours to remove, whatever else is called like one.
_MARK = ".made-by-brats-app"
# Waits until whoever holds the other end of its standard input has ended, and cleans up after it.
_AFTERWARDS = "import shutil, sys; sys.stdin.buffer.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"


def temporary_folder(room_mb: int) -> Path:
    """Make a folder with room for so many MB, and put everything temporary of this process into it from here on.

    A second process removes it when this one has ended, killed or not. Where that was killed too, as when a machine is
    switched off, the next start removes it: a lock tells the folders that nobody owns.
    """
    # A $TMPDIR that cannot be used is no reason to put somebody's scans elsewhere.
    place = os.environ.get("TMPDIR") or tempfile.gettempdir()
    advice = "Make room, or set TMPDIR to another folder"
    try:
        _remove_leftovers(place)
        free = shutil.disk_usage(place).free // 2**20
        if free < room_mb:
            raise BratsError(place, f"it has room for {free} MB", f"at least {room_mb} MB for temporary files", advice)
        folder = os.path.abspath(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        # Not closed: the lock is held as long as this process lives.
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
        Path(folder, _MARK).touch()
    except OSError as error:
        found = f"no folder can be made in it ({error.strerror})"
        raise BratsError(place, found, "a folder for temporary files", advice) from None
    waits, _ = os.pipe()  # the other end is closed by the end of this process, and by nothing else
    # In a session of its own: what ends a terminal and all that runs in it does not end this.
    subprocess.Popen([sys.executable, "-IS", "-c", _AFTERWARDS, folder], stdin=waits, stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    os.close(waits)
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    return Path(folder)


def _remove_leftovers(place):
    for mark in Path(place).glob(f"{_PREFIX}*/{_MARK}"):
        folder = mark.parent
        with contextlib.suppress(OSError):  # in use, or somebody else's
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
