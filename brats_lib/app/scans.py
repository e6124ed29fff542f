"""A case ready to be looked at: arrays in memory, grey levels and the box of the brain decided once.

Points are voxels (x, y, z); what moves them keeps them inside the scan.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from brats_lib.app.drawing import Box, Cut
from brats_lib.cases import Case
from brats_lib.cases.audit.images import look
from brats_lib.cases.case import voxel_hash
from brats_lib.cases.intake import receive
from brats_lib.errors import BratsError
from brats_lib.figures.style import AXIAL, CORONAL, SAGITTAL, Plane, brain_box, tumour_slice, window

__all__ = ["NEEDED", "PLANES", "Scan", "clamp", "open_scan", "point_at", "start_slices", "zoom_box"]

# What the networks that ship read, and what section 5 of the paper displays.
NEEDED = ("flair", "t1ce")
PLANES = {plane.name: plane for plane in (AXIAL, CORONAL, SAGITTAL)}
# Of grey levels: what is shown black and what is shown white.
Window = tuple[float, float]


@dataclass(frozen=True)
class Scan:
    """What is displayed of one case.

    Attributes
    ----------
    fingerprint
        Of the case's files; two scans with the same are the same.
    volumes
        FLAIR and T1ce as float32, shape (x, y, z), in LPS.
    levels, ranges
        The window of each volume, and the widest that it may have, from its smallest to its largest value.
    box
        Of the brain in the whole volume, so that nothing jumps between slices.
    truth
        Labels, where the case has a mask.
    warnings
        What is unusual about the images, as `brats predict` says it, and about the mask, as `brats audit` does.
    """

    case: Case
    fingerprint: str
    volumes: dict[str, np.ndarray]
    levels: dict[str, Window]
    ranges: dict[str, Window]
    box: Box
    truth: np.ndarray | None
    warnings: tuple[str, ...] = ()

    @cached_property
    def flair_hash(self) -> str:
        """By which networks know whether they learnt from it."""
        return voxel_hash(self.volumes["flair"])

    @property
    def shape(self) -> tuple[int, ...]:
        """Size (x, y, z) in voxels."""
        return self.case.shape

    @property
    def spacing(self) -> tuple[float, ...]:
        """Voxel size along x, y, z in mm."""
        return self.case.spacing

    def cut(self, plane: Plane, index: int) -> Cut:
        """A slice within the box."""
        return Cut(plane, index, self.box, self.spacing)


def open_scan(case: Case) -> Scan:
    """Read a case, with the checks and refusals of `brats predict`; a mask that cannot be used is left alone."""
    case = replace(case)  # it remembers a header, and the file may have been edited since
    volumes, warnings = receive(case, NEEDED)
    levels = {modality: window(volume) for modality, volume in volumes.items()}
    ranges = {
        modality: (min(float(volume.min()), levels[modality][0]), max(float(volume.max()), levels[modality][1]))
        for modality, volume in volumes.items()
    }
    truth = None
    try:
        truth = case.mask() if case.has_mask else None
    except BratsError as error:
        warnings.append(f"The mask is left alone: {error}".removesuffix("."))
    if truth is not None:
        warnings += [remark.sentence for remark in look(volumes, case.spacing, truth) if remark.about == "mask"]
    box = brain_box(*volumes.values())
    return Scan(case, case.fingerprint(), volumes, levels, ranges, box, truth, tuple(warnings))


def start_slices(scan: Scan, mask: np.ndarray | None = None) -> tuple[int, ...]:
    """Where to look first: the slice of each axis with the most tumour, else the middle of the brain."""
    if mask is None or not np.any(mask):
        return tuple((start + stop) // 2 for start, stop in scan.box)
    return tuple(tumour_slice(mask, axis) for axis in range(3))


def clamp(index: float, length: int) -> int:
    """An index kept within an axis; a slider needs two places even where there is one slice."""
    return max(0, min(int(index), length - 1))


def zoom_box(box: Box, point: Sequence[int], factor: int) -> Box:
    """The part of a box that is in sight when it is enlarged: around a point, and within the box."""
    shown = []
    for (start, stop), at in zip(box, point, strict=True):
        length = max(1, round((stop - start) / factor))
        first = max(start, min(at - length // 2, stop - length))
        shown.append((first, first + length))
    return tuple(shown)


def point_at(plane: Plane, box: Box, point: Sequence[int], across: float, down: float) -> list[int]:
    """The voxel at a place of the picture of a slice through `point`, as shares of its width and height."""
    voxel = list(point)
    for axis, share in zip(plane.in_plane, (across, 1 - down if plane.origin == "lower" else down), strict=True):
        start, stop = box[axis]
        voxel[axis] = int(start + share * (stop - start))
    return voxel
