"""How every figure looks: fonts, colours, the planes of the body, and a figure that displays exactly once.

MR panels are shown the radiological way, as if facing the patient: the patient's left is on the viewer's right.
"""

import functools
import io
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib import figure as mpl_figure
from matplotlib.colors import BoundaryNorm, ListedColormap, to_rgba
from matplotlib.patches import Patch

from brats_lib.cases import brain
from brats_lib.labels import COLOURS, ED, ET, LABEL_NAMES, LABELS, LONG_NAMES, NCR

__all__ = [
    "ACCENTS", "AXIAL", "CORONAL", "DPI", "Figure", "MODALITY_NAMES", "Plane", "SAGITTAL", "STYLE", "TUMOUR", "WIDTH",
    "axial", "brain_box", "coronal", "in_order", "label_cmap", "label_image", "label_legend", "long_name",
    "modality_name", "rgba", "sagittal", "styled", "tumour_slice", "use_style", "window",
]  # fmt: skip

WIDTH = 10.0  # inches
DPI = 110
# The labels that are tumour, in the order of legends.
TUMOUR = (NCR, ED, ET)
MODALITY_NAMES = {"flair": "FLAIR", "t1": "T1", "t1ce": "T1ce", "t2": "T2"}
# Okabe and Ito's palette (2008): distinguishable with every kind of colour vision, dark enough on white.
ACCENTS = {"blue": "#0072B2", "orange": "#D55E00", "green": "#007A5A", "purple": "#A0528B", "grey": "#6B6B6B"}

STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib, so figures are the same on every machine
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "lines.linewidth": 2.0,
    "figure.facecolor": "white",
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "savefig.facecolor": "auto",
    "image.cmap": "gray",
}


def use_style():
    """Give a notebook's own plots the look of the book's figures."""
    mpl.rcParams.update(STYLE)


def styled(draw):
    """Draw a figure in the book's style without touching the caller's settings."""

    @functools.wraps(draw)
    def wrapper(*args, **kwargs):
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapper


class Figure(mpl_figure.Figure):
    """A matplotlib figure that a notebook displays once, as the value of its cell.

    It is unknown to pyplot: nothing is left open, and the inline backend does not show it a second time. It knows
    how to display itself, so it does not matter whether pyplot was ever imported.
    """

    def draw(self, renderer):
        # matplotlib makes ticks while it draws, so the style must hold then too.
        with mpl.rc_context(STYLE):
            super().draw(renderer)

    def _repr_png_(self):
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi)
        return buffer.getvalue()


@dataclass(frozen=True)
class Plane:
    """One of the three planes of the body, and how an LPS volume is laid out in it.

    Attributes
    ----------
    name : str
    axis : int
        The volume's axis that the plane is perpendicular to.
    origin : {"upper", "lower"}
        Where row 0 of a cut is displayed.
    letters : str
        Direction of the patient at the panel's left, right, top and bottom edge: ``"RLAP"``.
    """

    name: str
    axis: int
    origin: str
    letters: str

    @property
    def in_plane(self):
        """The volume's axes along the panel's columns and rows."""
        return tuple(axis for axis in range(3) if axis != self.axis)

    def cut(self, volume, index):
        """The slice `index` of a volume (x, y, z) as rows and columns."""
        # A view: np.take would copy the whole volume first where its axes are not in C's order.
        return np.moveaxis(np.asarray(volume), self.axis, 0)[index].T


AXIAL = Plane("axial", 2, "upper", "RLAP")
CORONAL = Plane("coronal", 1, "lower", "RLSI")
SAGITTAL = Plane("sagittal", 0, "lower", "APSI")


def axial(volume, z):
    """Slice `z` of an LPS volume for ``imshow(..., origin="upper")``: front of the head up, patient's left right."""
    return AXIAL.cut(volume, z)


def coronal(volume, y):
    """Slice `y` of an LPS volume for ``imshow(..., origin="lower")``: top of the head up, patient's left right."""
    return CORONAL.cut(volume, y)


