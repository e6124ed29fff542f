"""NIfTI files: strict reading into LPS arrays, writing masks and single volumes. No other module opens one.

Files are read as a whole instead of through nibabel's lazy proxies, because only reading to the end of a gzip
stream checks its checksum, and because a damaged file then gives one clear error here instead of many elsewhere.
Never more of a file is unpacked than its header promises. What is written appears complete or not at all.
"""

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import nibabel as nib
import numpy as np
from scipy import ndimage

from brats_lib.cases.grids import AGAIN, HEADER_BYTES, Grid, parse
from brats_lib.cases.layouts import stem
from brats_lib.errors import BratsError
from brats_lib.files import open_regular, write_whole

# Of one file; a BraTS volume has 9 million voxels, and the four of an MSD case have 36 million; 512 x 512 x 320
# is among the finest that scanners give.
MOST_VOXELS, MOST_BYTES = 100_000_000, 2**29
GZIP = b"\x1f\x8b"
# Some programs pad their files. A header whose sizes are too small leaves more than that.
PADDING_BYTES = 4096
# Within a brain whose outside is 0, BraTS has groups of up to six voxels that are 0 too.
LARGEST_POCKET = 10


@dataclass(frozen=True)
class Image:
    """What a file holds: its grid and its numbers, in the type they are stored in and without their scaling."""

    grid: Grid
    stored: np.ndarray

    @property
    def path(self) -> Path:
        return self.grid.path

    def scaled(self, channel: int | None = None) -> np.ndarray:
        """One volume in the stored axes, scaled as the header says: float64 where it says so, else as it is stored."""
        array = self.stored if channel is None else self.stored[..., channel]
        slope, intercept = self.grid.header.get_slope_inter()
        if slope is None or (slope, intercept) == (1, 0):
            return array
        array = array.astype(np.float64)
        array *= slope
        array += intercept
        return array

    def values(self, channel: int | None = None, remarks: list[str] | None = None) -> np.ndarray:
        """One volume, of a 4D image the given one, as float32 in LPS, scaled as the header says.

        Infinite values, and NaN within the brain, are refused. NaN around the brain, as SPM writes it, becomes 0;
        `remarks` then gets a clause that says so.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            array = self.scaled(channel)
            fractional = array.dtype.kind == "f"
            array = array.astype(np.float32, copy=False)
        if fractional:  # whole numbers of any type are finite
            array = self._finite(array, remarks)
        # One copy at most: astype makes it where the type changes, else the flipped or read-only view is copied.
        lps = self.grid.to_lps(array)
        return lps if lps.flags.writeable and lps.flags.forc else np.array(lps, order="F")

    def _finite(self, array: np.ndarray, remarks: list[str] | None) -> np.ndarray:
        finite = np.isfinite(array)
        if finite.all():
            return array
        missing = np.isnan(array)
        if not finite[~missing].all():
            found = f"{int((~finite & ~missing).sum())} of its voxels are infinite or too large for float32"
            advice = "Find what divided by zero when the image was made; copying it again does not help"
            raise BratsError(self.path, found, "finite numbers", advice)
        if inside := _inside(missing, array == 0):
            found = f"{inside} of its voxels are NaN within the brain"
            advice = "Set them to a number, for example with fslmaths -nan, or make the image again from the scan"
            raise BratsError(self.path, found, "NaN outside the brain at most", advice)
        if remarks is not None:
            remarks.append(f"{int(missing.sum())} of its voxels are NaN around the brain and were taken as 0")
        return np.where(missing, np.float32(0), array)


def _inside(missing: np.ndarray, zero: np.ndarray) -> int:
    """How many NaN lie within the brain: enclosed by numbers other than 0, and no pocket of a background of NaN."""
    pieces, count = ndimage.label(missing | zero)
    faces = [np.unique(pieces.take(place, axis)) for axis in range(3) for place in (0, -1)]
    enclosed = ~np.isin(np.arange(count + 1), np.concatenate([[0], *faces]))
    enclosed[0] = False
    held = np.bincount(pieces[missing], minlength=count + 1)
    if held[~enclosed].sum() > np.count_nonzero(zero):
        enclosed &= held > LARGEST_POCKET
    return int(held[enclosed].sum())


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file as it is on the disk; what goes wrong while it is open is said of it."""
    try:
        with open_regular(path) as stream:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        found = f"it is truncated or damaged ({error})".replace("\n", " ")
        raise BratsError(path, found, "a complete gzip file", AGAIN) from None
    except OSError as error:
        found, advice = {
            FileNotFoundError: ("there is no such file", "Check the path"),
            IsADirectoryError: ("it is a folder that does not hold exactly one NIfTI file", "Leave one file in it"),
            PermissionError: ("it may not be read", "Give yourself permission to read it (chmod u+r)"),
        }.get(type(error), (f"it cannot be read ({error.strerror or error})", AGAIN))
        raise BratsError(path, found, "a NIfTI file", advice) from None


