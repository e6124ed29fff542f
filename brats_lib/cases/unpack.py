"""Bytes of a NIfTI file, unpacked where they are gzipped, never more of them than the file's header promises."""

import gzip
import os
import zlib
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np

from brats_lib.cases.layouts import stem
from brats_lib.errors import BratsError
from brats_lib.files import open_regular

__all__ = ["AGAIN", "Content", "packed_bytes"]

AGAIN = "Copy or download this file again"
# Some programs pad their files. A header whose sizes are too small leaves more than that.
PADDING_BYTES = 4096
# Deflate never packs tighter than 1 to 1032.
TIGHTEST = 1032


class Content:
    """The content of one open file, read from its beginning on; made by `Content.open`."""

    def __init__(self, path: Path, stream, most_bytes: int):
        self.path, self._stream, self._most = path, stream, most_bytes
        self._head = b""

    @classmethod
    @contextmanager
    def open(cls, path: Path):
        """Open a file, decompressing it where its content is gzipped, whatever its name says.

        Raises
        ------
        BratsError
            Here or while it is read: if it is missing, unreadable, no file, truncated or damaged.
        """
        with _opened(path) as (stream, packed):
            size = os.fstat(stream.fileno()).st_size
            with gzip.GzipFile(fileobj=stream) if packed else nullcontext(stream) as unpacked:
                yield cls(path, unpacked, size * TIGHTEST if packed else size)

    def head(self, count: int) -> bytes:
        """The first `count` bytes, or all where there are fewer."""
        self._head = self._stream.read(count)
        return self._head

    def voxels(self, start: int, count: int, shape) -> np.ndarray:
        """What follows the head: `count` bytes from byte `start` on, read-only, with the end of the file checked.

        Raises
        ------
        BratsError
            If the file holds fewer, or more than padding after them.
        """
        expected = f"{count} bytes for shape {shape}"
        if start + count > self._most:  # before room is made for what cannot be there
            raise BratsError(self.path, f"it is truncated: {max(self._most - start, 0)} bytes at most", expected, AGAIN)
        room = np.empty(start + count, np.uint8)
        head = np.frombuffer(self._head[: len(room)], np.uint8)
        room[: len(head)] = head
        filled, view = len(head), memoryview(room)
        while filled < len(room) and (got := self._stream.readinto(view[filled:])):
            filled += got
        if filled < len(room):
            raise BratsError(
                self.path, f"it is truncated: {max(filled - start, 0)} bytes of image data", expected, AGAIN
            )
        # The end of a gzip stream is where its checksum is.
        if len(self._stream.read(PADDING_BYTES + 1)) > PADDING_BYTES:
            raise BratsError(self.path, "it goes on after its image data", expected, AGAIN)
        room.flags.writeable = False
        return room[start:]


def packed_bytes(path: Path) -> bytes:
    """Bytes of a gzipped file as they are on the disk; none where it is not gzipped.

    Raises
    ------
    BratsError
        If it is missing, unreadable or no file.
    """
    with _opened(path) as (stream, packed):
        return stream.read() if packed else b""


@contextmanager
def _opened(path: Path):
    """A file's stream and whether it is gzipped; what goes wrong while it is read is said of it."""
    try:
        with open_regular(path) as stream:
            packed = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            yield stream, packed
    except FileNotFoundError:
        raise BratsError(path, "there is no such file", "a NIfTI file", "Check the path") from None
    except IsADirectoryError:
        found = f"it is a folder that holds {_images_in(path)} NIfTI files"
        raise BratsError(path, found, "a NIfTI file, or a folder with exactly one", "Leave one file in it") from None
    except PermissionError:
        advice = "Give yourself permission to read it (chmod u+r)"
        raise BratsError(path, "it may not be read", "a readable file", advice) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        found = f"it is truncated or damaged ({error})".replace("\n", " ")
        raise BratsError(path, found, "a complete gzip file", AGAIN) from None
    except OSError as error:
        found = f"it cannot be read ({error.strerror or error})"
        raise BratsError(path, found, "a NIfTI file", AGAIN) from None


def _images_in(folder: Path) -> int:
    try:
        return sum(stem(entry) is not None for entry in folder.iterdir())
    except OSError:
        return 0
