"""What is gained: by more phantoms, by longer training, by each step of a recipe."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from brats_lib.figures.plots import (
    MEAN,
    REGION_MARKS,
    beside,
    foot_key,
    mark,
    need,
    plot_sheet,
    region_marks,
    regions_in,
    rows_only,
)
from brats_lib.figures.style import Figure, styled
from brats_lib.scores.summary import bootstrap_interval, spread

# What is plotted against, and what is held meanwhile.
HELD = {"phantoms": "minutes", "minutes": "phantoms"}
LABELS = {"phantoms": "phantoms in training", "minutes": "minutes of training"}
HEADINGS = {"phantoms": "More phantoms", "minutes": "Longer training"}
DOTTED = (0, (1, 1.5))


@styled
def transfer_curve(table: pd.DataFrame, source: str) -> Figure:
    """Plot Dice against the number of phantoms a network was trained on, and against minutes of training.

    Each panel holds the other quantity at its largest value, where the table has several of it for one point, and says
    so; a quantity that does not vary has no panel. The band spans the means of the lowest and highest seed; with one
    seed and a column ``case`` it is the 95 % bootstrap interval over cases.

    Parameters
    ----------
    table
        Columns phantoms, minutes, seed, region (WT, TC, ET) and dice; a row per training and region, or per case too
        with a column case. Trainings to be averaged have the same number of minutes.
    """
    need(table, ("phantoms", "minutes", "seed", "region", "dice"))
    regions = regions_in(table)
    # A quantity that was never varied has no curve.
    varied = [x for x in HELD if table[x].nunique() > 1] or ["phantoms"]
    fig, axes = plot_sheet(3.7, 1, len(varied), source=source, key=True, grid="y", sharey=True, squeeze=False)
    axes, key = axes[0], region_marks(regions)
    for ax, x in zip(axes, varied, strict=True):
        rows, held = _held(table, x, HELD[x])
        for name in regions:
            meaning = _curve(ax, rows[rows["region"] == name], x, name)
            if meaning:
                key[meaning] = Patch(color="#6B6B6B", alpha=0.25)
        ax.set(xlabel=LABELS[x], title=HEADINGS[x] + held)
        _log_ticks(ax, sorted(set(rows[x])))
    low = min(line.get_ydata().min() for ax in axes for line in ax.lines)
    axes[0].set(ylabel="Dice, mean over cases", ylim=(max(0, np.floor((low - 0.08) * 10) / 10), 1))
    foot_key(fig, key)
    return fig


def _held(table, x, other):
    """The rows of a panel, and what its heading says about the quantity that is held."""
    if table.groupby(x)[other].nunique().max() > 1:
        table = table[table[other] == table[other].max()]
    if table[other].nunique() > 1:
        return table, ""
    value = f"{table[other].iloc[0]:,.0f}"
    return table, f" ({value} {other.removesuffix('s') if value == '1' else other})"


def _curve(ax, rows, x, name):
    """Draw mean and band of a region; return what the band means."""
    colour, marker = REGION_MARKS[name]
    points = spread(rows.sort_values(x), by=(x,))
    at, mean, low, high = (points[column].to_numpy(float) for column in (x, "mean", "min", "max"))
    meaning = f"lowest to highest of {points['runs'].max()} seeds" if points["runs"].max() > 1 else None
    if meaning is None and "case" in rows and rows["case"].nunique() > 1:
        meaning = f"95 % interval over {rows['case'].nunique()} cases"
        low, high = np.transpose([bootstrap_interval(rows.loc[rows[x] == value, "dice"])[1:] for value in at])
    if meaning:
        ax.fill_between(at, low, high, color=colour, alpha=0.16, lw=0, gid=f"band {name}")
        # A band of one point has no width.
        ax.vlines(at, low, high, color=colour, lw=1.4, alpha=0.55)
    ax.plot(at, mean, color=colour, marker=marker, ms=7, gid=name, clip_on=False, zorder=4, **MEAN)
    return meaning


def _log_ticks(ax, values):
    """A logarithmic axis with a tick at each value; a linear one where a value is 0."""
    if min(values) > 0:
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(values, [f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}" for value in values])
    if len(values) > 1 and min(values) > 0:
        ax.set_xlim(values[0] / 1.15, values[-1] * 1.15)


@styled
def ablation(table: pd.DataFrame, source: str) -> Figure:
    """Plot Dice after each step of a recipe, a row per step, on each kind of data.

    Each region has a lane in the row: a mark for the mean over the seeds and a line from the lowest to the highest of
    them. Through the lanes go the values of the first row (dotted) and of the last (solid). The number at the right is
    the mean over regions and seeds.

    Parameters
    ----------
    table
        Columns step, data, region (WT, TC, ET), seed and dice, and case where there is a row per case; steps and kinds
        of data are drawn in order of appearance, under the names that they have.
    """
    need(table, ("step", "data", "region", "seed", "dice"))
    steps, kinds, regions = list(table["step"].unique()), table["data"].unique(), regions_in(table)
    points = spread(table, by=("data", "step", "region"))
    names = [textwrap.fill(str(step), 21) for step in steps]
    edges = np.cumsum([0, *(max(2, name.count("\n") + 1) for name in names)])
    centres = (edges[:-1] + edges[1:]) / 2
    # Narrower than other figures, so that the names of the steps can be read on a phone.
    fig, axes = plot_sheet(0.75 + 0.24 * edges[-1], 1, len(kinds), source=source, key=True, width=7.6,
                           sharex=True, sharey=True, squeeze=False)  # fmt: skip
    for ax, kind in zip(axes[0], kinds, strict=True):
        here = points[points["data"] == kind]
        for name, lane in zip(regions, np.linspace(-0.55, 0.55, len(regions)), strict=True):
            _lane(ax, here[here["region"] == name].set_index("step").reindex(steps), centres + lane, name)
        for step, centre in zip(steps, centres, strict=True):
            mean = here.loc[here["step"] == step, "mean"].mean()
            if np.isfinite(mean):
                weight = "bold" if step == steps[-1] else "normal"
                beside(ax, centre, f"{mean:.3f}", x=1.02, fontsize=10, fontweight=weight, gid="mean")
        ax.annotate("mean", (1.02, 1), xycoords="axes fraction", xytext=(0, 6), textcoords="offset points", fontsize=10,
                    color="#5A5A5A")  # fmt: skip
        for edge in edges[1:-1]:
            ax.axhline(edge, color="#E6E6E6", lw=0.8, zorder=0)
        ax.set(title=kind, xlabel="Dice")
        rows_only(ax)
    low, high = np.floor(points["min"].min() * 10 - 0.2) / 10, np.ceil(points["max"].max() * 10 + 0.2) / 10
    axes[0, 0].set_yticks(centres, names, fontsize=10.5)
    axes[0, 0].set(ylim=(edges[-1], 0), xlim=(max(0, low), min(1, high)))
    key = region_marks(regions, ls="none")
    if points["runs"].max() > 1:
        key[f"range of {points['runs'].max()} seeds"] = mark(color="#444444", lw=2.2, solid_capstyle="butt")
    rows = {"first row": mark(color="#444444", lw=1.4, ls=DOTTED), "last row": mark(color="#444444", lw=1.2)}
    foot_key(fig, key | rows)
    return fig


def _lane(ax, points, heights, name):
    """Draw a region's means and ranges, and the lines through the first and the last of them."""
    colour, marker = REGION_MARKS[name]
    mean = points["mean"].to_numpy(float)
    ends = (heights[0], heights[-1])
    ax.plot([mean[0]] * 2, ends, color=colour, lw=1.4, ls=DOTTED, alpha=0.6, zorder=1, gid="first row")
    ax.plot([mean[-1]] * 2, ends, color=colour, lw=1.2, alpha=0.45, zorder=1, gid="last row")
    ax.hlines(heights, points["min"], points["max"], color=colour, lw=2.2, zorder=3)
    ax.plot(mean, heights, marker, color=colour, ms=7.5, zorder=4, gid=name, clip_on=False, **MEAN)