def sagittal(volume, x):
    """Slice `x` of an LPS volume for ``imshow(..., origin="lower")``: top of the head up, face to the left."""
    return SAGITTAL.cut(volume, x)


def tumour_slice(mask, axis=2):
    """Index of the slice with the largest tumour area; the middle slice where there is no tumour.

    Parameters
    ----------
    mask : array of int or bool, shape (x, y, z)
        Labels; everything but 0 is tumour.
    axis : int
        The axis to go along; 2 gives an axial slice.

    Returns
    -------
    int
        The first of the largest, if several are.
    """
    mask = np.asarray(mask) != 0
    areas = mask.sum(axis=tuple(other for other in range(mask.ndim) if other != axis))
    return int(areas.argmax()) if areas.any() else mask.shape[axis] // 2


def window(volume):
    """Grey-level window of a whole volume: 1st to 99.8th percentile of its non-zero voxels.

    Parameters
    ----------
    volume : array of float
        Intensities, 0 outside the brain.

    Returns
    -------
    (float, float)
        The levels shown black and white; (0, 1) for an empty volume.
    """
    volume = np.asarray(volume)
    inside = volume[volume != 0]
    if not inside.size:
        return 0.0, 1.0
    low, high = np.percentile(inside, (1, 99.8))
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def brain_box(*volumes, margin=7):
    """The box of `brain.brain_box`, with a margin, as (start, stop) of each axis.

    The box is that of the volume, not of a slice, so that panels of one figure share scale and position.
    """
    try:
        box = brain.brain_box(*map(np.asarray, volumes), margin=margin)
    except ValueError:  # nothing but zeros
        box = [slice(0, length) for length in np.shape(volumes[0])]
    return tuple((side.start, side.stop) for side in box)


def label_cmap():
    """The labels' colours for arrays of class indices 0-3.

    Returns
    -------
    (ListedColormap, BoundaryNorm)
    """
    return ListedColormap([COLOURS[label] for label in LABELS]), BoundaryNorm(np.arange(-0.5, len(LABELS)), len(LABELS))


def rgba(colour, alpha=1.0):
    """A colour as four integers in 0-255."""
    return np.round(255 * np.array(to_rgba(colour, alpha))).astype(np.uint8)


def label_image(labels, alpha=1.0, background=True):
    """Colour an array of labels, exactly as `COLOURS` says.

    Parameters
    ----------
    labels : array of int, shape (rows, columns)
        Labels 0, 1, 2, 4.
    alpha : float
        Opacity of the labelled pixels.
    background : bool
        Colour label 0 too; otherwise it is transparent.

    Returns
    -------
    array of uint8, shape (rows, columns, 4)
        Red, green, blue, opacity in 0-255; matplotlib would round fractions down, to other colours.
    """
    image = np.zeros((*np.shape(labels), 4), np.uint8)
    for label in LABELS:
        if label or background:
            image[np.asarray(labels) == label] = rgba(COLOURS[label], alpha)
    return image


def modality_name(modality):
    """How a modality is written in a figure: ``"T1ce"`` for ``"t1ce"``."""
    return MODALITY_NAMES.get(modality, modality)


def in_order(volumes):
    """The modalities of a case in the order FLAIR, T1, T1ce, T2."""
    return [name for name in MODALITY_NAMES if name in volumes]


def long_name(label):
    """``"ED, peritumoral edema"`` for a label or region name."""
    short = LABEL_NAMES.get(label, label)
    return short if LONG_NAMES[short] == short else f"{short}, {LONG_NAMES[short]}"


def label_legend(target, labels=TUMOUR, **kwargs):
    """Put a legend of label colours on an axes or figure.

    Parameters
    ----------
    target : Axes or Figure
    labels : sequence of int
        Labels to name, in order.
    **kwargs
        Passed to ``legend``.

    Returns
    -------
    Legend
    """
    patches = [Patch(facecolor=COLOURS[label], edgecolor="#888888", linewidth=0.6) for label in labels]
    return target.legend(patches, [long_name(label) for label in labels], **kwargs)
