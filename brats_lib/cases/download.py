"""A download that goes on where it stopped. Pooch checks the result; its own downloader starts afresh every time."""

import contextlib
import functools
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from brats_lib.errors import BratsError

__all__ = ["retrieve", "writing"]

# What a broken connection loses at most: requests drops an incomplete chunk.
CHUNK_BYTES = 1 << 16
# How often in a row the connection may break without a single new byte, and how long to wait the first time; the time
# is doubled before every further attempt.
ATTEMPTS, WAIT_SECONDS = 5, 1.0


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one message that a disk is full, broke or may not be written."""
    try:
        yield
    except OSError as error:
        found = f"writing it stopped ({error.strerror or error})"
        advice = "Make room there, or choose another folder, and run the same command again"
        raise BratsError(path, found, "a place with room for it", advice) from None


def retrieve(url: str, known_hash: str, path: Path, part: Path, progress: bool = True) -> Path:
    """Download a file, unless it is there, going on where an earlier call stopped.

    Parameters
    ----------
    known_hash
        ``"md5:..."`` or ``"sha256:..."``; a download with another checksum is refused.
    path
        The file; appears when it is complete.
    part
        Where an unfinished download stays between calls.
    """
    downloader = functools.partial(_download, part=part, progress=progress)
    with writing(path):
        try:
            pooch.retrieve(url, known_hash, fname=path.name, path=path.parent, downloader=downloader)
        except ValueError as error:
            found = f"the download has another checksum ({error})"
            advice = "Run the same command again, it starts afresh; or else the file at that address changed"
            raise BratsError(url, found, known_hash, advice) from None
    return path


def _download(url: str, output_file: str, _pooch: object, part: Path, progress: bool) -> None:
    """Download as pooch asks for it, with as many attempts as bring new bytes."""
    failures = 0
    while True:
        before = _size(part)
        try:
            _continue(url, part, progress)
            break
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= ATTEMPTS:
                found = f"the connection broke after {_size(part)} bytes ({type(error).__name__})"
                advice = "Run the same command again: it goes on where it stopped"
                raise BratsError(url, found, "the whole file", advice) from error
            time.sleep(WAIT_SECONDS * 2 ** (failures - 1))
        except requests.RequestException as error:  # an address that is none, redirections without end
            found = f"it cannot be downloaded ({error})"
            raise BratsError(url, found, "the address of a file", "Check the address") from error
    shutil.move(part, output_file)


def _continue(url: str, part: Path, progress: bool) -> None:
    """Ask for the bytes that the part lacks and append them to it."""
    start = _size(part)
    # Without "identity" a server may compress, and a byte range of compressed data is no part of the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(url, headers=headers, stream=True, timeout=30) as response:
        if response.status_code == 416:  # nothing left to send: the part is complete, or not of this file
            if response.headers.get("Content-Range") == f"bytes */{start}":
                return
            part.unlink()
            return _continue(url, part, progress)
        if response.status_code >= 400:
            found = f"the server answers {response.status_code} {response.reason}"
            raise BratsError(url, found, "the file", "Check the address, or download it by hand: data/README.md")
        sent = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        resumed = response.status_code == 206 and sent == str(start)
        if not resumed:  # the server does not continue downloads and sends everything again
            start = 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        bar = tqdm(total=total, initial=start, unit="B", unit_scale=True, desc="download", disable=not progress)
        with bar, open(part, "ab" if resumed else "wb") as stream:
            for chunk in response.iter_content(CHUNK_BYTES):
                stream.write(chunk)
                bar.update(len(chunk))
    if total is not None and _size(part) < total:
        raise requests.ConnectionError(f"{_size(part)} of {total} bytes arrived")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
