"""Black sheets of MR panels: where the panels go, and what is drawn in one.

Panels are placed in inches, so that slices of any shape fill a page of fixed width without white space. A 2D `region`
is an array of bool (rows, columns), as `Plane.cut` makes it.
"""

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.patches import Rectangle

from brats_lib.figures import style
from brats_lib.figures.style import AXIAL, MARGIN, WIDTH, Box, Figure, Plane, window
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
    colourbar: tuple[Colormap, str] | None = None,
    left: float = 0.0,
    width: float = WIDTH,
) -> tuple[Figure, np.ndarray]:
    """Make a black figure with a grid of empty panels that fill its width; return it and its axes (rows, columns).

    Parameters
    ----------
    widths, heights
        Size of each column and row in one common unit (mm, voxels).
    notes
        Lines of small text that captions have below their heading.
    captioned
        The rows that have captions; by default all.
    legend
        Pairs of colour and text, explained at the foot.
    colourbar
        A scale from 0 to 1 at the foot, and what it means.
    left, width
        Inches kept free for row labels, and of the whole figure.
    """
    rows, columns = len(heights), len(widths)
    scale = (width - 2 * MARGIN - left - _GAP * (columns - 1)) / sum(widths)
    strips = [_HEAD + _NOTE * notes if captioned is None or row in captioned else 0 for row in range(rows)]
    below = 0.22 + _LINE * len(style.foot_lines(width, source, RADIOLOGICAL))
    below += (0.36 if legend else 0) + (0.62 if colourbar else 0) + (0.08 if legend and colourbar else 0)
    height = MARGIN + scale * sum(heights) + _GAP * (rows - 1) + sum(strips) + below
    fig = Figure(figsize=(width, height), dpi=style.DPI, facecolor="black")
    style.write_foot(fig, "#B8B8B8", source, RADIOLOGICAL)
    axes = np.empty((rows, columns), object)
    top = height - MARGIN
    for row in range(rows):
        top -= strips[row] + scale * heights[row]
        x = MARGIN + left
        for column in range(columns):
            place = (x / width, top / height, scale * widths[column] / width, scale * heights[row] / height)
            axes[row, column] = fig.add_axes(place, facecolor="black", xticks=[], yticks=[])
            axes[row, column].spines[:].set_visible(False)
            x += scale * widths[column] + _GAP
        top -= _GAP
    if legend:
        place = (MARGIN / width, (below - 0.20) / height)
        style.colour_legend(fig, legend, loc="upper left", bbox_to_anchor=place, columnspacing=1.6)
    if colourbar:
        _foot_scale(fig, *colourbar, (below - (0.76 if legend else 0.32)) / height)
    return fig, axes


def box_sheet(box: Box, rows: int, columns: int, source: str, **options) -> tuple[Figure, np.ndarray]:
    """Make a `sheet` of equal panels that each show a box in the axial plane."""
    width, height = box_ratio(box)
    return sheet([width] * columns, [height] * rows, source, **options)


def _foot_scale(fig, cmap, text, bottom):
    width, height = fig.get_size_inches()
    ax = fig.add_axes(((MARGIN + 0.1) / width, bottom, 4.2 / width, 0.14 / height), label="scale")
    bar = fig.colorbar(ScalarMappable(Normalize(0, 1), cmap), cax=ax, orientation="horizontal", ticks=(0, 0.5, 1))
    bar.outline.set_edgecolor("#888888")
    ax.tick_params(colors="white", labelsize=10, length=3)
    fig.text((MARGIN + 4.6) / width, bottom + 0.07 / height, text, color="white", fontsize=11, va="center")


