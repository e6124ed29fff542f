"""Scans that a person gives through the browser: unpacked with limits, under names of ours, for one session.

Nothing is trusted. The name a file comes with is shown in messages and used for nothing else; its header is judged
before anything else is unpacked; unpacking stops where a file holds more than its header claims. What is kept is never
compressed, so that whoever reads it unpacks nothing.
"""

import itertools
import math
import re
import zlib
from pathlib import Path

from brats_lib.app.scans import NEEDED
from brats_lib.cases import MODALITIES, Case
from brats_lib.cases.grids import HEADER_BYTES, Grid, parse
from brats_lib.errors import BratsError
from brats_lib.figures.style import modality_name

# Of one file as it is sent. A BraTS volume takes 2 to 4 MB gzipped and 71 MB as bare float64.
MAX_UPLOAD_MB = 100
# 320 x 320 x 312; BraTS has 9 million. Segmenting takes some 40 bytes for each.
MAX_VOXELS = 32_000_000
# Header extensions may lie between the header and the numbers, and padding after them.
_SLACK_BYTES = 2**20
_CHUNK = 2**16
_GZIP = b"\x1f\x8b"
# Files for random access are made of one for every 64 kB or so.
_MOST_MEMBERS = 20_000
# Voxels of scanners are between these, in mm; a header that says otherwise is damaged.
_VOXEL_MM = (0.1, 20.0)

NAME, _TITLE = "own_scan", "your scan"
_EXPORT = "Export the scan as NIfTI (.nii or .nii.gz) again, or upload its DICOM folder as a zip file"


