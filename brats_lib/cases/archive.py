"""Unpacking a tar file of cases without trust: every member is judged here before anything is written.

The filters of Python's `tarfile` differ between its releases, and older ones let a crafted link lead out of the folder.
So nothing is left to them: only folders and plain files are taken, and they are written here, byte by byte.
"""

import shutil
import tarfile
import unicodedata
from pathlib import Path

from brats_lib.errors import BratsError

__all__ = ["unpack_tar"]

# Of a name in the archive, as file systems have it; of members, far more than any collection of cases has.
LONGEST_NAME, MOST_MEMBERS = 255, 100_000
FORBIDDEN = set('\\:*?"<>|')


def unpack_tar(archive: Path, folder: Path, top: str, most_bytes: float) -> None:
    """Unpack the files below one top folder of an uncompressed tar file.

    Parameters
    ----------
    archive : Path
        The tar file. macOS's `._*` files in it, and what is not in `top`, are left out.
    folder : Path
        Gets the folder `top`; must not be there yet.
    top : str
        Name of the folder in the archive.
    most_bytes : float
        What the files may have together.

    Raises
    ------
    BratsError
        If it is no tar file, a member is neither file nor folder, has a name that another system would read otherwise
        or that leads elsewhere, occurs twice, or all are too large together.
    OSError
        If writing fails.
    """
    advice = "Delete it and run the same command again; if that does not help, the file at its address is not this one"
    try:
        with tarfile.open(archive, "r:") as tar:
            members = _judged(tar, top, most_bytes)
            if not members:
                raise _Unfit(f"it has no {top}")
            for parts, member in members.items():
                path = folder.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                if member.isdir():
                    path.mkdir(exist_ok=True)
                    continue
                with open(path, "xb") as file, tar.extractfile(member) as content:
                    shutil.copyfileobj(content, file, 2**20)
    # Damaged headers raise all of these.
    except (_Unfit, tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise BratsError(archive, f"it cannot be unpacked ({error})", f"a tar file of {top}/", advice) from None


class _Unfit(Exception):
    """Why a member is refused."""


def _judged(tar, top, most_bytes):
    """Members to write, by the parts of their names, in the archive's order."""
    members, folded, size = {}, {}, 0
    for count, member in enumerate(tar):
        # A negative size would send the reader back to where it was, for ever.
        if count >= MOST_MEMBERS or member.size < 0:
            raise _Unfit("it has too many members, or one of less than nothing")
        parts = _parts(member.name)
        if parts[:1] != (top,) or parts[-1].startswith("._"):
            continue
        if parts == (top,) and not member.isdir():
            raise _Unfit(f"'{top}' is no folder in it")
        if not (member.isreg() or member.isdir()):
            raise _Unfit(f"'{member.name}' is a link or a device")
        size += member.size
        if size > most_bytes:
            raise _Unfit(f"its files have more than {most_bytes / 1e9:.1f} GB together")
        # Where a system does not tell "A" from "a", one file would overwrite the other.
        for depth in range(1, len(parts) + 1):
            above = parts[:depth]
            is_file = depth == len(parts) and not member.isdir()
            before = folded.setdefault(_fold(above), (above, is_file))
            if before != (above, is_file):
                raise _Unfit(f"'{member.name}' collides with '{'/'.join(before[0])}'")
        if parts in members and not member.isdir():
            raise _Unfit(f"'{member.name}' is in it twice")
        members[parts] = member
    return members


def _fold(parts):
    return unicodedata.normalize("NFC", "/".join(parts)).casefold()


def _parts(name):
    """The folders and the file of a member's name, if it is one that means the same everywhere."""
    # ".", "a/" and "./a" are written by common programs; anything else that is no plain name is refused.
    parts = tuple(name.removeprefix("./").removesuffix("/").split("/")) if name not in (".", "./") else ()
    for part in parts:
        plain = (
            part.isprintable() and not FORBIDDEN & set(part) and len(part.encode("utf-8", "replace")) <= LONGEST_NAME
        )
        if part in ("", ".", "..") or not plain or part != part.rstrip(" ."):
            raise _Unfit(f"the name {ascii(name)[:200]} leads elsewhere or is none on every system")
    return parts
