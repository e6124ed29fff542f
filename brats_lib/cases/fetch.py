"""Getting the public data sets: BraTS 2020 from Kaggle and MSD Task01 from its open mirror.

Both take the folder to download into and return the folder of cases, for `Cohort.find`. Another call goes on where an
earlier one stopped; until the data set is complete everything lies in a hidden folder and is never taken for a cohort.
"""

import contextlib
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from brats_lib.errors import BratsError
from brats_lib.files import home_path, make_folder

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
AGAIN = "run the same command again: it goes on where it stopped"
BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


def fetch_brats2020(folder: str | Path) -> Path:
    """Download BraTS 2020 from Kaggle into a folder `BraTS2020`."""
    done = home_path(folder) / "BraTS2020"
    if done.is_dir():
        return done
    try:
        import kagglehub
    except ImportError:
        advice = "Install it with `pip install kagglehub`, or download by hand: data/README.md"
        raise BratsError("kagglehub", "it is not installed", "Kaggle's download package", advice) from None
    _prepare(done, KAGGLE_BYTES)
    cache = done.with_name(".kagglehub")
    os.environ["KAGGLEHUB_CACHE"] = str(cache.resolve())
    try:
        arrived = kagglehub.dataset_download(KAGGLE_DATASET)
    except Exception as error:  # kagglehub raises its own, requests' and the system's errors alike
        status = getattr(getattr(error, "response", None), "status_code", None)
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        advice = f"Check the network and {AGAIN}"
        if status in (401, 403) or "Credential" in type(error).__name__ or "Unauthenticated" in type(error).__name__:
            advice = "Log in: save an API token from kaggle.com/settings as ~/.kaggle/kaggle.json, then run this again"
        found = f"the download failed ({type(error).__name__}: {first_line})"
        raise BratsError(f"Kaggle data set {KAGGLE_DATASET}", found, "access to it", advice) from error
    with _writing(done):
        shutil.move(arrived, done)
        shutil.rmtree(cache)
    return done


def fetch_msd(folder: str | Path) -> Path:
    """Download and unpack the Medical Segmentation Decathlon's tumours into a folder `Task01_BrainTumour`."""
    done = home_path(folder) / "Task01_BrainTumour"
    if done.is_dir():
        return done
    _prepare(done, MSD_BYTES)
    scratch = done.with_name(f".{done.name}")
    archive, unpacked = retrieve(MSD_URL, MSD_HASH, scratch / "archive.tar"), scratch / "unpacked"
    with _writing(done):
        shutil.rmtree(unpacked, ignore_errors=True)  # from a process that was killed
        _unpack(archive, unpacked)
        os.replace(unpacked / done.name, done)
        shutil.rmtree(scratch)
    return done


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            # Python before 3.11.4 has no filter for what leads out of the folder.
            for member in tar:
                parts = Path(member.name).parts
                if not (member.isfile() or member.isdir()) or ".." in parts or Path(member.name).is_absolute():
                    raise tarfile.TarError(f"{member.name!r} is no plain file below the folder")
            tar.extractall(folder)
    except tarfile.TarError as error:
        advice = "Delete it and run the same command again"
        raise BratsError(archive, f"it cannot be unpacked ({error})", "a tar file of cases", advice) from None


def _prepare(done: Path, bytes_needed: float) -> None:
    """Make the folder that a data set goes to, and check that it can be written, has room and nothing in the way."""
    folder = make_folder(done.parent)
    if os.path.lexists(done):
        advice = "Move it away, or choose another folder"
        raise BratsError(done, "it is no folder", "nothing, or the folder of cases", advice)
    free = shutil.disk_usage(folder).free
    if free < bytes_needed:
        found = f"{free / 1e9:.1f} GB of its disk are free"
        raise BratsError(folder, found, f"{bytes_needed / 1e9:.0f} GB", "Make room, or choose a folder on another disk")


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say in one message that a disk is full, broke or may not be written."""
    try:
        yield
    except OSError as error:
        found = f"writing it stopped ({error.strerror or error})"
        advice = "Make room there, or choose another folder, and run the same command again"
        raise BratsError(path, found, "a place with room for it", advice) from None


def retrieve(url: str, known_hash: str, path: Path) -> Path:
    """Download a file, unless it is there, going on where an earlier call stopped.

    It appears when it is complete; until then it is `.<name>.part`, also between calls. One whose checksum is not the
    known one, ``"md5:..."`` or ``"sha256:..."``, is refused.
    """
    part = path.with_name(f".{path.name}.part")
    with _writing(path):
        if _has_hash(path, known_hash):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(url, part)
        if not _has_hash(part, known_hash):
            part.unlink()
            advice = "Run the same command again, it starts afresh; or else the file at that address changed"
            raise BratsError(url, "the download has another checksum", known_hash, advice)
        os.replace(part, path)
    return path


def _has_hash(path: Path, known_hash: str) -> bool:
    algorithm, digest = known_hash.split(":")
    return path.is_file() and pooch.file_hash(str(path), algorithm) == digest


def _download(url: str, part: Path) -> None:
    """Append to a part what it lacks, with as many attempts as bring new bytes."""
    failures = 0
    while True:
        before = _size(part)
        try:
            return _continue(url, part)
        except BROKEN as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= ATTEMPTS:
                found = f"the connection broke after {_size(part)} bytes ({type(error).__name__})"
                raise BratsError(url, found, "the whole file", f"Check the network and {AGAIN}") from error
            time.sleep(WAIT_SECONDS * 2 ** (failures - 1))
        except requests.RequestException as error:  # an address that is none, redirections without end
            found = f"it cannot be downloaded ({error})"
            raise BratsError(url, found, "the address of a file", "Check the address") from error


def _continue(url: str, part: Path) -> None:
    """Ask once for the bytes that the part lacks and append them to it."""
    start = _size(part)
    # Without "identity" a server may compress, and a byte range of compressed data is no part of the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(url, headers=headers, stream=True, timeout=30) as response:
        if response.status_code == 416:  # nothing left to send; whether it is the file, its checksum tells
            return
        if response.status_code >= 400:
            found = f"the server answers {response.status_code} {response.reason}"
            raise BratsError(url, found, "the file", "Check the address, or download it by hand: data/README.md")
        if response.status_code != 206:  # the server does not continue downloads and sends everything again
            start = 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        with (
            open(part, "ab" if start else "wb") as stream,
            tqdm.wrapattr(stream, "write", total, desc="download", initial=start) as counted,
        ):
            for chunk in response.iter_content(CHUNK_BYTES):
                counted.write(chunk)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
