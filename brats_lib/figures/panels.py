"""Black sheets of MR panels: where the panels go, and what is drawn in one.

Panels are placed in inches, so that slices of any shape fill a page of fixed width without white space. A 2D `region`
is an array of bool (rows, columns), as `Plane.cut` makes it.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patches import Patch, Rectangle
from scipy import ndimage

from brats_lib.figures import style
from brats_lib.figures.style import AXIAL, MARGIN, WIDTH, Box, Figure, Plane, Style, Volumes, window
from brats_lib.labels import BACKGROUND, COLOURS, ED, ET, NCR

RADIOLOGICAL = "Radiological view: the patient's left (L) is on the viewer's right."
LEFT = 0.22  # inches that a row label takes
_GAP, _HEAD, _NOTE, _LINE = 0.10, 0.30, 0.23, 0.17


def sheet(
    widths: Sequence[float],
    heights: Sequence[float],
    source: str,
    *,
    notes: int = 0,
    captioned: Collection[int] | None = None,
    legend: Sequence[tuple[str, str]] = (),
    scale: str = "",
    left: float = 0.0,
    width: float = WIDTH,
) -> tuple[Figure, Any]:
    """Make a black figure with a grid of empty panels that fill its width; return it and its axes (rows, columns).

    `widths` and `heights` are the sizes of the columns and rows in one common unit (mm, voxels). All rows have captions
    unless those that do are `captioned`; `notes` says how many lines of small text captions have below their heading.
    At the foot are explained the `legend`, pairs of colour and text, and the `scale` of probabilities, by what they
    mean. Of the `width` of the figure in inches, `left` is free for row labels.
    """
    unit = (width - 2 * MARGIN - left - _GAP * (len(widths) - 1)) / sum(widths)
    captioned = range(len(heights)) if captioned is None else captioned
    below = 0.22 + _LINE * len(style.foot_lines(width, source, RADIOLOGICAL))
    below += (0.36 if legend else 0) + (0.62 if scale else 0) + (0.08 if legend and scale else 0)
    height = MARGIN + unit * sum(heights) + _GAP * (len(heights) - 1) + (_HEAD + _NOTE * notes) * len(captioned) + below
    fig = Figure(figsize=(width, height), dpi=style.DPI, facecolor="black")
    style.write_foot(fig, "#B8B8B8", source, RADIOLOGICAL)
    axes = np.empty((len(heights), len(widths)), object)
    bottom = height - MARGIN
    for row, high in enumerate(heights):
        bottom -= unit * high + (_HEAD + _NOTE * notes if row in captioned else 0)
        x = MARGIN + left
        for column, wide in enumerate(widths):
            place = (x / width, bottom / height, unit * wide / width, unit * high / height)
            axes[row, column] = fig.add_axes(place, facecolor="black", xticks=[], yticks=[])
            axes[row, column].spines[:].set_visible(False)
            x += unit * wide + _GAP
        bottom -= _GAP
    if legend:
        corner = (MARGIN / width, (below - 0.20) / height)
        patches = [Patch(facecolor=colour, edgecolor="#888888", linewidth=0.6, label=text) for colour, text in legend]
        spacing: Style = {"borderaxespad": 0, "borderpad": 0, "handlelength": 1.2, "columnspacing": 1.6}
        fig.legend(
            handles=patches, loc="upper left", bbox_to_anchor=corner, ncols=len(legend), labelcolor="white", **spacing
        )
    if scale:
        _explain_scale(fig, scale, (below - (0.76 if legend else 0.32)) / height)
    return fig, axes


def box_sheet(box: Box, rows: int, columns: int, source: str, **options: Any) -> tuple[Figure, Any]:
    """Make a `sheet` of equal panels that each show a box in the axial plane."""
    width, height = box_ratio(box)
    return sheet([width] * columns, [height] * rows, source, **options)


def _explain_scale(fig, text, bottom):
    width, height = fig.get_size_inches()
    ax = fig.add_axes(((MARGIN + 0.1) / width, bottom, 4.2 / width, 0.14 / height), label="scale")
    # From 0 to 1, as of a mappable without data.
    bar = fig.colorbar(ScalarMappable(cmap=style.PROBABILITY), cax=ax, orientation="horizontal", ticks=(0, 0.5, 1))
    bar.outline.set_edgecolor("#888888")
    ax.tick_params(colors="white", labelsize=10, length=3)
    fig.text((MARGIN + 4.6) / width, bottom + 0.07 / height, text, color="white", fontsize=11, va="center")


def caption(ax: Axes, heading: str, note: str = "") -> None:
    """Write a bold heading above a panel, and a line or two of explanation between them."""
    offset = 72 * _NOTE * (note.count("\n") + 1) if note else 0
    at: Style = {"xy": (0, 1), "xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    ax.annotate(heading, xytext=(0, 4 + offset), color="white", fontsize=13, fontweight="bold", gid="caption", **at)
    if note:
        ax.annotate(note, xytext=(0, 5), color="#C4C4C4", fontsize=10.5, linespacing=1.2, **at)


def captions(row: Sequence[Axes] | np.ndarray, *headings: str) -> None:
    """Write a heading above each panel of a row; none where it is empty."""
    for ax, heading in zip(row, headings, strict=True):
        if heading:
            caption(ax, heading)


def row_label(ax: Axes, text: str) -> None:
    """Write a row's name along the left edge of its first panel."""
    ax.set_ylabel(text, color="white", fontweight="bold")