@contextmanager
def _content(path: Path) -> Iterator[BinaryIO | gzip.GzipFile]:
    """A file's content, unpacked where it is gzipped, whatever its name says."""
    with opened(path) as stream:
        packed = stream.read(len(GZIP)) == GZIP
        stream.seek(0)
        yield gzip.GzipFile(fileobj=stream) if packed else stream


def read_grid(path: Path) -> Grid:
    """Read where a file's voxels lie, from its header alone."""
    with _content(path) as content:
        return parse(path, content.read(HEADER_BYTES))


def read_image(path: Path) -> Image:
    """Read a file to its end; damaged, truncated and too large ones are refused."""
    with _content(path) as content:
        grid = parse(path, content.read(HEADER_BYTES))
        dtype, start = grid.header.get_data_dtype(), grid.header.get_data_offset()
        # Python's integers: a header of 64-bit sizes can claim more than numpy can count.
        total = math.prod(grid.stored_shape)
        count = total * dtype.itemsize
        if total > MOST_VOXELS or max(start, count) > MOST_BYTES:
            shape = " × ".join(map(str, grid.stored_shape))
            found = f"its header claims {shape} voxels of {dtype}, from byte {start} on"
            advice = "Copy this file again, or crop or resample the scan"
            raise BratsError(path, found, f"at most {MOST_VOXELS:,} in {MOST_BYTES // 2**20} MiB", advice)
        content.seek(0)
        # To the end, because that is where the checksum of a gzip stream is.
        data = content.read(start + count + PADDING_BYTES + 1)
    expected = f"{count} bytes for shape {grid.stored_shape}"
    if len(data) < start + count:
        found = f"it is truncated: {max(len(data) - start, 0)} bytes of image data"
        raise BratsError(path, found, expected, AGAIN)
    if len(data) > start + count + PADDING_BYTES:
        raise BratsError(path, "it goes on after its image data", expected, AGAIN)
    return Image(grid, np.frombuffer(data, dtype, total, start).reshape(grid.stored_shape, order="F"))


def write_mask(mask: np.ndarray, grid: Grid, path: Path) -> None:
    """Write a mask of uint8 in LPS on the grid of another file: its orientation, affine and header geometry."""
    _write(mask.astype(np.uint8, copy=False), grid, path)


def write_scan(volume: np.ndarray, grid: Grid, path: Path) -> None:
    """Write a volume in LPS on a grid, as float32."""
    _write(volume.astype(np.float32, copy=False), grid, path)


def _write(array: np.ndarray, grid: Grid, path: Path) -> None:
    if not stem(path):
        raise BratsError(path, "the name has another ending", "a name ending in .nii.gz or .nii", "Rename the output")
    stored = np.asfortranarray(grid.from_lps(array))
    header = nib.Nifti1Header()
    header.set_data_dtype(stored.dtype)
    header.set_data_shape(stored.shape)
    grid.place(header)
    content = nib.Nifti1Image(stored, None, header).to_bytes()
    if path.name.lower().endswith(".gz"):
        # Level 1 is several times faster, and noise hardly packs better.
        content = gzip.compress(content, compresslevel=6 if stored.dtype == np.uint8 else 1, mtime=0)
    write_whole(path, content)


def write_volume(image: Image, channel: int | None, grid: Grid, path: Path) -> None:
    """Write one volume as a gzipped 3D file of its own, on the stored axes and in the place of another file's grid.

    Numbers, type and scaling stay as they are stored, but NaN around the brain becomes 0. A gzipped file of one volume
    that lies there already is copied.
    """
    remarks: list[str] = []
    image.values(channel, remarks)  # refuses what no reader of the new file could use
    header = image.grid.header.copy()
    header["pixdim"][4:] = 0
    placed = all(np.array_equal(header[name], value) for name, value in grid.geometry.items())
    packed = b""
    if placed and not remarks and len(header.get_data_shape()) == 3:
        with opened(image.path) as stream:
            packed = stream.read()
    if packed[: len(GZIP)] != GZIP:
        stored = image.stored if channel is None else image.stored[..., channel]
        if remarks:
            slope, intercept = header.get_slope_inter()
            stored = np.where(np.isnan(stored), stored.dtype.type(-(intercept or 0) / (slope or 1)), stored)
        stored = grid.from_lps(image.grid.to_lps(stored))
        header.set_data_shape(stored.shape)
        grid.place(header)
        header["magic"], header["vox_offset"] = header.single_magic, header.single_vox_offset
        # nibabel would scale the numbers anew; four zeros say that no header extension follows.
        content = header.binaryblock + bytes(4) + stored.astype(image.stored.dtype, copy=False).tobytes("F")
        # Level 1 is several times faster than the usual 9, and noise hardly packs better.
        packed = gzip.compress(content, compresslevel=1, mtime=0)
    write_whole(path, packed)
