"""What tells files and images apart by their content."""

import hashlib
import os
import time
from pathlib import Path

import numpy as np

from brats_lib.errors import BratsError
from brats_lib.files import open_regular

__all__ = ["file_hash", "voxel_hash"]

# A file that changes again within the resolution of its time stamps would look unchanged; git is as careful.
SETTLED_SECONDS = 2.0
_known: dict[Path, tuple[tuple, str]] = {}


def voxel_hash(volume: np.ndarray) -> str:
    """Hash of an image's voxels in LPS, 16 hexadecimal digits: the same for any name, packing and stored type.

    Networks list the FLAIR images that they learnt from by it.
    """
    voxels = np.asarray(volume, np.float32)
    digest = hashlib.blake2b(repr(voxels.shape).encode(), digest_size=8)
    digest.update(np.asfortranarray(voxels).T.data)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Hash of all bytes of a file, 32 hexadecimal digits.

    A file is read again unless its size, times, inode and device are as they were, and the last change was long enough
    ago to be seen in them. The time of change counts too, which a program that restores the time of writing cannot set.
    """
    try:
        stamp, digest = _known.get(path, (None, ""))
        if stamp == _stamp(os.stat(path)):
            return digest
        with open_regular(path) as stream:
            before, began = os.fstat(stream.fileno()), time.time()
            digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
            after = os.fstat(stream.fileno())
    except OSError as error:
        advice = "Check that it is there and readable"
        raise BratsError(path, f"it cannot be read ({error.strerror})", "a NIfTI file", advice) from None
    if _stamp(before) == _stamp(after) and max(after.st_mtime, after.st_ctime) < began - SETTLED_SECONDS:
        _known[path] = _stamp(after), digest
    return digest


def _stamp(status: os.stat_result) -> tuple:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev
