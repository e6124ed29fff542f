"""What tells files and images apart by their content."""

import functools
import hashlib
import os
from pathlib import Path

import numpy as np

from brats_lib.errors import BratsError
from brats_lib.files import open_regular

__all__ = ["file_hash", "voxel_hash"]


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

    A file is read again unless its size, times, inode and device are as they were. The time of change counts too, which
    a program that restores the time of writing cannot set.
    """
    try:
        status = os.stat(path)
        stamp = status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev
        return _read_hash(path, stamp)
    except OSError as error:
        advice = "Check that it is there and readable"
        raise BratsError(path, f"it cannot be read ({error.strerror})", "a NIfTI file", advice) from None


@functools.cache
def _read_hash(path: Path, stamp: tuple[int, ...]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open_regular(path) as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()
