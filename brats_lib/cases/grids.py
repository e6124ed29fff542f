"""Where the voxels of a file lie: NIfTI headers, judged before anything is made of them.

Affines take voxel indices to NIfTI's millimetres (RAS+ world) and are float64, (4, 4).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel import orientations

from brats_lib.errors import BratsError

AGAIN = "Copy or download this file again"
CONVERT = "Convert the scan to one .nii.gz file again; dcm2niix and nibabel do"
CORNERS = np.array(list(np.ndindex(2, 2, 2)))
LPS = orientations.axcodes2ornt("LPS")
# Affines that were written by different tools differ by rounding; half a voxel of BraTS is half a millimetre.
GRID_TOLERANCE_MM = 0.5
HEADER_BYTES = nib.Nifti2Header.sizeof_hdr
UNITS = {1: "metre", 2: "mm", 3: "micrometre"}  # NIfTI-1, field xyzt_units, lowest three bits
# What places an image in space; everything else in a header belongs to the scan it came from.
GEOMETRY_FIELDS = (
    "pixdim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d",
    "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z",
)  # fmt: skip
DAMAGED = (nib.spatialimages.HeaderDataError, ValueError, OverflowError, np.linalg.LinAlgError)


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of a file lie, in the file's own axes and in LPS; made by `parse`.

    The affine of stored voxels is the sform where it can be used, else the qform. Where the header has neither, voxel
    sizes alone place the image, as nibabel does, its first axis to the left, the second to the front, the third up.
    """

    path: Path
    header: nib.Nifti1Header
    stored_shape: tuple[int, ...]  # three or four axes as stored; further axes of length one are dropped
    stored_affine: np.ndarray  # of stored voxel indices
    remarks: tuple[tuple[str, str], ...]  # "info" or "warning", and what is odd about the header and was decided

    @property
    def channels(self) -> int:
        """How many volumes the file holds."""
        return math.prod(self.stored_shape[3:])

    @cached_property
    def _to_lps(self) -> np.ndarray:
        return orientations.ornt_transform(orientations.io_orientation(self.stored_affine), LPS)

    @property
    def axes(self) -> str:
        """Directions of the stored axes, as in ``"LPS"``."""
        return "".join(nib.aff2axcodes(self.stored_affine))

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Size (x, y, z) in LPS."""
        x, y, z = (self.stored_shape[axis] for axis in np.argsort(self._to_lps[:, 0]))
        return x, y, z

    @cached_property
    def affine(self) -> np.ndarray:
        """Of LPS voxel indices."""
        return self.stored_affine @ orientations.inv_ornt_aff(self._to_lps, self.stored_shape[:3])

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size along x, y, z in mm."""
        x, y, z = map(float, nib.affines.voxel_sizes(self.affine))
        return x, y, z

    @property
    def unit(self) -> str:
        """Unit of length that the header names: "mm", "metre", "micrometre" or "unknown"."""
        return UNITS.get(int(self.header["xyzt_units"]) & 7, "unknown")

    def to_lps(self, array: np.ndarray) -> np.ndarray:
        """Turn stored axes (i, j, k[, c]) into LPS axes (x, y, z[, c])."""
        return orientations.apply_orientation(array, self._to_lps)

    def from_lps(self, array: np.ndarray) -> np.ndarray:
        """Turn LPS axes (x, y, z) into the stored ones (i, j, k)."""
        back = orientations.ornt_transform(LPS, orientations.io_orientation(self.stored_affine))
        return orientations.apply_orientation(array, back)

    def offset_mm(self, other: "Grid") -> float:
        """Largest distance in mm between where this grid and another of the same shape put a corner voxel."""
        return _apart_mm(self.shape, self.affine, other.affine)

    def need_place_of(self, other: "Grid", advice: str) -> None:
        """Refuse this file unless its voxels lie where those of the other one do."""
        if self.shape != other.shape:
            raise BratsError(self.path, f"its shape is {self.shape}", f"{other.shape} as in {other.path.name}", advice)
        if (apart := self.offset_mm(other)) > GRID_TOLERANCE_MM:
            found = f"its affine puts it {apart:.1f} mm away (its axes are {self.axes})"
            raise BratsError(self.path, found, f"the place of {other.path.name} ({other.axes})", advice)

    @property
    def geometry(self) -> dict[str, np.ndarray]:
        """The header's fields that place the image; both forms say what was used where one of them cannot be."""
        header = self.header.copy()
        if header["sform_code"] and _form(header, "sform") is None:
            header.set_sform(self.stored_affine, int(header["qform_code"]))
        if header["qform_code"] and _form(header, "qform") is None:
            header.set_qform(self.stored_affine, int(header["sform_code"]))
        header["pixdim"][4:] = 0
        return {field: header[field] for field in GEOMETRY_FIELDS}

    def place(self, header: nib.Nifti1Header) -> None:
        """Give another header this grid's place."""
        for field, value in self.geometry.items():
            header[field] = value


def _apart_mm(shape: tuple[int, ...], one: np.ndarray, other: np.ndarray) -> float:
    """Largest distance between where two affines put a corner voxel."""
    corners = CORNERS * (np.array(shape[:3]) - 1)
    return float(np.linalg.norm(nib.affines.apply_affine(one - other, corners), axis=1).max())