def box_ratio(box: Box, plane: Plane = AXIAL) -> tuple[int, int]:
    """Width and height in voxels of a box seen in a plane."""
    (left, right), (low, high) = (box[axis] for axis in plane.in_plane)
    return right - left, high - low


def whole(volume: np.ndarray) -> Box:
    """The box of everything."""
    return tuple((0, length) for length in np.shape(volume))


def view(
    ax: Axes, box: Box, plane: Plane = AXIAL, letters: bool = True, spacing: tuple[float, ...] = (1, 1, 1)
) -> None:
    """Show a box of the volume in a panel and mark the patient's directions at its edges; `spacing` in mm."""
    (left, right), (low, high) = (box[axis] for axis in plane.in_plane)
    ax.set_xlim(left - 0.5, right - 0.5)
    rows = (low - 0.5, high - 0.5)
    ax.set_ylim(rows if plane.origin == "lower" else rows[::-1])
    columns_mm, rows_mm = (spacing[axis] for axis in plane.in_plane)
    ax.set_aspect(rows_mm / columns_mm)
    if letters:
        left_at, right_at = (0.015, 0.5, "left", "center"), (0.985, 0.5, "right", "center")
        top_at, bottom_at = (0.5, 0.99, "center", "top"), (0.5, 0.01, "center", "bottom")
        for letter, (x, y, ha, va) in zip(plane.letters, (left_at, right_at, top_at, bottom_at), strict=True):
            note(ax, letter, x, y, ha=ha, va=va, gid="direction")


def note(ax: Axes, text: str, x: float = 0.02, y: float = 0.985, va: str = "top", **options: Any) -> None:
    """Write inside a panel, legible on black and on bright tissue; `x` and `y` are fractions of the panel."""
    options |= {"path_effects": [patheffects.withStroke(linewidth=2.2, foreground="black")], "va": va}
    ax.text(x, y, text, transform=ax.transAxes, color="white", fontsize=9.5, **options)


def mr_panel(
    ax: Axes,
    volume: np.ndarray,
    index: int,
    box: Box,
    plane: Plane = AXIAL,
    levels: tuple[float, float] | None = None,
    letters: bool = True,
    spacing: tuple[float, ...] = (1, 1, 1),
) -> None:
    """Draw a slice in grey, windowed by the whole volume (or by given `levels`), cropped to a box."""
    low, high = levels or window(volume)
    ax.imshow(plane.cut(volume, index), cmap="gray", vmin=low, vmax=high, origin=plane.origin, interpolation="bicubic")
    view(ax, box, plane, letters, spacing)


def modality_panels(axes: Sequence[Axes] | np.ndarray, volumes: Volumes, z: int, box: Box) -> None:
    """Draw an axial slice in each of its modalities, under their names."""
    for ax, modality in zip(axes, volumes, strict=True):
        mr_panel(ax, volumes[modality], z, box)
        caption(ax, style.modality_name(modality))


