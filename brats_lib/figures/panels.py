"""Sheets of MR panels: where the panels go, and what is drawn in one.

Panels are placed in inches, so that slices of any shape fill a page of fixed width without white space.
"""

import textwrap

import numpy as np
from matplotlib import patheffects
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Patch, Rectangle

from brats_lib.figures.style import (
    AXIAL,
    DPI,
    WIDTH,
    Figure,
    label_image,
    label_legend,
    rgba,
    window,
)
from brats_lib.labels import BACKGROUND, COLOURS, ED, ET, NCR

__all__ = [
    "RADIOLOGICAL", "blank", "box_ratio", "caption", "dimmed", "fill", "frame", "header", "key", "mask_panel",
    "mr_panel", "note", "outline", "outline_labels", "overlay", "row_label", "sheet", "small_lines", "tint",
    "title_lines", "view", "zoom_box",
]  # fmt: skip

RADIOLOGICAL = "Radiological view: the patient's left (L) is on the viewer's right."
_MARGIN, _GAP, _HEAD, _NOTE, _LINE = 0.16, 0.10, 0.30, 0.23, 0.17


def header(fig, title, source, dark, note=""):
    """Write title and source on a figure and return the inches they take above and below."""
    width, height = fig.get_size_inches()
    lines, small = title_lines(title, width), small_lines(width, source, note)
    ink, faint = ("white", "#B8B8B8") if dark else ("#111111", "#5A5A5A")
    if lines:
        fig.text(_MARGIN / width, 1 - 0.14 / height, "\n".join(lines), va="top", color=ink, fontsize=14,
                 fontweight="bold", linespacing=1.25, gid="title", parse_math=False)  # fmt: skip
    fig.text(_MARGIN / width, 0.10 / height, "\n".join(small), va="bottom", color=faint, fontsize=8.5,
             linespacing=1.3, gid="source", parse_math=False)  # fmt: skip
    return _above(title, width), 0.14 + _LINE * len(small)


def title_lines(title, width):
    """A title broken into lines for a figure of some width in inches; none without a title."""
    return textwrap.wrap(title, int(7.8 * width)) if title else []


def small_lines(width, *parts):
    """Lines of small print at the foot of a figure of some width in inches."""
    return [line for part in parts if part for line in textwrap.wrap(part, int(13.8 * width))]


def _above(title, width):
    return 0.22 + 0.27 * len(title_lines(title, width)) if title else _MARGIN


def sheet(
    widths, heights, *, source, title=None, notes=1, legend=None, colourbar=None, left=0.0, captions=True, width=WIDTH
):
    """Make a black figure with a grid of empty panels that fill its width.

    Parameters
    ----------
    widths, heights : sequences of float
        Size of each column and row in one common unit (mm, voxels).
    source : str
        Where the images come from; printed small at the foot.
    title : str, optional
    notes : int
        Lines of small text that captions have below their heading.
    legend : sequence of int or of (str, str), optional
        Labels, or pairs of colour and text, explained at the foot.
    colourbar : (Colormap, str), optional
        A scale from 0 to 1 at the foot, and what it means.
    left : float
        Inches kept free for row labels.
    captions : bool or sequence of bool
        Whether the rows have captions.
    width : float
        Inches.

    Returns
    -------
    (Figure, array of Axes)
        The axes have shape (rows, columns).
    """
    rows, columns = len(heights), len(widths)
    captions = np.broadcast_to(captions, rows)
    scale = (width - 2 * _MARGIN - left - _GAP * (columns - 1)) / sum(widths)
    strip = _HEAD + _NOTE * notes
    small = len(small_lines(width, source, RADIOLOGICAL))
    below = 0.22 + _LINE * small + (0.36 if legend else 0) + (0.62 if colourbar else 0)
    below += 0.08 if legend and colourbar else 0
    height = _above(title, width) + scale * sum(heights) + _GAP * (rows - 1) + strip * captions.sum() + below
    fig = Figure(figsize=(width, height), dpi=DPI, facecolor="black")
    header(fig, title, source, dark=True, note=RADIOLOGICAL)
    axes = np.empty((rows, columns), object)
    top = height - _above(title, width)
    for row in range(rows):
        top -= strip * captions[row] + scale * heights[row]
        x = _MARGIN + left
        for column in range(columns):
            box = (x / width, top / height, scale * widths[column] / width, scale * heights[row] / height)
            axes[row, column] = fig.add_axes(box, facecolor="black")
            blank(axes[row, column])
            x += scale * widths[column] + _GAP
        top -= _GAP
    if legend:
        _foot_legend(fig, legend, (below - 0.20) / height)
    if colourbar:
        _foot_scale(fig, *colourbar, (below - (0.76 if legend else 0.32)) / height)
    return fig, axes


