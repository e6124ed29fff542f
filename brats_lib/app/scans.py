"""A case ready to be looked at: arrays in memory, grey levels and the box of the brain decided once.

Points are voxels (x, y, z); what moves them keeps them inside the scan.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from brats_lib.cases import Case
from brats_lib.cases.audit.images import look
from brats_lib.cases.case import voxel_hash
from brats_lib.cases.intake import receive
from brats_lib.errors import BratsError
from brats_lib.figures.style import AXIAL, CORONAL, SAGITTAL, Box, Plane, brain_box, tumour_slice, window
from brats_lib.prediction.inference import Prediction, segment_case
from brats_lib.prediction.predict import too_large

# What the networks that ship read, and what section 5 of the paper displays.
NEEDED = ("flair", "t1ce")
PLANES = {plane.name: plane for plane in (AXIAL, CORONAL, SAGITTAL)}
# Of the longest side of a box: sharp at the size of a panel, on screens of high density too.
PIXELS = 540
# Two at once on the same cores would both be late, and need twice the memory.
ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Cut:
    """A slice, and the part of it that is displayed; voxels of `spacing` mm, so that thick slices look thick."""

    plane: Plane
    index: int
    box: Box
    spacing: Sequence[float] = (1, 1, 1)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels: one scale for all planes of a box."""
        lengths = [(stop - start) * size for (start, stop), size in zip(self.box, self.spacing, strict=True)]
        width, height = (max(1, round(lengths[axis] * PIXELS / max(lengths))) for axis in self.plane.in_plane)
        return width, height

    def of(self, volume: np.ndarray) -> np.ndarray:
        """The slice of a volume as rows and columns, row 0 at the top of the picture."""
        columns, rows = self.plane.in_plane
        cut = self.plane.cut(volume, self.index)[slice(*self.box[rows]), slice(*self.box[columns])]
        return cut[::-1] if self.plane.origin == "lower" else cut


@dataclass(frozen=True)
class Scan:
    """What is displayed of one case."""

    case: Case
    fingerprint: str  # of the case's files; two scans with the same are the same
    volumes: dict[str, np.ndarray]  # FLAIR and T1ce, or T1ce alone, float32 (x, y, z), in LPS
    levels: dict[str, tuple[float, float]]  # of each volume, the grey levels shown black and white
    ranges: dict[str, tuple[float, float]]  # the smallest and largest that these may be
    box: Box  # of the brain in the whole volume, so that nothing jumps between slices
    truth: np.ndarray | None
    warnings: tuple[str, ...] = ()  # on the images as of `brats predict`, on the mask as of `brats audit`
    original: "Scan | None" = None  # the T1ce as it was scanned, where the case was prepared from that

    @cached_property
    def flair_hash(self) -> str:
        """By which networks know whether they learnt from it."""
        return voxel_hash(self.volumes["flair"])

    def cut(self, plane: Plane, index: int) -> Cut:
        """A slice within the box."""
        return Cut(plane, index, self.box, self.case.spacing)


def open_scan(case: Case) -> Scan:
    """Read a case, with the checks and refusals of `brats predict`; a mask that cannot be used is left alone."""
    case = replace(case)  # it remembers a header, and the file may have been edited since
    volumes, warnings = receive(case, NEEDED)
    truth = None
    try:
        truth = case.mask() if case.has_mask else None
    except BratsError as error:
        warnings.append(f"The mask is left alone: {error}".removesuffix("."))
    if truth is not None:
        warnings += [remark.sentence for remark in look(volumes, case.spacing, truth) if remark.about == "mask"]
    return display(case, volumes, truth, warnings)


def display(
    case: Case, volumes: dict[str, np.ndarray], truth: np.ndarray | None = None, warnings: Iterable[str] = ()
) -> Scan:
    """Decide how volumes of a case are displayed."""
    levels = {modality: window(volume) for modality, volume in volumes.items()}
    ranges = {
        modality: (min(float(volume.min()), levels[modality][0]), max(float(volume.max()), levels[modality][1]))
        for modality, volume in volumes.items()
    }
    box = brain_box(*volumes.values())
    return Scan(case, case.fingerprint(), volumes, levels, ranges, box, truth, tuple(warnings))


def segment(scan: Scan, network: str | Path | None = None) -> Prediction:
    """Segment a scan on its own grid; waits where somebody else's is being segmented.

    `network` is what `networks.open_network` takes. Errors are those of `brats predict`.
    """
    with ONE_AT_A_TIME:
        try:
            return segment_case(scan.case, network, scan.volumes)
        except MemoryError:
            raise too_large(scan.case) from None


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
