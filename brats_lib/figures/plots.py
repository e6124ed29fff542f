"""White sheets for curves, dots and diagrams."""

import numpy as np
from matplotlib.lines import Line2D

from brats_lib.errors import BratsError
from brats_lib.figures.panels import header, small_lines, title_lines
from brats_lib.figures.style import ACCENTS, DPI, WIDTH, Figure

__all__ = ["REGION_MARKS", "dots", "foot_key", "need", "plot_sheet", "region_lines"]

# Colour and marker of the regions in curves. The colours of the labels are too pale for lines on white, so each region
# has the accent next to them, and a shape of its own for readers and printers without colour.
REGION_MARKS = {"WT": (ACCENTS["green"], "o"), "TC": (ACCENTS["blue"], "s"), "ET": (ACCENTS["orange"], "^")}


def need(table, columns):
    """Refuse a table without rows or without one of the columns."""
    missing = [name for name in columns if name not in table]
    if missing or not len(table):
        found = f"there is no column '{missing[0]}'" if missing else "there are no rows"
        raise BratsError("table for a figure", found, f"columns {', '.join(columns)}", "Complete the table")


def plot_sheet(height, rows=1, columns=1, *, source, title=None, key=False, width=WIDTH, **options):
    """Make a white figure with axes between a title and the source.

    Parameters
    ----------
    height : float
        Inches for the axes; title and source come on top of it.
    rows, columns : int
        Number of axes.
    source : str
        Printed small at the foot.
    title : str, optional
    key : bool
        Leave room for `foot_key` between the axes and the source.
    width : float
        Inches.
    **options
        Passed to ``Figure.subplots``.

    Returns
    -------
    (Figure, Axes or array of Axes)
    """
    above = 0.22 + 0.27 * len(title_lines(title, width)) if title else 0.12
    below = 0.36 + 0.17 * max(0, len(small_lines(width, source)) - 1)
    below += 0.34 if key else 0
    total = above + height + below
    fig = Figure(figsize=(width, total), dpi=DPI, facecolor="white", layout="constrained")
    fig.get_layout_engine().set(rect=(0, below / total, 1, height / total), w_pad=0.12, h_pad=0.1)
    header(fig, title, source, dark=False)
    return fig, fig.subplots(rows, columns, **options)


def foot_key(fig, handles, names):
    """Explain marks in one line above the source of a sheet made with ``key=True``."""
    width, height = fig.get_size_inches()
    source = next(text for text in fig.texts if text.get_gid() == "source")
    bottom = 0.22 + 0.17 * (source.get_text().count("\n") + 1)
    legend = fig.legend(handles, names, loc="lower left", bbox_to_anchor=(0.16 / width, bottom / height), borderpad=0,
                        ncols=len(names), borderaxespad=0, columnspacing=1.6, handletextpad=0.5)  # fmt: skip
    legend.set_in_layout(False)
    return legend


def region_lines(regions, **options):
    """Handles and names that explain the marks of regions in a key."""
    marks = [REGION_MARKS[name] for name in regions]
    style = {"ms": 7.5, "mec": "white", "mew": 0.8} | options
    return [Line2D([], [], color=colour, marker=marker, **style) for colour, marker in marks], list(regions)


def dots(ax, position, values, colour, seed=0, spread=0.13, **options):
    """Scatter values along x at a height, jittered a little so that equal ones stay visible."""
    values = np.asarray(values, float)
    jitter = np.random.default_rng(seed).uniform(-spread, spread, values.size)
    style = {"s": 30, "alpha": 0.75, "edgecolors": "white", "linewidths": 0.6, "zorder": 3} | options
    return ax.scatter(values, position + jitter, color=colour, **style)
