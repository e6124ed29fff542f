"""How every figure looks: fonts, colours, the planes of the body, and a figure that displays exactly once."""

import io
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib import figure as mpl_figure
from matplotlib.colors import to_rgba

from brats_lib.cases import brain
from brats_lib.labels import COLOURS, ED, ET, LABEL_NAMES, LABELS, LONG_NAMES, NCR

# By modality, in the order that figures show them.
Volumes = Mapping[str, np.ndarray]
# What matplotlib takes as keyword arguments.
Style = dict[str, Any]
# (start, stop) along each axis of a volume.
Box = tuple[tuple[int, int], ...]

WIDTH = 10.0  # inches
DPI = 110
MARGIN = 0.16  # inches left of a figure's texts and panels
# The labels that are tumour, in the order of legends.
TUMOUR = (NCR, ED, ET)
MODALITY_NAMES = {"flair": "FLAIR", "t1": "T1", "t1ce": "T1ce", "t2": "T2"}
# Okabe and Ito's palette (2008): distinguishable with every kind of colour vision, dark enough on white.
ACCENTS = {"blue": "#0072B2", "orange": "#D55E00", "green": "#007A5A", "purple": "#A0528B", "grey": "#6B6B6B"}
PROBABILITY = mpl.colormaps["magma"]

STYLE: Any = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so figures are the same on every machine
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "lines.linewidth": 2.0,
}


# A decorator: what a function draws is in the book's style, and the caller's settings stay as they are.
styled = mpl.rc_context(STYLE)


class Figure(mpl_figure.Figure):
    """A matplotlib figure that a notebook displays once, as the value of its cell.

    It is unknown to pyplot: nothing is left open, and the inline backend does not show it a second time.
    """

    @styled  # matplotlib makes ticks while it draws
    def draw(self, renderer: Any) -> None:
        super().draw(renderer)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi)
        return buffer.getvalue()


@dataclass(frozen=True)
class Plane:
    """One of the three planes of the body, and how an LPS volume is laid out in it.

    It is perpendicular to the volume's `axis`; `origin` is where row 0 of a cut is displayed. The `letters` are the
    directions of the patient at the panel's left, right, top and bottom edge: ``"RLAP"``.
    """

    name: str
    axis: int
    origin: Literal["upper", "lower"]
    letters: str

    @property
    def in_plane(self) -> tuple[int, int]:
        """The volume's axes along the panel's columns and rows."""
        columns, rows = (axis for axis in range(3) if axis != self.axis)
        return columns, rows

    def cut(self, volume: np.ndarray, index: int) -> np.ndarray:
        """The slice `index` of a volume (x, y, z) as rows and columns."""
        # A view: np.take would copy the whole volume first where its axes are not in C's order.
        return np.moveaxis(np.asarray(volume), self.axis, 0)[index].T


AXIAL = Plane("axial", 2, "upper", "RLAP")
CORONAL = Plane("coronal", 1, "lower", "RLSI")
SAGITTAL = Plane("sagittal", 0, "lower", "APSI")


def tumour_slice(mask: np.ndarray, axis: int = 2) -> int:
    """Index of the (first) slice with the largest tumour area along an axis; the middle where there is no tumour."""
    mask = np.asarray(mask) != 0
    areas = mask.sum(axis=tuple(other for other in range(mask.ndim) if other != axis))
    return int(areas.argmax()) if areas.any() else mask.shape[axis] // 2


def window(volume: np.ndarray) -> tuple[float, float]:
    """Grey levels shown black and white: 1st and 99.8th percentile of a volume's non-zero voxels; (0, 1) if none."""
    volume = np.asarray(volume)
    inside = volume[volume != 0]
    if not inside.size:
        return 0.0, 1.0
    low, high = np.percentile(inside, (1, 99.8))
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def brain_box(*volumes: np.ndarray, margin: int = 7) -> Box:
    """The box around the brain in all of some volumes, with a margin in voxels.

    The box is that of the volume, not of a slice, so that panels of one figure share scale and position.
    """
    try:
        box = brain.brain_box(*map(np.asarray, volumes), margin=margin)
    except ValueError:  # nothing but zeros
        return tuple((0, length) for length in np.shape(volumes[0]))
    return tuple((side.start, side.stop) for side in box)


def rgba(colour: str, alpha: float = 1.0) -> np.ndarray:
    """A colour as four integers in 0-255."""
    return np.round(255 * np.array(to_rgba(colour, alpha))).astype(np.uint8)


def label_image(labels: np.ndarray, alpha: float = 1.0, background: bool = True) -> np.ndarray:
    """Colour an array of labels (rows, columns) exactly as `COLOURS` says; uint8 RGBA (rows, columns, 4).

    `alpha` is the opacity of labelled pixels; label 0 is transparent without `background`. The result is of integers
    because matplotlib would round fractions down, to other colours.
    """
    image = np.zeros((*np.shape(labels), 4), np.uint8)
    for label in LABELS:
        if label or background:
            image[np.asarray(labels) == label] = rgba(COLOURS[label], alpha)
    return image


def modality_name(modality: str) -> str:
    """How a modality is written in a figure: ``"T1ce"`` for ``"t1ce"``."""
    return MODALITY_NAMES.get(modality, modality)


def label_colours(labels: Iterable[int] = TUMOUR) -> list[tuple[str, str]]:
    """Colour and name of each label, such as ``"ED, peritumoral edema"``, for the legend of a sheet."""
    names = {label: f"{name}, {LONG_NAMES[name]}" if label else name for label, name in LABEL_NAMES.items()}
    return [(COLOURS[label], names[label]) for label in labels]


def foot_lines(width: float, *parts: str) -> list[str]:
    """Lines of small print at the foot of a figure that is `width` inches wide."""
    return [line for part in parts for line in textwrap.wrap(part, int(13.8 * width))]


def write_foot(fig: Figure, colour: str, *parts: str) -> None:
    """Write small print at the foot of a figure, the source first."""
    width, height = fig.get_size_inches()
    style: Style = {"va": "bottom", "color": colour, "fontsize": 8.5, "linespacing": 1.3, "parse_math": False}
    fig.text(MARGIN / width, 0.10 / height, "\n".join(foot_lines(width, *parts)), gid="source", **style)
