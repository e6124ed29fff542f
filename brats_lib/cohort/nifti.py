"""NIfTI files: strict reading into LPS arrays, writing masks and single volumes. No other module opens one.

Files are read as a whole instead of through nibabel's lazy proxies, because only reading to the end of a gzip
stream checks its checksum, and because a damaged file then gives one clear error here instead of many elsewhere.
"""

import gzip
import zlib
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel import orientations

from brats_lib.cohort.layouts import stem
from brats_lib.errors import BratsError
from brats_lib.files import write_whole

__all__ = ["Grid", "Image", "read_grid", "read_image", "write_mask", "write_volume"]

LPS = orientations.axcodes2ornt("LPS")
AGAIN = "Copy or download this file again"
# What places an image in space; everything else in a header belongs to the scan it came from.
GEOMETRY_FIELDS = (
    "pixdim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d",
    "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z",
)  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a file lie, in the file's own axes and in LPS.

    Parameters
    ----------
    path : Path
        The file.
    header : nibabel.Nifti1Header or nibabel.Nifti2Header
        Its header.
    """

    path: Path
    header: nib.Nifti1Header

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Size of the axes as stored, three or four; further axes of length one are dropped."""
        shape = self.header.get_data_shape()
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        return tuple(int(size) for size in shape)

    @property
    def channels(self) -> int:
        """How many volumes the file holds."""
        return int(np.prod(self.stored_shape[3:], dtype=int))

    @property
    def stored_affine(self) -> np.ndarray:
        """Stored voxel indices to millimetres (RAS+ world of NIfTI), float64 (4, 4)."""
        return self.header.get_best_affine()

    @cached_property
    def _to_lps(self) -> np.ndarray:
        found = orientations.io_orientation(self.stored_affine)
        if np.isnan(found).any():
            raise BratsError(self.path, "its affine maps two axes onto one", "three independent axes", AGAIN)
        return orientations.ornt_transform(found, LPS)

    @property
    def axes(self) -> str:
        """Directions of the stored axes, as in ``"LPS"``."""
        return "".join(nib.aff2axcodes(self.stored_affine))

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Size (x, y, z) in LPS."""
        shape = [0, 0, 0]
        for axis, (target, _) in enumerate(self._to_lps):
            shape[int(target)] = self.stored_shape[axis]
        return tuple(shape)

    @cached_property
    def affine(self) -> np.ndarray:
        """LPS voxel indices to millimetres, float64 (4, 4)."""
        return self.stored_affine @ orientations.inv_ornt_aff(self._to_lps, self.stored_shape[:3])

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size along x, y, z in mm."""
        return tuple(float(size) for size in nib.affines.voxel_sizes(self.affine))

    def to_lps(self, array: np.ndarray) -> np.ndarray:
        """Turn stored axes (i, j, k[, c]) into LPS axes (x, y, z[, c])."""
        return orientations.apply_orientation(array, self._to_lps)

    def from_lps(self, array: np.ndarray) -> np.ndarray:
        """Turn LPS axes (x, y, z) into the stored ones (i, j, k)."""
        back = orientations.ornt_transform(LPS, orientations.io_orientation(self.stored_affine))
        return orientations.apply_orientation(array, back)

    def offset_mm(self, other: "Grid") -> float:
        """Largest distance in mm between where this grid and another of the same shape put a corner voxel."""
        last = np.array(self.shape) - 1
        corners = np.array([(*(last * corner), 1) for corner in np.ndindex(2, 2, 2)])
        apart = corners @ (self.affine - other.affine).T[:, :3]
        return float(np.linalg.norm(apart, axis=1).max())


@dataclass(frozen=True)
class Image:
    """What a file holds: its grid and its numbers, in the type they are stored in and without their scaling."""

    grid: Grid
    stored: np.ndarray

    @property
    def path(self) -> Path:
        """The file."""
        return self.grid.path

    def values(self, channel: int | None = None, dtype=np.float32) -> np.ndarray:
        """One volume in LPS, scaled as the header says.

        Parameters
        ----------
        channel : int, optional
            Which volume of a 4D image.
        dtype : numpy dtype
            Of the result.

        Returns
        -------
        array of dtype, shape (x, y, z)

        Raises
        ------
        BratsError
            If a value is NaN or infinite.
        """
        array = self.stored if channel is None else self.stored[..., channel]
        slope, intercept = self.grid.header.get_slope_inter()
        if slope is not None and (slope, intercept) != (1, 0):
            array = array.astype(np.float32) * np.float32(slope) + np.float32(intercept)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = array.size - int(np.isfinite(array).sum())
            raise BratsError(self.path, f"{bad} of its voxels are NaN or infinite", "finite numbers", AGAIN)
        # One copy at most: astype makes it where the type changes, else the flipped or read-only view is copied.
        lps = self.grid.to_lps(array.astype(dtype, copy=False))
        return lps if lps.flags.writeable and lps.flags.forc else np.array(lps, order="F")


