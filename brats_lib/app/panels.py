"""The panels of a view: which pictures are shown beside each other, each with a heading and alternative text."""

from dataclasses import dataclass, replace

import numpy as np

from brats_lib.app import drawing
from brats_lib.app.scans import PLANES
from brats_lib.figures.style import TUMOUR, modality_name
from brats_lib.labels import LONG_NAMES

__all__ = ["Look", "Panel", "original", "overlay", "probability", "region_slab", "three_planes"]


@dataclass(frozen=True)
class Panel:
    """One picture on the page.

    Attributes
    ----------
    heading : str
    picture : array of uint8, shape (rows, columns, 3)
    alt : str
        What is seen, for those who do not see it.
    """

    heading: str
    picture: np.ndarray
    alt: str


@dataclass(frozen=True)
class Look:
    """How labels are displayed.

    Attributes
    ----------
    opacity : float
        0-1.
    labels : tuple of int
        Which labels are drawn.
    truth : bool
        Whether the true borders are drawn, where they are known.
    modality : {"flair", "t1ce"}
        What labels are laid over.
    """

    opacity: float = 0.45
    labels: tuple = TUMOUR
    truth: bool = False
    modality: str = "flair"


def _grey(scan, modality, plane, index):
    return drawing.grey(scan.volumes[modality], plane, index, scan.box, scan.levels[modality], scan.spacing)


def original(scan, modality, plane, index):
    """A slice of a modality as it was acquired.

    Parameters
    ----------
    scan : brats_lib.app.scans.Scan
    modality : {"flair", "t1ce"}
    plane : brats_lib.figures.style.Plane
    index : int

    Returns
    -------
    Panel
    """
    name = modality_name(modality)
    picture = drawing.directions(_grey(scan, modality, plane, index), plane)
    return Panel(name, picture, f"{plane.name} {name} slice {index} of {scan.case.name}")


def overlay(scan, mask, plane, index, look, heading="Segmentation"):
    """A slice with labels laid over it.

    Parameters
    ----------
    scan : brats_lib.app.scans.Scan
    mask : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    plane : brats_lib.figures.style.Plane
    index : int
    look : Look
    heading : str

    Returns
    -------
    Panel
    """
    picture = _painted(scan, mask, plane, index, look)
    name = modality_name(look.modality)
    alt = f"{plane.name} {name} slice {index} with tumour labels in colour: {heading}"
    return Panel(f"{heading} on {name}", drawing.directions(picture, plane), alt)


def _painted(scan, mask, plane, index, look):
    picture = _grey(scan, look.modality, plane, index)
    if mask is not None:
        picture = drawing.lay_over(picture, mask, plane, index, scan.box, scan.spacing, look.opacity, look.labels)
    if look.truth and scan.truth is not None:
        picture = drawing.outline_truth(picture, scan.truth, plane, index, scan.box, scan.spacing)
    return picture


def _slab(volume, plane, index):
    """A slice of a volume as a volume that is one slice thick; a view."""
    return volume[(slice(None),) * plane.axis + (slice(index, index + 1),)]


def region_slab(prediction, name, plane, index):
    """Probability of a region in one slice, as a volume that is one slice thick.

    The region of a whole volume would be a sum over 9 million voxels for every move of a slider.

    Parameters
    ----------
    prediction : brats_lib.prediction.inference.Prediction
    name : {"WT", "TC", "ET"}
    plane : brats_lib.figures.style.Plane
    index : int

    Returns
    -------
    array of float16, shape (x, y, z), one of them 1
    """
    return replace(prediction, probabilities=_slab(prediction.probabilities, plane, index)).region(name)


def probability(scan, prediction, name, plane, index):
    """The probability map of a region.

    Parameters
    ----------
    scan : brats_lib.app.scans.Scan
    prediction : brats_lib.prediction.inference.Prediction
    name : {"WT", "TC", "ET"}
    plane : brats_lib.figures.style.Plane
    index : int

    Returns
    -------
    Panel
    """
    slab = region_slab(prediction, name, plane, index)
    brain = _slab(scan.volumes["flair"], plane, index)
    picture = drawing.probability(slab, brain, plane, 0, scan.box, scan.spacing)
    alt = f"probability of {LONG_NAMES[name]} in {plane.name} slice {index}, from black (0) to pale yellow (1)"
    return Panel(f"P({name}), {LONG_NAMES[name]}", drawing.directions(picture, plane), alt)


def three_planes(scan, mask, point, look):
    """The three planes through one point, with cross hairs where the others cut.

    Parameters
    ----------
    scan : brats_lib.app.scans.Scan
    mask : array of int, shape (x, y, z), or None
    point : tuple of int
        Voxel (x, y, z).
    look : Look

    Returns
    -------
    list of Panel
        Axial, coronal, sagittal.
    """
    panels = []
    for name, plane in PLANES.items():
        picture = drawing.directions(_painted(scan, mask, plane, point[plane.axis], look), plane)
        picture = drawing.cross_hairs(picture, plane, point, scan.box)
        alt = f"{name} slice {point[plane.axis]} with cross hairs at voxel {tuple(point)}"
        panels.append(Panel(name.capitalize(), picture, alt))
    return panels
