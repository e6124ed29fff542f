"""Zip files that a person gives through the browser: expanded with limits, under names of ours.

Nothing is trusted. Names in an archive are used for nothing, so none leads out of the folder, and what calls itself a
link is a file like any other. What may be written is known from the table of contents before anything is.
"""

import io
import shutil
import zipfile
import zlib
from pathlib import Path

from brats_lib.errors import BratsError

# Of the archive as it is sent, and of all that is in it.
MAX_ARCHIVE_MB, MAX_UNPACKED_MB = 500, 2000
# A study of ten thousand images is large.
MAX_FILES = 20_000
# Every entry of the table of contents begins like this.
_ENTRY = b"PK\x01\x02"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_AGAIN = "Zip the folder of the examination again"


def unpack(content: bytes, folder: Path, title: str) -> None:
    """Write the files of a zip file, numbered, into a new folder; `title` is what messages call it.

    It is refused if it is too large, no zip file, damaged, encrypted, packed by a rare method, or claims more files or
    bytes than is allowed. Then there is no folder.
    """
    if len(content) > MAX_ARCHIVE_MB * 2**20:
        found, advice = f"it has more than {MAX_ARCHIVE_MB} MB", "Zip the series that are needed, FLAIR and T1ce"
        raise BratsError(title, found, f"at most {MAX_ARCHIVE_MB} MB", advice)
    # Before the table is read, which makes an object of every entry.
    if content.count(_ENTRY) > MAX_FILES:
        advice = "Zip the folder of one examination"
        raise BratsError(title, f"it holds more than {MAX_FILES:,} files", "one examination", advice)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if not _is_ignored(entry)]
            _check(entries, title)
            folder.mkdir(mode=0o700)
            for number, entry in enumerate(entries):
                # No more is read of an entry than the table says.
                with archive.open(entry) as packed, open(folder / f"{number:05d}", "wb") as out:
                    shutil.copyfileobj(packed, out)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError):
        shutil.rmtree(folder, ignore_errors=True)
        found = "it is not a zip file" if content[:2] != b"PK" else "it is truncated or damaged"
        raise BratsError(title, found, "a complete zip file", _AGAIN) from None
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        found, advice = f"it cannot be unpacked ({error.strerror})", "Make room and upload it again"
        raise BratsError(title, found, "room in the temporary folder", advice) from None


def _is_ignored(entry):
    """Folders, and what macOS and others hide."""
    return entry.is_dir() or entry.filename.rsplit("/", 1)[-1].startswith(".")


def _check(entries, title):
    """Refuse an archive by what its table of contents says."""
    megabytes = sum(entry.file_size for entry in entries) / 2**20
    for sound, found, expected in (
        (entries, "no file is in it", "DICOM images"),
        (megabytes <= MAX_UNPACKED_MB, f"it claims {megabytes:,.0f} MB", f"at most {MAX_UNPACKED_MB:,} MB in all"),
        (not any(entry.flag_bits & 1 for entry in entries), "it is encrypted", "one without a password"),
        (all(entry.compress_type in _METHODS for entry in entries), "it is packed by a rare method", "deflated files"),
    ):
        if not sound:
            raise BratsError(title, found, expected, _AGAIN)