def _content(path: Path, limit: int = -1) -> bytes:
    """Read a file's first `limit` bytes, or all, decompressed where they are gzipped whatever the name says."""
    try:
        with open(path, "rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            with gzip.GzipFile(fileobj=stream) if packed else nullcontext(stream) as content:
                return content.read(limit)
    except FileNotFoundError:
        raise BratsError(path, "there is no such file", "a NIfTI file", "Check the path") from None
    except IsADirectoryError:
        inside = sum(stem(entry) is not None for entry in path.iterdir())
        found = f"it is a folder that holds {inside} NIfTI files"
        raise BratsError(path, found, "a NIfTI file, or a folder with exactly one", "Leave one file in it") from None
    except PermissionError:
        advice = "Give yourself permission to read it (chmod u+r)"
        raise BratsError(path, "it may not be read", "a readable file", advice) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        found = f"it is truncated or damaged ({error})".replace("\n", " ")
        raise BratsError(path, found, "a complete gzip file", AGAIN) from None
    except OSError as error:
        raise BratsError(path, f"it cannot be read ({error.strerror or error})", "a NIfTI file", AGAIN) from None


def _grid(path: Path, content: bytes) -> Grid:
    if not content:
        raise BratsError(path, "it is empty (0 bytes)", "a NIfTI file", AGAIN)
    sizes = {int.from_bytes(content[:4], order) for order in ("little", "big")}
    header_class = next((kind for kind in (nib.Nifti1Header, nib.Nifti2Header) if kind.sizeof_hdr in sizes), None)
    if header_class is None or len(content) < header_class.sizeof_hdr:
        advice = "Give a .nii or .nii.gz file; dcm2niix converts DICOM"
        raise BratsError(path, "it is not a NIfTI file", "a NIfTI-1 or NIfTI-2 header", advice)
    try:
        header = header_class(content[: header_class.sizeof_hdr])
        grid = Grid(path, header)
        numbers = header.get_data_dtype().kind in "iufb"
        sound = len(grid.stored_shape) in (3, 4) and min(grid.stored_shape) > 0
        sound = sound and np.isfinite(grid.stored_affine).all() and header.get_data_offset() >= 0
        header.get_slope_inter()  # refuses a scaling that is half there
    except (nib.spatialimages.HeaderDataError, ValueError, OverflowError, np.linalg.LinAlgError) as error:
        raise BratsError(path, f"its header is damaged ({error})", "a valid NIfTI header", AGAIN) from None
    if not numbers or not sound:
        found = f"its header says shape {grid.stored_shape}, type {header.get_data_dtype()}"
        raise BratsError(path, found, "a 3D or 4D image of real numbers with a finite affine", AGAIN)
    return grid


def read_grid(path: Path) -> Grid:
    """Read where a file's voxels lie, from its header alone.

    Raises
    ------
    BratsError
        If the file is missing, unreadable, empty, damaged or not NIfTI.
    """
    return _grid(path, _content(path, nib.Nifti2Header.sizeof_hdr))


def read_image(path: Path) -> Image:
    """Read a file completely.

    Raises
    ------
    BratsError
        If the file is missing, unreadable, empty, damaged, truncated or not NIfTI.
    """
    content = _content(path)
    grid = _grid(path, content)
    dtype, start = grid.header.get_data_dtype(), int(grid.header.get_data_offset())
    count = int(np.prod(grid.stored_shape))
    held = len(content) - start
    if held < count * dtype.itemsize:
        found = f"it is truncated: {max(held, 0)} bytes of image data"
        raise BratsError(path, found, f"{count * dtype.itemsize} bytes for shape {grid.stored_shape}", AGAIN)
    stored = np.frombuffer(content, dtype, count, start).reshape(grid.stored_shape, order="F")
    return Image(grid, stored)


def write_mask(mask: np.ndarray, grid: Grid, path: Path) -> None:
    """Write a mask on the grid of another file: its orientation, affine and header geometry.

    The file appears complete or not at all.

    Parameters
    ----------
    mask : array of uint8, shape `grid.shape`
        In LPS.
    grid : Grid
        Of the case.
    path : Path
        Ends with `.nii` or `.nii.gz`; folders are made.

    Raises
    ------
    BratsError
        If the path has another ending or cannot be written.
    """
    if stem(path) is None:
        raise BratsError(path, "the name has another ending", "a name ending in .nii.gz or .nii", "Rename the output")
    stored = np.asfortranarray(grid.from_lps(mask))
    header = nib.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape(stored.shape)
    for field in GEOMETRY_FIELDS:
        header[field] = grid.header[field]
    header["pixdim"][4:] = 0
    content = nib.Nifti1Image(stored, None, header).to_bytes()
    if path.name.lower().endswith(".gz"):
        content = gzip.compress(content, compresslevel=6, mtime=0)
    write_whole(path, content)


def write_volume(image: Image, channel: int | None, path: Path) -> None:
    """Write one volume of a file as a gzipped 3D file of its own, with numbers, type and geometry as they are stored.

    The file appears complete or not at all.

    Parameters
    ----------
    image : Image
        What was read.
    channel : int or None
        Which volume of a 4D image.
    path : Path
        Ends with `.nii.gz`; folders are made.

    Raises
    ------
    BratsError
        If a value is NaN or infinite, or the path cannot be written.
    """
    image.values(channel)  # refuses what no reader of the new file could use
    packed = image.path.read_bytes()
    header = image.grid.header.copy()
    if packed[:2] != b"\x1f\x8b" or len(header.get_data_shape()) != 3:
        stored = image.stored if channel is None else image.stored[..., channel]
        header.set_data_shape(stored.shape)
        header["pixdim"][4:] = 0
        header["magic"], header["vox_offset"] = header.single_magic, header.single_vox_offset
        # nibabel would scale the numbers anew; four zeros say that no header extension follows.
        content = header.binaryblock + bytes(4) + stored.tobytes("F")
        # Level 1 is several times faster than the usual 9, and noise hardly packs better.
        packed = gzip.compress(content, compresslevel=1, mtime=0)
    write_whole(path, packed)
