"""Getting the public data sets: BraTS 2020 from Kaggle and MSD Task01 from its open mirror.

Both take the folder to download into and return the folder of cases, for `Cohort.find`. Another call goes on where an
earlier one stopped; until the data set is complete everything lies in a hidden folder and is never taken for a cohort.
Pooch checks what arrived; its own downloader starts afresh every time.
"""

import contextlib
import functools
import importlib
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pooch
import requests
from tqdm import tqdm

from brats_lib.errors import BratsError
from brats_lib.files import home_path, make_folder

__all__ = ["fetch_brats2020", "fetch_msd", "retrieve"]

KAGGLE_DATASET = "awsaf49/brats20-dataset-training-validation"
# The archive and its content are on the disk together while it is unpacked.
KAGGLE_BYTES = 47e9

# Address and checksum as MONAI's tutorials state them.
MSD_URL = "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task01_BrainTumour.tar"
MSD_HASH = "md5:240a19d752f0d9e9101544901065d872"
MSD_BYTES = 15e9

# What a broken connection loses at most: requests drops an incomplete chunk.
CHUNK_BYTES = 1 << 16
# How often in a row the connection may break without a single new byte, and how long to wait the first time; the time
# is doubled before every further attempt.
ATTEMPTS, WAIT_SECONDS = 5, 1.0


def fetch_brats2020(folder: str | Path) -> Path:
    """Download BraTS 2020 from Kaggle into a folder `BraTS2020`."""
    folder = home_path(folder)
    done = folder / "BraTS2020"
    if done.is_dir():
        return done
    try:
        kagglehub = importlib.import_module("kagglehub")
    except ImportError:
        advice = "Install it with `pip install kagglehub`, or download by hand: data/README.md"
        raise BratsError("kagglehub", "it is not installed", "Kaggle's download package", advice) from None
    _prepare(folder, done, KAGGLE_BYTES)
    cache = folder / ".kagglehub"
    before = os.environ.pop("KAGGLEHUB_CACHE", None)
    os.environ["KAGGLEHUB_CACHE"] = str(cache.resolve())
    try:
        arrived = Path(kagglehub.dataset_download(KAGGLE_DATASET))
    except Exception as error:  # kagglehub raises its own, requests' and the system's errors alike
        status = getattr(getattr(error, "response", None), "status_code", None)
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        advice = "Check the network and run the same command again: it goes on where it stopped"
        if status in (401, 403) or "Credential" in type(error).__name__ or "Unauthenticated" in type(error).__name__:
            advice = "Log in: save an API token from kaggle.com/settings as ~/.kaggle/kaggle.json, then run this again"
        found = f"the download failed ({type(error).__name__}: {first_line})"
        raise BratsError(f"Kaggle data set {KAGGLE_DATASET}", found, "access to it", advice) from error
    finally:
        del os.environ["KAGGLEHUB_CACHE"]
        os.environ |= {} if before is None else {"KAGGLEHUB_CACHE": before}
    for path in sorted(arrived.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):  # a link could lead anywhere
            advice = "Remove the folder above it, and download the data set by hand: data/README.md"
            raise BratsError(path, "it is a link or a device", "files and folders only", advice)
    with _writing(done):
        shutil.move(arrived, done)
        shutil.rmtree(cache)
    return done


def fetch_msd(folder: str | Path) -> Path:
    """Download and unpack the Medical Segmentation Decathlon's tumours into a folder `Task01_BrainTumour`."""
    folder = home_path(folder)
    done = folder / "Task01_BrainTumour"
    if done.is_dir():
        return done
    _prepare(folder, done, MSD_BYTES)
    scratch = folder / f".{done.name}"
    archive = scratch / "archive.tar"
    try:
        retrieve(MSD_URL, MSD_HASH, archive, scratch / "archive.part")
    except BratsError:
        with contextlib.suppress(OSError):
            scratch.rmdir()  # where nothing arrived
        raise
    unpacked = scratch / "unpacked"
    with _writing(done):
        if unpacked.exists():  # from a process that was killed
            shutil.rmtree(unpacked)
        _unpack(archive, unpacked, done.name)
        os.replace(unpacked / done.name, done)
        shutil.rmtree(scratch)
    return done


def _prepare(folder: Path, done: Path, bytes_needed: float) -> None:
    """Make a folder and check that it can be written, has room and nothing in the way."""
    make_folder(folder)
    if os.path.lexists(done):
        expected = "nothing, or the folder of cases"
        raise BratsError(done, "it is no folder", expected, "Move it away, or choose another folder")
    free = shutil.disk_usage(folder).free
    if free < bytes_needed:
        found = f"{free / 1e9:.1f} GB of its disk are free"
        raise BratsError(folder, found, f"{bytes_needed / 1e9:.0f} GB", "Make room, or choose a folder on another disk")


def _unpack(archive: Path, folder: Path, top: str) -> None:
    """Unpack the files below one top folder of a tar file, without macOS's `._*` files.

    The filters of Python's `tarfile` differ between its releases, and older ones let a crafted link lead out of the
    folder. So only folders and plain files are taken, and they are written here.
    """
    size = 0
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                parts = PurePosixPath(member.name).parts
                if parts[:1] != (top,) or parts[-1].startswith("._"):
                    continue
                if ".." in parts or set(member.name) & set('\\:*?"<>|'):
                    raise tarfile.TarError(f"the name {ascii(member.name)[:200]} may lead elsewhere")
                if not (member.isdir() or member.isreg() and len(parts) > 1):
                    raise tarfile.TarError(f"'{member.name}' is a link, a device or a file in place of a folder")
                size += member.size
                # A negative size would send the reader back to where it was, for ever.
                if member.size < 0 or size > MSD_BYTES:
                    raise tarfile.TarError(f"its files have more than {MSD_BYTES / 1e9:.1f} GB, or less than nothing")
                path = folder.joinpath(*parts)
                (path if member.isdir() else path.parent).mkdir(parents=True, exist_ok=True)
                if member.isreg():
                    with open(path, "xb") as file, tar.extractfile(member) as content:
                        shutil.copyfileobj(content, file, 2**20)
        if not (folder / top).is_dir():
            raise tarfile.TarError(f"it has no {top}")
    # Damaged headers and truncated files raise all of these; a name that is there already was in the archive twice.
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, FileExistsError) as error:
        advice = "Delete it and run the same command again; if that does not help, the file at its address is not this"
        raise BratsError(archive, f"it cannot be unpacked ({error})", f"a tar file of {top}/", advice) from None


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
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
    with _writing(path):
        try:
            pooch.retrieve(url, known_hash, fname=path.name, path=path.parent, downloader=downloader)
        except ValueError as error:
            found = f"the download has another checksum ({error})"
            advice = "Run the same command again, it starts afresh; or else the file at that address changed"
            raise BratsError(url, found, known_hash, advice) from None
    return path


def _download(url: str, output_file: str, _pooch: None, part: Path, progress: bool) -> None:
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
