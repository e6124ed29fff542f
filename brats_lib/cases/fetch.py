"""Getting the public data sets: BraTS 2020 from Kaggle and MSD Task01 from its open mirror."""

import contextlib
import importlib
import os
import shutil
from pathlib import Path

from brats_lib.cases.archive import unpack_tar
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


def fetch_brats2020(folder: str | Path, bytes_needed: float = KAGGLE_BYTES) -> Path:
    """Download BraTS 2020 from Kaggle, going on where an earlier call stopped.

    Parameters
    ----------
    folder : str or Path
        Gets a folder `BraTS2020`.
    bytes_needed : float
        Free space to ask for before starting.

    Returns
    -------
    Path
        The folder of cases, for `Cohort.find`.

    Raises
    ------
    BratsError
        If kagglehub is not installed, Kaggle refuses, links arrive, or the folder has no room or may not be written.
    """
    folder = home_path(folder)
    done = folder / "BraTS2020"
    if done.is_dir():
        return done
    try:
        kagglehub = importlib.import_module("kagglehub")
    except ImportError:
        advice = "Install it with `pip install kagglehub`, or download by hand: data/README.md"
        raise BratsError("kagglehub", "it is not installed", "Kaggle's download package", advice) from None
    _prepare(folder, done, bytes_needed)
    # A hidden folder: a half-finished download is never taken for a cohort.
    cache = folder / ".kagglehub"
    before = os.environ.get("KAGGLEHUB_CACHE")
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
        if before is None:
            del os.environ["KAGGLEHUB_CACHE"]
        else:
            os.environ["KAGGLEHUB_CACHE"] = before
    _plain_files(arrived)
    with writing(done):
        shutil.move(arrived, done)
        shutil.rmtree(cache)
    return done


def fetch_msd(
    folder: str | Path,
    url: str = MSD_URL,
    known_hash: str = MSD_HASH,
    bytes_needed: float = MSD_BYTES,
    progress: bool = True,
) -> Path:
    """Download and unpack Task01_BrainTumour of the Medical Segmentation Decathlon.

    An interrupted download goes on where it stopped, an interrupted unpacking starts again; the folder of cases
    appears only when it is complete.

    Parameters
    ----------
    folder : str or Path
        Gets a folder `Task01_BrainTumour`.
    url, known_hash : str
        Address of the tar file, and its checksum as ``"md5:..."`` or ``"sha256:..."``.
    bytes_needed : float
        Free space to ask for before starting; the files unpacked may not have more.
    progress : bool
        Show progress bars.

    Returns
    -------
    Path
        The folder of cases, for `Cohort.find`.

    Raises
    ------
    BratsError
        If the download fails, its checksum is wrong, it is no archive of cases, or the folder has no room or may not
        be written.
    """
    folder = home_path(folder)
    done = folder / "Task01_BrainTumour"
    if done.is_dir():
        return done
    _prepare(folder, done, bytes_needed)
    # A hidden folder: whatever a killed process leaves is in it, and it goes when the download is complete.
    scratch = folder / f".{done.name}"
    archive = scratch / "archive.tar"
    try:
        retrieve(url, known_hash, archive, scratch / "archive.part", progress)
    except BratsError:
        with contextlib.suppress(OSError):
            scratch.rmdir()  # where nothing is kept
        raise
    unpacked = scratch / "unpacked"
    with writing(done):
        if unpacked.exists():  # from a process that was killed
            shutil.rmtree(unpacked)
        unpack_tar(archive, unpacked, done.name, bytes_needed)
        os.replace(unpacked / done.name, done)
        shutil.rmtree(scratch)
    return done


def _prepare(folder: Path, done: Path, bytes_needed: float) -> None:
    """Make a folder and check that it can be written, has room and nothing in the way."""
    make_folder(folder)
    if os.path.lexists(done):
        raise BratsError(
            done, "it is no folder", "nothing, or the folder of cases", "Move it away, or choose another folder"
        )
    free = shutil.disk_usage(folder).free
    if free < bytes_needed:
        found = f"{free / 1e9:.1f} GB of its disk are free"
        raise BratsError(folder, found, f"{bytes_needed / 1e9:.0f} GB", "Make room, or choose a folder on another disk")


def _plain_files(folder: Path) -> None:
    """Check that nothing but folders and files has arrived: a link could lead anywhere."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            advice = "Remove the folder above it, and download the data set by hand: data/README.md"
            raise BratsError(path, "it is a link or a device", "files and folders only", advice)
