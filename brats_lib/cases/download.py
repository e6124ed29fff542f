"""A download that goes on where it stopped. Pooch checks the result; its own downloader starts afresh every time."""

import contextlib
import shutil
import time
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from brats_lib.errors import BratsError

__all__ = ["ResumingDownloader", "retrieve", "writing"]

# What a broken connection loses at most: requests drops an incomplete chunk.
CHUNK_BYTES = 1 << 16


@contextlib.contextmanager
def writing(path: Path):
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
    url, known_hash : str
        Address, and checksum as ``"md5:..."`` or ``"sha256:..."``.
    path : Path
        The file; appears when it is complete.
    part : Path
        Where an unfinished download is kept.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BratsError
        If the download fails, its checksum is wrong, or it cannot be written.
    """
    downloader = ResumingDownloader(part, progress=progress)
    with writing(path):
        try:
            pooch.retrieve(url, known_hash, fname=path.name, path=path.parent, downloader=downloader)
        except ValueError as error:
            found = f"the download has another checksum ({error})"
            advice = (
                "Run the same command again; it starts afresh. If that does not help, the file at that address changed"
            )
            raise BratsError(url, found, known_hash, advice) from None
    return path


class ResumingDownloader:
    """Downloader for `pooch.retrieve` that keeps what it has in a file of its own and continues it.

    Parameters
    ----------
    part : Path
        Where the unfinished download is kept between calls.
    attempts : int
        How often in a row the connection may break without a single new byte.
    wait : float
        Seconds before the second attempt; doubled before every further one.
    progress : bool
        Show a progress bar.
    """

    def __init__(self, part: Path, attempts: int = 5, wait: float = 1.0, progress: bool = True):
        self.part, self.attempts, self.wait, self.progress = Path(part), attempts, wait, progress

    def __call__(self, url: str, output_file: str, pooch=None, check_only: bool = False) -> None:
        """Download `url` to `output_file`, as pooch calls it.

        Raises
        ------
        BratsError
            If the server refuses, or the connection breaks too often. What arrived is kept.
        """
        failures = 0
        while True:
            before = self._size()
            try:
                self._continue(url)
                break
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                failures = 1 if self._size() > before else failures + 1
                if failures >= self.attempts:
                    found = f"the connection broke after {self._size()} bytes ({type(error).__name__})"
                    advice = "Run the same command again: it goes on where it stopped"
                    raise BratsError(url, found, "the whole file", advice) from error
                time.sleep(self.wait * 2 ** (failures - 1))
            except requests.RequestException as error:  # an address that is none, redirections without end
                found = f"it cannot be downloaded ({error})"
                raise BratsError(url, found, "the address of a file", "Check the address") from error
        shutil.move(self.part, output_file)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _continue(self, url: str) -> None:
        start = self._size()
        # Without "identity" a server may compress, and a byte range of compressed data is no part of the file.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        with requests.get(url, headers=headers, stream=True, timeout=30) as response:
            if response.status_code == 416:  # nothing left to send: the part is complete, or not of this file
                if response.headers.get("Content-Range") == f"bytes */{start}":
                    return
                self.part.unlink()
                return self._continue(url)
            if response.status_code >= 400:
                found = f"the server answers {response.status_code} {response.reason}"
                raise BratsError(url, found, "the file", "Check the address, or download it by hand: data/README.md")
            resumed = response.status_code == 206 and _first_byte(response) == start
            if not resumed:  # the server does not continue downloads and sends everything again
                start = 0
            length = response.headers.get("Content-Length", "")
            total = start + int(length) if length.isdecimal() else None
            with (
                open(self.part, "ab" if resumed else "wb") as stream,
                tqdm(total=total, initial=start, unit="B", unit_scale=True, desc="download", disable=not self.progress)
                as bar,
            ):  # fmt: skip
                for chunk in response.iter_content(CHUNK_BYTES):
                    stream.write(chunk)
                    bar.update(len(chunk))
        if total is not None and self._size() < total:
            raise requests.ConnectionError(f"{self._size()} of {total} bytes arrived")


def _first_byte(response: requests.Response) -> int:
    """Where a partial answer begins: `Content-Range: bytes 100-199/200` gives 100; -1 where it does not say."""
    begin = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(begin) if begin.isdigit() else -1