def _foot_legend(fig, legend, top):
    style = {
        "loc": "upper left", "bbox_to_anchor": (_MARGIN / fig.get_figwidth(), top), "ncols": len(legend),
        "labelcolor": "white", "borderaxespad": 0, "borderpad": 0, "handlelength": 1.2, "columnspacing": 1.6,
    }  # fmt: skip
    if isinstance(legend[0], tuple):
        patches = [Patch(facecolor=colour, edgecolor="#888888", linewidth=0.6) for colour, _ in legend]
        fig.legend(patches, [text for _, text in legend], **style)
    else:
        label_legend(fig, legend, **style)


def _foot_scale(fig, cmap, text, bottom):
    width, height = fig.get_size_inches()
    ax = fig.add_axes(((_MARGIN + 0.1) / width, bottom, 4.2 / width, 0.14 / height))
    ax.set_label("scale")
    bar = fig.colorbar(ScalarMappable(Normalize(0, 1), cmap), cax=ax, orientation="horizontal", ticks=(0, 0.5, 1))
    bar.outline.set_edgecolor("#888888")
    ax.tick_params(colors="white", labelsize=10, length=3)
    fig.text((_MARGIN + 4.6) / width, bottom + 0.07 / height, text, color="white", fontsize=11, va="center")


def blank(ax):
    """Take ticks and frame off an axes."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def caption(ax, heading, note="", colour="white", faint="#C4C4C4"):
    """Write a bold heading above a panel, and a line or two of explanation between them."""
    lines = note.count("\n") + 1 if note else 0
    offset = 72 * _NOTE * lines
    at = {"xy": (0, 1), "xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    ax.annotate(heading, xytext=(0, 4 + offset), color=colour, fontsize=13, fontweight="bold", gid="caption", **at)
    if note:
        ax.annotate(note, xytext=(0, 5), color=faint, fontsize=10.5, linespacing=1.2, **at)


def row_label(ax, text):
    """Write a row's name along the left edge of its first panel."""
    # The panel's place before its aspect shrinks it, so that the labels of all rows line up.
    place = ax.get_position(original=True)
    ax.figure.text(place.x0 - 0.1 / ax.figure.get_figwidth(), (place.y0 + place.y1) / 2, text, rotation=90, ha="right",
                   va="center", color="white", fontsize=11, fontweight="bold")  # fmt: skip


def box_ratio(box, plane=AXIAL, spacing=(1, 1, 1)):
    """Width and height in mm of a box seen in a plane."""
    return tuple((box[axis][1] - box[axis][0]) * spacing[axis] for axis in plane.in_plane)


def view(ax, box, plane=AXIAL, letters=True, spacing=(1, 1, 1)):
    """Show a box of the volume in a panel and mark the patient's directions at its edges."""
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
            note(ax, x, y, letter, ha=ha, va=va, gid="direction")


def note(ax, x, y, text, **kwargs):
    """Write inside a panel, legible on black and on bright tissue; `x` and `y` are fractions of the panel."""
    halo = [patheffects.withStroke(linewidth=2.2, foreground="black")]
    ax.text(x, y, text, transform=ax.transAxes, color="white", fontsize=9.5, path_effects=halo, **kwargs)


def mr_panel(ax, volume, index, box, plane=AXIAL, levels=None, letters=True, spacing=(1, 1, 1)):
    """Draw a slice in grey, windowed by the whole volume (or by given `levels`), cropped to a box."""
    low, high = levels or window(volume)
    ax.imshow(plane.cut(volume, index), cmap="gray", vmin=low, vmax=high, origin=plane.origin, interpolation="bicubic")
    view(ax, box, plane, letters, spacing)


