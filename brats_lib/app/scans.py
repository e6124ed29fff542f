"""A case ready to be looked at: arrays in memory, grey levels and the box of the brain decided once."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from brats_lib.app.opening import NEEDED
from brats_lib.cases.audit.images import look
from brats_lib.cases.case import voxel_hash
from brats_lib.cases.intake import receive
from brats_lib.errors import BratsError
from brats_lib.figures.style import AXIAL, CORONAL, SAGITTAL, brain_box, tumour_slice, window

__all__ = ["PLANES", "Scan", "clamp", "open_scan", "point_at", "start_slices", "zoom_box"]

PLANES = {plane.name: plane for plane in (AXIAL, CORONAL, SAGITTAL)}


@dataclass(frozen=True)
class Scan:
    """What is displayed of one case.

    Attributes
    ----------
    case : brats_lib.cases.Case
        Where it came from.
    fingerprint : str
        Of the case's files; two scans with the same are the same.
    volumes : dict of str to array of float32, shape (x, y, z)
        FLAIR and T1ce, in LPS.
    levels : dict of str to (float, float)
        Grey-level window of each volume: what is shown black and what is shown white.
    ranges : dict of str to (float, float)
        The widest window of each volume, from its smallest to its largest value.
    box : tuple of (int, int)
        Start and stop of the brain along x, y, z. It is that of the volume, so that nothing jumps between slices.
    truth : array of uint8, shape (x, y, z), or None
        Labels, where the case has a mask.
    warnings : tuple of str
        What is unusual about the images, as `brats predict` says it, and about the mask, as `brats audit` does.
    """

    case: object
    fingerprint: str
    volumes: dict
    levels: dict
    ranges: dict
    box: tuple
    truth: np.ndarray | None
    warnings: tuple = ()

    @cached_property
    def flair_hash(self):
        """By which networks know whether they learnt from it."""
        return voxel_hash(self.volumes["flair"])

    @property
    def shape(self):
        """Size (x, y, z) in voxels."""
        return self.case.shape

    @property
    def spacing(self):
        """Voxel size along x, y, z in mm."""
        return self.case.spacing


def open_scan(case):
    """Read a case, with the checks of `brats predict`.

    Parameters
    ----------
    case : brats_lib.cases.Case

    Returns
    -------
    Scan

    Raises
    ------
    BratsError
        If FLAIR or T1ce is missing, a file cannot be read, files disagree in grid, or it is no brain without its skull.
    """
    case = replace(case)  # it remembers a header, and the file may have been edited since
    volumes, warnings = receive(case, NEEDED)
    levels = {modality: window(volume) for modality, volume in volumes.items()}
    ranges = {
        modality: (min(float(volume.min()), levels[modality][0]), max(float(volume.max()), levels[modality][1]))
        for modality, volume in volumes.items()
    }
    try:
        truth = case.mask() if case.has_mask else None
    except BratsError as error:
        truth = None
        warnings.append(f"The mask is left alone: {error}".removesuffix("."))
    if truth is not None:
        warnings += [remark.sentence for remark in look(volumes, case.spacing, truth) if remark.about == "mask"]
    box = brain_box(*volumes.values())
    return Scan(case, case.fingerprint(), volumes, levels, ranges, box, truth, tuple(warnings))


def start_slices(scan, mask=None):
    """Where to look first: the slice of each axis with the most tumour, else the middle of the brain.

    Parameters
    ----------
    scan : Scan
    mask : array of int, shape (x, y, z), optional
        Labels.

    Returns
    -------
    tuple of int
        A slice along x, y, z.
    """
    if mask is None or not np.any(mask):
        return tuple((start + stop) // 2 for start, stop in scan.box)
    return tuple(tumour_slice(mask, axis) for axis in range(3))


def clamp(index, length):
    """An index kept within an axis; a slider needs two places even where there is one slice."""
    return max(0, min(int(index), length - 1))


def zoom_box(box, point, factor):
    """The part of a box that is in sight when it is enlarged: around a point, and within the box.

    Parameters
    ----------
    box : tuple of (int, int)
        Start and stop along x, y, z.
    point : sequence of int
        Voxel x, y, z.
    factor : int
        At least 1, which is the box itself.

    Returns
    -------
    tuple of (int, int)
        Start and stop along x, y, z.
    """
    shown = []
    for (start, stop), at in zip(box, point, strict=True):
        length = max(1, round((stop - start) / factor))
        first = max(start, min(at - length // 2, stop - length))
        shown.append((first, first + length))
    return tuple(shown)


def point_at(plane, box, point, across, down):
    """The voxel at a place of a picture.

    Parameters
    ----------
    plane : brats_lib.figures.style.Plane
    box : tuple of (int, int)
        What the picture shows of the volume, as start and stop along x, y, z.
    point : sequence of int
        Voxel x, y, z in the slice of the picture.
    across, down : float
        From the picture's left and top edge, 0-1.

    Returns
    -------
    list of int
        Voxel x, y, z.
    """
    voxel = list(point)
    for axis, share in zip(plane.in_plane, (across, 1 - down if plane.origin == "lower" else down), strict=True):
        start, stop = box[axis]
        voxel[axis] = int(start + share * (stop - start))
    return voxel