def caption(ax: Axes, heading: str, note: str = "") -> None:
    """Write a bold heading above a panel, and a line or two of explanation between them."""
    offset = 72 * _NOTE * (note.count("\n") + 1) if note else 0
    at = {"xy": (0, 1), "xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    ax.annotate(heading, xytext=(0, 4 + offset), color="white", fontsize=13, fontweight="bold", gid="caption", **at)
    if note:
        ax.annotate(note, xytext=(0, 5), color="#C4C4C4", fontsize=10.5, linespacing=1.2, **at)


def captions(row: Sequence[Axes] | np.ndarray, *headings: str) -> None:
    """Write a heading above each panel of a row."""
    for ax, heading in zip(row, headings, strict=True):
        caption(ax, heading)


def row_label(ax: Axes, text: str) -> None:
    """Write a row's name along the left edge of its first panel."""
    # The panel's place before its aspect shrinks it, so that the labels of all rows line up.
    place = ax.get_position(original=True)
    ax.figure.text(place.x0 - 0.1 / ax.figure.get_figwidth(), (place.y0 + place.y1) / 2, text, rotation=90, ha="right",
                   va="center", color="white", fontsize=11, fontweight="bold")  # fmt: skip


def box_ratio(box: Box, plane: Plane = AXIAL) -> tuple[int, int]:
    """Width and height in voxels of a box seen in a plane."""
    return tuple(box[axis][1] - box[axis][0] for axis in plane.in_plane)


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
        places = ((0.015, 0.5, "left", "center"), (0.985, 0.5, "right", "center"),
                  (0.5, 0.99, "center", "top"), (0.5, 0.01, "center", "bottom"))  # fmt: skip
        for letter, (x, y, ha, va) in zip(plane.letters, places, strict=True):
            note(ax, letter, x, y, ha=ha, va=va, gid="direction")


def note(ax: Axes, text: str, x: float = 0.02, y: float = 0.985, va: str = "top", **options) -> None:
    """Write inside a panel, legible on black and on bright tissue; `x` and `y` are fractions of the panel."""
    halo = [patheffects.withStroke(linewidth=2.2, foreground="black")]
    ax.text(x, y, text, transform=ax.transAxes, color="white", fontsize=9.5, path_effects=halo, va=va, **options)


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


def picture_panel(ax: Axes, image: np.ndarray, levels: tuple[float, float], letters: bool) -> None:
    """Draw the whole of a single axial slice (x, y) in grey."""
    volume = np.asarray(image, np.float32)[..., None]
    mr_panel(ax, volume, 0, whole(volume), levels=levels, letters=letters)


def mask_panel(ax: Axes, mask: np.ndarray, z: int, box: Box, letters: bool = True) -> None:
    """Draw an axial slice of labels in their colours, background included."""
    ax.imshow(style.label_image(AXIAL.cut(mask, z)), origin="upper", interpolation="nearest")
    ax.set_facecolor(COLOURS[BACKGROUND])
    view(ax, box, letters=letters)


def probability_panel(ax: Axes, probabilities: np.ndarray, box: Box, letters: bool = True) -> None:
    """Draw an axial slice of probabilities (rows, columns) on the scale from 0 to 1."""
    ax.imshow(probabilities, cmap=style.PROBABILITY, vmin=0, vmax=1, origin="upper", interpolation="nearest")
    view(ax, box, letters=letters)


def outline(ax: Axes, region: np.ndarray, colour: str, width: float = 1.6) -> None:
    """Draw the border of a 2D region; nothing if it is empty or everything."""
    if np.any(region) and not np.all(region):
        ax.contour(np.asarray(region, float), levels=[0.5], colors=[colour], linewidths=width)


def overlay(ax: Axes, mask: np.ndarray, z: int) -> None:
    """Lay an axial slice of labels over a panel: filled, with a firm border; the background stays clear."""
    labels = AXIAL.cut(mask, z)
    ax.imshow(style.label_image(labels, 0.5, background=False), origin="upper", interpolation="nearest")
    outline_labels(ax, labels)


def fill(ax: Axes, region: np.ndarray, colour: str) -> None:
    """Tint a 2D region and draw its border; nothing if it is empty."""
    if np.any(region):
        ax.contourf(np.asarray(region, float), levels=[0.5, 1.5], colors=[colour], alpha=0.35)
    outline(ax, region, colour)


def outline_labels(ax: Axes, labels: np.ndarray, width: float = 1.3) -> None:
    """Draw the border of each label of a 2D array; the core's last, for the rim around it shares that border."""
    for label in (ED, ET, NCR):
        outline(ax, labels == label, COLOURS[label], width)


def frame(ax: Axes, box: Box) -> None:
    """Mark in an axial panel where the enlarged panel looks."""
    (left, right), (low, high) = box[:2]
    ax.add_patch(Rectangle((left - 0.5, low - 0.5), right - left, high - low, fill=False, edgecolor="white", lw=1.2))


def dimmed(volume: np.ndarray) -> tuple[float, float]:
    """Grey levels that leave even the brightest tissue subdued, so that colours laid over it stand out."""
    low, high = window(volume)
    return low, low + 1.6 * (high - low)


def tint(ax: Axes, strength: np.ndarray, colour: str) -> None:
    """Colour a panel as strongly as an array (rows, columns) in 0-1 says."""
    image = np.broadcast_to(style.rgba(colour), (*strength.shape, 4)).copy()
    image[..., 3] = np.round(230 * strength)
    ax.imshow(image, origin="upper", interpolation="nearest")


def zoom_box(mask: np.ndarray, z: int, box: Box) -> Box:
    """A square window of the axial plane around the tumour in slice `z`, kept inside `box`; the middle if none."""
    tumour = np.argwhere(np.asarray(mask)[:, :, z] != 0)
    if tumour.size:
        low, high = tumour.min(0), tumour.max(0) + 1
    else:
        low = high = np.array([(start + stop) // 2 for start, stop in box[:2]])
    size = min(*(stop - start for start, stop in box[:2]), max(40, int((high - low).max()) + 16))
    spans = []
    for axis, (first, last) in enumerate(box[:2]):
        start = min(max(int((low[axis] + high[axis]) // 2 - size // 2), first), last - size)
        spans.append((start, start + size))
    return (*spans, box[2])