def mask_panel(ax, mask, index, box, plane=AXIAL, letters=True):
    """Draw a slice of labels in their colours, background included."""
    ax.imshow(label_image(plane.cut(mask, index)), origin=plane.origin, interpolation="nearest")
    ax.set_facecolor(COLOURS[BACKGROUND])
    view(ax, box, plane, letters)


def outline(ax, region, colour, width=1.6, style="solid"):
    """Draw the border of a 2D boolean region; nothing if it is empty or everything."""
    if np.any(region) and not np.all(region):
        ax.contour(np.asarray(region, float), levels=[0.5], colors=[colour], linewidths=width, linestyles=style)


def overlay(ax, mask, index, plane=AXIAL, alpha=0.5):
    """Lay a slice of labels over a panel: filled, with a firm border; the background stays clear."""
    labels = plane.cut(mask, index)
    ax.imshow(label_image(labels, alpha, background=False), origin=plane.origin, interpolation="nearest")
    outline_labels(ax, labels)


def fill(ax, region, colour, alpha=0.35):
    """Tint a 2D boolean region and draw its border; nothing if it is empty."""
    if np.any(region):
        ax.contourf(np.asarray(region, float), levels=[0.5, 1.5], colors=[colour], alpha=alpha)
    outline(ax, region, colour)


def outline_labels(ax, labels, width=1.3):
    """Draw the border of each label of a 2D array; the core's last, for the rim around it shares that border."""
    for label in (ED, ET, NCR):
        outline(ax, labels == label, COLOURS[label], width)


def frame(ax, box):
    """Mark in an axial panel where the enlarged panel looks."""
    (left, right), (low, high) = box[:2]
    ax.add_patch(Rectangle((left - 0.5, low - 0.5), right - left, high - low, fill=False, edgecolor="white", lw=1.2))


def dimmed(volume):
    """Grey levels that leave even the brightest tissue subdued, so that colours laid over it stand out."""
    low, high = window(volume)
    return low, low + 1.6 * (high - low)


def tint(ax, strength, colour):
    """Colour a panel as strongly as an array (rows, columns) in 0-1 says."""
    image = np.broadcast_to(rgba(colour), (*strength.shape, 4)).copy()
    image[..., 3] = np.round(230 * strength)
    ax.imshow(image, origin="upper", interpolation="nearest")


def key(ax, rows, heading=""):
    """Fill a panel with a key: colour swatches, each with a name and a line below it.

    Parameters
    ----------
    ax : Axes
    rows : sequence of (str, str, str)
        Colour, name, line below.
    heading : str
    """
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.text(0.06, 0.93, heading, color="white", fontsize=13, fontweight="bold", va="top")
    step = min(0.2, 0.84 / max(len(rows), 1))
    for i, (colour, name, explanation) in enumerate(rows):
        y = 0.78 - i * step
        ax.add_patch(Rectangle((0.06, y - 0.05), 0.07, 0.055, facecolor=colour, edgecolor="#888888", linewidth=0.6))
        ax.text(0.17, y, name, color="white", fontsize=11.5, va="top", fontweight="bold")
        ax.text(0.17, y - 0.055, explanation, color="#D0D0D0", fontsize=10, va="top", linespacing=1.3)


def zoom_box(mask, z, box, half=None):
    """A square window of the axial plane around the tumour in slice `z`, kept inside `box`; the middle if none."""
    tumour = np.argwhere(np.asarray(mask)[:, :, z] != 0)
    if tumour.size:
        low, high = tumour.min(0), tumour.max(0) + 1
    else:
        low = high = np.array([(start + stop) // 2 for start, stop in box[:2]])
    widest = min(stop - start for start, stop in box[:2])
    size = min(widest, 2 * half if half else max(40, int((high - low).max()) + 16))
    spans = []
    for axis in range(2):
        start = int((low[axis] + high[axis]) // 2 - size // 2)
        start = min(max(start, box[axis][0]), box[axis][1] - size)
        spans.append((start, start + size))
    return (*spans, box[2])
