"""Getting the public data sets: BraTS 2020 from Kaggle and MSD Task01 from its open mirror.

Both take the folder to download into and return the folder of cases, for `Cohort.find`. Another call goes on where an
earlier one stopped; until the data set is complete everything lies in a hidden folder and is never taken for a cohort.
"""

import contextlib
import importlib
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from brats_lib.cases.download import retrieve, writing
from brats_lib.errors import BratsError
from brats_lib.files import home_path, make_folder

__all__ = ["fetch_brats2020", "fetch_msd"]

KAGGLE_DATASET = "awsaf49/brats20-dataset-training-validation"
# The archive and its content are on the disk together while it is unpacked.
KAGGLE_BYTES = 47e9

# Address and checksum as MONAI's tutorials state them.
MSD_URL = "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task01_BrainTumour.tar"
MSD_HASH = "md5:240a19d752f0d9e9101544901065d872"
MSD_BYTES = 15e9


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
    with writing(done):
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
    with writing(done):
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
