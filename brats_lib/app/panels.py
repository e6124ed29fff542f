"""The panels of a view: which pictures are shown beside each other, each with a heading and alternative text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from brats_lib.app import drawing
from brats_lib.app.scans import PLANES, Scan
from brats_lib.figures.style import TUMOUR, Plane, modality_name
from brats_lib.labels import LONG_NAMES
from brats_lib.prediction.inference import Prediction

__all__ = ["Look", "Panel", "original", "overlay", "probability", "region_slab", "three_planes"]


@dataclass(frozen=True)
class Panel:
    """One picture on the page; `alt` is what is seen, for those who do not see it."""

    heading: str
    picture: np.ndarray
    alt: str


@dataclass(frozen=True)
class Look:
    """How labels are displayed: which, how opaque (0-1), on which modality, and whether with the true borders."""

    opacity: float = 0.45
    labels: tuple[int, ...] = TUMOUR
    truth: bool = False
    modality: str = "flair"


def _grey(scan, modality, cut):
    return drawing.grey(scan.volumes[modality], cut, scan.levels[modality])


def original(scan: Scan, modality: str, plane: Plane, index: int) -> Panel:
    """A slice of a modality as it was acquired."""
    name = modality_name(modality)
    picture = drawing.directions(_grey(scan, modality, scan.cut(plane, index)), plane)
    return Panel(name, picture, f"{plane.name} {name} slice {index} of {scan.case.name}")


def overlay(scan: Scan, mask: np.ndarray, plane: Plane, index: int, look: Look, heading: str = "Segmentation") -> Panel:
    """A slice with the labels of a mask laid over it."""
    picture = drawing.directions(_painted(scan, mask, plane, index, look), plane)
    name = modality_name(look.modality)
    alt = f"{plane.name} {name} slice {index} with tumour labels in colour: {heading}"
    return Panel(f"{heading} on {name}", picture, alt)


def _painted(scan, mask, plane, index, look):
    cut = scan.cut(plane, index)
    picture = _grey(scan, look.modality, cut)
    if mask is not None:
        picture = drawing.lay_over(picture, mask, cut, look.opacity, look.labels)
    if look.truth:
        picture = drawing.outline_truth(picture, scan.truth, cut)
    return picture


def _slab(volume, plane, index):
    """A slice of a volume as a volume that is one slice thick; a view."""
    return volume[(slice(None),) * plane.axis + (slice(index, index + 1),)]


def region_slab(prediction: Prediction, name: str, plane: Plane, index: int) -> np.ndarray:
    """Probability of a region in one slice, as a volume that is one slice thick.

    The region of a whole volume would be a sum over 9 million voxels for every move of a slider.
    """
    return replace(prediction, probabilities=_slab(prediction.probabilities, plane, index)).region(name)


def probability(scan: Scan, prediction: Prediction, name: str, plane: Plane, index: int) -> Panel:
    """The probability map of a region: WT, TC or ET."""
    slab, brain = region_slab(prediction, name, plane, index), _slab(scan.volumes["flair"], plane, index)
    picture = drawing.probability(slab, brain, scan.cut(plane, 0))
    alt = f"probability of {LONG_NAMES[name]} in {plane.name} slice {index}, from black (0) to pale yellow (1)"
    return Panel(f"P({name}), {LONG_NAMES[name]}", drawing.directions(picture, plane), alt)


def three_planes(scan: Scan, mask: np.ndarray | None, point: Sequence[int], look: Look) -> list[Panel]:
    """The axial, coronal and sagittal slice through one voxel, with cross hairs where the others cut."""
    panels = []
    for name, plane in PLANES.items():
        picture = drawing.directions(_painted(scan, mask, plane, point[plane.axis], look), plane)
        picture = drawing.cross_hairs(picture, plane, point, scan.box)
        alt = f"{name} slice {point[plane.axis]} with cross hairs at voxel {tuple(point)}"
        panels.append(Panel(name.capitalize(), picture, alt))
    return panels