def picture_panel(ax: Axes, image: np.ndarray, levels: tuple[float, float], letters: bool) -> None:
    """Draw the whole of a single axial slice (x, y) in grey."""
    volume = np.asarray(image, np.float32)[..., None]
    mr_panel(ax, volume, 0, whole(volume), levels=levels, letters=letters)


def mask_panel(ax: Axes, mask: np.ndarray, z: int, box: Box, letters: bool = True) -> None:
    """Draw an axial slice of labels in their colours, background included."""
    ax.imshow(style.label_image(AXIAL.cut(mask, z)), origin="upper", interpolation="nearest")
    ax.set_facecolor(COLOURS[BACKGROUND])
    view(ax, box, letters=letters)


def probability_panel(
    ax: Axes, probabilities: np.ndarray, volume: np.ndarray, z: int, box: Box, letters: bool = True
) -> None:
    """Draw an axial slice (x, y) of probabilities on the scale from 0 to 1, with the border of the volume's brain."""
    shown = np.asarray(probabilities, np.float32).T
    ax.imshow(shown, cmap=style.PROBABILITY, vmin=0, vmax=1, origin="upper", interpolation="nearest")
    outline(ax, ndimage.binary_fill_holes(AXIAL.cut(volume, z) != 0), "#8A8A8A", 0.8)
    view(ax, box, letters=letters)


def outline(ax: Axes, region: np.ndarray, colour: str, width: float = 1.6) -> None:
    """Draw the border of a 2D region; nothing if it is empty or everything."""
    if np.any(region) and not np.all(region):
        ax.contour(np.asarray(region, float), levels=[0.5], colors=[colour], linewidths=width)


def outline_labels(ax: Axes, labels: np.ndarray, width: float = 1.3) -> None:
    """Draw the border of each label of a 2D array; the core's last, for the rim around it shares that border."""
    for label in (ED, ET, NCR):
        outline(ax, labels == label, COLOURS[label], width)


def overlay(ax: Axes, mask: np.ndarray, z: int) -> None:
    """Lay an axial slice of labels over a panel: filled, with a firm border; the background stays clear."""
    labels = AXIAL.cut(mask, z)
    ax.imshow(style.label_image(labels, 0.5, background=False), origin="upper", interpolation="nearest")
    outline_labels(ax, labels)


def fill(ax: Axes, region: np.ndarray, colour: str) -> None:
    """Tint a 2D region and draw its border; nothing if it is empty."""
    tint(ax, 0.35 * np.asarray(region, np.float32), colour)
    outline(ax, region, colour)


def tint(ax: Axes, strength: np.ndarray, colour: str) -> None:
    """Colour a panel as strongly as an array (rows, columns) in 0-1 says."""
    image = np.broadcast_to(style.rgba(colour), (*strength.shape, 4)).copy()
    image[..., 3] = np.round(230 * strength)
    ax.imshow(image, origin="upper", interpolation="nearest")


def frame(ax: Axes, box: Box) -> None:
    """Mark in an axial panel where the enlarged panel looks."""
    (left, right), (low, high) = box[:2]
    ax.add_patch(Rectangle((left - 0.5, low - 0.5), right - left, high - low, fill=False, edgecolor="white", lw=1.2))


def dimmed(volume: np.ndarray) -> tuple[float, float]:
    """Grey levels that leave even the brightest tissue subdued, so that colours laid over it stand out."""
    low, high = window(volume)
    return low, low + 1.6 * (high - low)


def zoom_box(mask: np.ndarray, z: int, box: Box) -> Box:
    """A square window of the axial plane around the tumour in slice `z`, kept inside `box`; the middle if none."""
    tumour = np.argwhere(np.asarray(mask)[:, :, z] != 0)
    starts, stops = np.transpose(box[:2])
    low, high = (tumour.min(0), tumour.max(0) + 1) if tumour.size else ((starts + stops) // 2,) * 2
    size = min(*(stops - starts), max(40, (high - low).max() + 16))
    first = np.clip((low + high) // 2 - size // 2, starts, stops - size)
    return (*((int(start), int(start + size)) for start in first), box[2])
