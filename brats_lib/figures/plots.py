"""White sheets for curves, dots and diagrams, and what they have in common."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from brats_lib.figures.style import ACCENTS, DPI, MARGIN, WIDTH, Figure, Style, foot_lines, write_foot
from brats_lib.labels import REGIONS

# Colour and marker of the regions in curves. The colours of the labels are too pale for lines on white, so each region
# has the accent next to them, and a shape of its own for readers and printers without colour.
REGION_MARKS = {"WT": (ACCENTS["green"], "o"), "TC": (ACCENTS["blue"], "s"), "ET": (ACCENTS["orange"], "^")}
TICKS_ML = (0, 1, 3, 10, 30, 100, 300)
# The mark of a mean.
MEAN: Style = {"mec": "white", "mew": 0.8}
DICE = "Dice, mean of WT, TC and ET"


def regions_in(table: pd.DataFrame, of: Iterable[str] = REGIONS) -> list[str]:
    """The regions that a table has, in their usual order."""
    return [name for name in of if name in set(table["region"])]


def sheet(
    height: float,
    rows: int = 1,
    columns: int = 1,
    *,
    source: str,
    key: bool = False,
    grid: str = "",
    width: float = WIDTH,
    **options: Any,
) -> tuple[Figure, Any]:
    """Make a white figure with a grid of axes above the source, and return both.

    `height` is that of the axes in inches; `key` leaves room for `foot_key` between them and the source. Each axes has
    a `grid` along "x", "y" or none. Other options are passed to ``Figure.subplots``.
    """
    below = 0.36 + 0.17 * max(0, len(foot_lines(width, source)) - 1) + (0.34 if key else 0)
    total = 0.12 + height + below
    layout = ConstrainedLayoutEngine(rect=(0, below / total, 1, height / total), w_pad=0.12, h_pad=0.1)
    fig = Figure(figsize=(width, total), dpi=DPI, facecolor="white", layout=layout)
    write_foot(fig, "#5A5A5A", source)
    axes = fig.subplots(rows, columns, **options)
    for ax in np.ravel(axes) if grid else ():
        ax.grid(axis=grid)
    return fig, axes


def foot_key(fig: Figure, entries: Mapping[str, Artist]) -> None:
    """Explain marks in one line above the source of a sheet made with ``key=True``."""
    width, height = fig.get_size_inches()
    source = next(text for text in fig.texts if text.get_gid() == "source")
    place = (MARGIN / width, (0.22 + 0.17 * (source.get_text().count("\n") + 1)) / height)
    spacing: Style = {"borderpad": 0, "borderaxespad": 0, "columnspacing": 1.6, "handletextpad": 0.5}
    legend = fig.legend(
        list(entries.values()), list(entries), loc="lower left", bbox_to_anchor=place, ncols=len(entries), **spacing
    )
    legend.set_in_layout(False)


def mark(**style: Any) -> Line2D:
    """A line or marker for a key."""
    return Line2D([], [], **style)


def region_marks(regions: Iterable[str], **options: Any) -> dict[str, Artist]:
    """The marks of regions, for a key."""
    style = {"ms": 7.5} | MEAN | options
    return {name: mark(color=REGION_MARKS[name][0], marker=REGION_MARKS[name][1], **style) for name in regions}


def region_hue(regions: Sequence[str]) -> dict[str, Any]:
    """How seaborn tells regions apart by their colours and markers."""
    colours, markers = zip(*(REGION_MARKS[name] for name in regions), strict=True)
    return {"hue": "region", "hue_order": regions, "palette": list(colours), "markers": list(markers), "legend": False}


def dots(ax: Axes, position: float, values: np.ndarray, **options: Any) -> PathCollection:
    """Scatter values along x at a height, jittered a little, always alike, so that equal ones stay visible."""
    jitter = np.random.default_rng(0).uniform(-0.13, 0.13, len(values))
    style: Style = {"s": 30, "alpha": 0.75, "edgecolors": "white", "linewidths": 0.6, "zorder": 3} | options
    return ax.scatter(values, position + jitter, color=ACCENTS["blue"], **style)


def rows_only(ax: Axes) -> None:
    """Leave an axes with named rows, the grid across them and no line at their left."""
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def beside(ax: Axes, y: float, text: str, **style: Any) -> None:
    """Write at the right of an axes, at a height of its data."""
    ax.annotate(text, (1.015, y), xycoords=("axes fraction", "data"), va="center", **style)


def log_above_one(ax: Axes, limits: tuple[float, float], ticks: Sequence[int]) -> None:
    """Make the x axis logarithmic above 1 and linear below it, because a tumour may have none of a label."""
    ax.set_xscale("symlog", linthresh=1, linscale=0.4)
    ax.set_xlim(*limits)
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