def shown_name(name: str) -> str:
    """A file name fit to be read: its last part, printable, at most 60 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    last = "".join(letter if letter.isprintable() else "?" for letter in last).strip() or "unnamed"
    return last if len(last) <= 60 else f"{last[:40]}…{last[-16:]}"


class Inbox:
    """The files of one person's scan.

    Where a file comes in place of another one it may be another patient's. Then the files that are there are doubtful
    until they are given again or the person says that all are of one scan. Whoever made the folder removes it.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        # What was given for each role; what was refused has a name as well.
        self._names: dict[str, str] = {}
        self._doubtful: set[str] = set()

    def path(self, role: str) -> Path:
        """Where the file of a role lies; ours, whatever it was called."""
        return self.folder / f"{NAME}_{role}.nii"

    def names(self) -> dict[str, str]:
        """Role to the name that its file came with, fit to be read, of the files that are in use."""
        return {role: self._names[role] for role in (*MODALITIES, "mask") if self.path(role).is_file()}

    def doubtful(self) -> dict[str, str]:
        """As `names`, of the files that may be another patient's."""
        return {role: name for role, name in self.names().items() if role in self._doubtful}

    def confirm(self) -> None:
        """The person says that all files are of one scan."""
        self._doubtful = set()

    def put(self, role: str, name: str, content: bytes | memoryview) -> None:
        """Check a file, NIfTI, gzipped or not, and unpack it; `name` is what the person calls it.

        It is refused if it is too large, empty, not NIfTI, truncated or damaged, compressed twice, or claims more than
        is allowed. What was there under that role is gone then, so that no old scan is taken for the new one.
        """
        expected = role in self._doubtful
        self.remove(role)
        if not self.names():
            self._names = {}
        if role in self._names and not expected:
            self._doubtful = set(self.names())
        self._names[role] = shown_name(name)
        title = self._title(role)
        part = self.path(role).with_suffix(".part")
        try:
            if len(content) > MAX_UPLOAD_MB * 2**20:
                found, advice = f"it has more than {MAX_UPLOAD_MB} MB", "Compress it as .nii.gz"
                raise BratsError(title, found, f"at most {MAX_UPLOAD_MB} MB", advice)
            self._unpack(memoryview(content), part, title)
            part.replace(self.path(role))
        except (EOFError, zlib.error) as error:
            found = f"it is truncated or damaged ({error})".replace("\n", " ")
            raise BratsError(title, found, "a complete gzip file", "Copy or export it again") from None
        except OSError as error:
            found, advice = f"it cannot be kept ({error.strerror})", "Make room and upload it again"
            raise BratsError(title, found, "room in the temporary folder", advice) from None
        finally:
            part.unlink(missing_ok=True)

    def _unpack(self, content, part, title):
        """Write what a file holds, once its header says how much that may be."""
        pieces = _unpacked(content) if content[:2] == _GZIP else _pieces(content)
        head = b""
        for piece in pieces:
            head += piece
            if len(head) >= HEADER_BYTES:
                break
        most = self._most_bytes(parse(part, head[:HEADER_BYTES]), title)
        with open(part, "wb") as out:
            for piece in itertools.chain([head], pieces):
                out.write(piece)
                if out.tell() > most:
                    found = "it holds more than its header claims"
                    raise BratsError(title, found, "as many numbers as voxels", _EXPORT)

    def _most_bytes(self, grid: Grid, title):
        """How many bytes the file may hold, from its header alone."""
        # Python's integers: a header of 64-bit sizes can claim more than numpy can count.
        voxels = math.prod(grid.stored_shape)
        if voxels > MAX_VOXELS:
            shape = " × ".join(map(str, grid.stored_shape))
            found = f"its header claims {shape} = {voxels:,} voxels"
            raise BratsError(title, found, f"at most {MAX_VOXELS:,}", "Crop or resample the scan first")
        if grid.channels != 1:
            found = f"it holds {grid.channels} volumes"
            raise BratsError(title, found, "one volume, 3D", "Upload every modality as a file of its own")
        low, high = min(grid.spacing), max(grid.spacing)
        if low < _VOXEL_MM[0] or high > _VOXEL_MM[1]:
            found = f"its voxels are {low:g} to {high:g} mm"
            raise BratsError(title, found, f"sides of {_VOXEL_MM[0]:g} to {_VOXEL_MM[1]:g} mm", _EXPORT)
        return voxels * grid.header.get_data_dtype().itemsize + _SLACK_BYTES

    def remove(self, role: str) -> None:
        """Forget the file of a role, if there is one."""
        self.path(role).unlink(missing_ok=True)
        self._doubtful.discard(role)

    def _title(self, role):
        return f"{modality_name(role)} file “{self._names[role]}”"

    def missing(self) -> list[str]:
        """The modalities that are needed and not there yet."""
        return [role for role in NEEDED if not self.path(role).is_file()]

    def case(self) -> Case:
        """The scan as a case, once nothing is missing; refused where a file is doubtful or on another grid."""
        if doubtful := self.doubtful():
            stayed = ", ".join(f"{modality_name(role)} “{name}”" for role, name in doubtful.items())
            advice = "Upload all files of the new scan, or press the button below the files if this is right"
            raise BratsError(_TITLE, f"{stayed} stayed while another file was exchanged", "files of one scan", advice)
        files = {role: self.path(role) for role in self.names()}
        Case(NAME, files).need_one_grid(list(files))
        mask = files.pop("mask", None)
        return Case(NAME, files, mask)

    def explain(self, message: object) -> str:
        """An error or a warning about a file or a case of ours, in the words of the person who gave it."""
        text = str(message).replace(f"{self.folder}/", "").replace(f"case {NAME}", _TITLE)
        text = text.replace("`brats prepare` takes DICOM", "DICOM goes above, as a zip file of its folder")
        # A file may have come with a name like one of ours: what stands in quotation marks is left as it is.
        pattern = rf"“[^”]*”|{NAME}_({'|'.join((*MODALITIES, 'mask'))})\.(?:nii(?!\.gz)|part)"
        return re.sub(pattern, lambda match: self._title(match[1]) if match[1] else match[0], text)


def _pieces(content):
    return (bytes(content[start : start + _CHUNK]) for start in range(0, len(content), _CHUNK))


def _unpacked(content):
    """What a gzip file holds, all members of it, in pieces that a small file cannot make large."""
    members, engine = 1, zlib.decompressobj(wbits=31)
    for packed in _pieces(content):
        while packed:
            if engine.eof:
                packed = packed.lstrip(b"\0")  # tapes and some archives pad
                members, engine = members + bool(packed), zlib.decompressobj(wbits=31) if packed else engine
                if members > _MOST_MEMBERS:
                    raise zlib.error(f"it has more than {_MOST_MEMBERS} parts")
                continue
            yield engine.decompress(packed, _CHUNK)
            packed = engine.unused_data if engine.eof else engine.unconsumed_tail
    if not engine.eof:
        raise EOFError("it ends too early")