def _form(header: nib.Nifti1Header, name: str) -> np.ndarray | None:
    """The sform or qform; None where there is none or it cannot be used."""
    if not header[f"{name}_code"]:
        return None
    try:
        affine = np.asarray(getattr(header, f"get_{name}")(), float)
        with np.errstate(over="ignore", invalid="ignore"):
            sizes = np.sqrt((affine[:3, :3] ** 2).sum(0))
        sound = np.isfinite(affine).all() and sizes.min() > 1e-6 and sizes.max() < 1e6
        return affine if sound and abs(np.linalg.det(affine[:3, :3] / sizes)) > 1e-3 else None
    except DAMAGED:
        return None


def _place(path: Path, header: nib.Nifti1Header, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple]:
    """Choose an affine, and say what is odd about that."""
    sform, qform = _form(header, "sform"), _form(header, "qform")
    given = [name for name in ("sform", "qform") if header[f"{name}_code"]]
    sizes = header["pixdim"][1:4]
    if sform is not None and qform is not None:
        apart = _apart_mm(shape, sform, qform)
        odd = f"its sform and its qform are up to {apart:.1f} mm apart; the sform was used"
        return sform, (("warning", odd),) if apart > GRID_TOLERANCE_MM else ()
    if sform is not None:
        if "qform" in given:
            return sform, (("info", "its qform cannot be used; the sform was"),)
        real = nib.affines.voxel_sizes(sform)
        odd = f"its voxel sizes are {by_axis(sizes)} mm by pixdim and {by_axis(real)} mm by sform; the sform was used"
        return sform, () if np.allclose(sizes, real, rtol=0.01) else (("warning", odd),)
    if qform is not None:
        return qform, (("info", "its sform cannot be used; the qform was"),) if "sform" in given else ()
    if given or not (np.isfinite(sizes).all() and sizes.min() > 0):
        found = f"its {' and its '.join(given) or 'voxel sizes'} cannot be used"
        expected = "an affine of three independent axes with finite numbers"
        advice = "Write it again with the geometry of the image it was made from, or convert the scan again"
        raise BratsError(path, found, expected, advice)
    odd = "it has neither sform nor qform; its axes were taken as left, front and up"
    return header.get_base_affine(), (("warning", odd),)


def by_axis(sizes: Iterable[float]) -> str:
    """Such as ``"1 x 1 x 2.5"``."""
    return " x ".join(f"{size:.3g}" for size in sizes)


def parse(path: Path, head: bytes) -> Grid:
    """Judge the first `HEADER_BYTES` of a file: refuse what is no NIfTI header, or one that no image can be read by."""
    if not head:
        raise BratsError(path, "it is empty (0 bytes)", "a NIfTI file", AGAIN)
    kinds = {
        kind.sizeof_hdr.to_bytes(4, order): (kind, order)
        for kind in (nib.Nifti1Header, nib.Nifti2Header)
        for order in ("little", "big")
    }
    kind, order = kinds.get(head[:4], (None, None))
    if kind is None or len(head) < kind.sizeof_hdr:
        found = "it is gzipped twice" if head[:2] == b"\x1f\x8b" else "it is not a NIfTI file"
        advice = "Give a .nii or .nii.gz file; `brats prepare` takes DICOM"
        raise BratsError(path, found, "a NIfTI-1 or NIfTI-2 header", advice)
    try:
        header = kind(head[: kind.sizeof_hdr], order, check=False)
        dimensions, sizes = int(header["dim"][0]), header["pixdim"][1:4].copy()
        header.check_fix()
        header.get_slope_inter()  # refuses a scaling that is half there
        start, dtype = header.get_data_offset(), header.get_data_dtype()
        shape = tuple(map(int, header.get_data_shape()))
    except DAMAGED as error:
        raise BratsError(path, f"its header is damaged ({error})", "a valid NIfTI header", AGAIN) from None
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    whole = 1 <= dimensions <= 7 and len(shape) in (3, 4) and min(shape) >= 1
    first = header.single_vox_offset
    # nibabel takes a voxel size of 0 for 1 mm and drops signs, which is a guess unless the sform says what is meant.
    sized = (sizes > 0).all() or _form(header, "sform") is not None
    for sound, found, expected, advice in (
        (dtype.kind in "iuf" and whole, f"shape {shape}, type {dtype}", "a 3D or 4D image of real numbers", AGAIN),
        (header["magic"] != header.pair_magic, "that its voxels are in an .img file", "one file", CONVERT),
        (start >= first, f"that its voxels begin at byte {start}, within the header", f"byte {first} or later", AGAIN),
        (sized, f"voxel sizes of {by_axis(sizes)} mm", "sizes above 0, or an sform", CONVERT),
    ):
        if not sound:
            raise BratsError(path, f"its header says {found}", expected, advice)
    return Grid(path, header, shape, *_place(path, header, shape))


def new_grid(path: Path, shape: tuple[int, ...], affine: np.ndarray) -> Grid:
    """A grid of three axes that no file has yet: its shape as stored, and the affine of stored voxels."""
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_xyzt_units("mm")
    header.set_sform(affine, 1)
    turn = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if np.allclose(turn.T @ turn, np.eye(3), atol=1e-4):  # a qform knows no shear
        header.set_qform(affine, 1)
    header["pixdim"][1:4] = np.linalg.norm(affine[:3, :3], axis=0)
    return Grid(path, header, tuple(shape), np.asarray(affine, float), ())
