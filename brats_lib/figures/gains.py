"""What is gained: by more phantoms, by longer training, by each step of a recipe."""

import textwrap

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from brats_lib.figures.plots import REGION_MARKS, foot_key, need, plot_sheet, region_lines
from brats_lib.figures.style import styled
from brats_lib.labels import REGIONS
from brats_lib.scores.summary import bootstrap_interval, spread

__all__ = ["ablation", "transfer_curve"]

# What is plotted against, and what is held meanwhile.
HELD = {"phantoms": "minutes", "minutes": "phantoms"}


@styled
def transfer_curve(table, source, title=None):
    """Plot Dice against the number of phantoms a network was trained on, and against minutes of training.

    Each panel holds the other quantity at its largest value, where the table has several of it for one point, and says
    so; a quantity that does not vary has no panel. The band spans the means of the lowest and highest seed; with one
    seed and a column ``case`` it is the 95 % bootstrap interval over cases.

    Parameters
    ----------
    table : DataFrame
        Columns phantoms, minutes, seed, region (WT, TC, ET) and dice; a row per training and region, or per case too
        with a column case. Trainings to be averaged have the same number of minutes.
    source : str
        Where the data come from; printed at the foot.
    title : str, optional

    Returns
    -------
    Figure

    Raises
    ------
    BratsError
        If a column is missing, or as `metrics.summary.spread`.
    """
    need(table, ("phantoms", "minutes", "seed", "region", "dice"))
    regions = [name for name in REGIONS if name in set(table["region"])]
    # A quantity that was never varied has no curve.
    varied = [x for x in HELD if table[x].nunique() > 1] or ["phantoms"]
    fig, axes = plot_sheet(3.7, 1, len(varied), source=source, title=title, key=True, sharey=True, squeeze=False)
    axes, bands = axes[0], set()
    for ax, x in zip(axes, varied, strict=True):
        rows, held = _held(table, x, HELD[x])
        for name in regions:
            bands.add(_curve(ax, rows[rows["region"] == name], x, name))
        ax.set_xlabel({"phantoms": "phantoms in training", "minutes": "minutes of training"}[x])
        ax.set_title({"phantoms": "More phantoms", "minutes": "Longer training"}[x] + held)
        _log_ticks(ax, sorted(set(rows[x])))
        ax.grid(axis="y")
    axes[0].set_ylabel("Dice, mean over cases")
    low = min(line.get_ydata().min() for ax in axes for line in ax.lines)
    axes[0].set_ylim(max(0, np.floor((low - 0.08) * 10) / 10), 1)
    meanings = " / ".join(sorted(bands - {None}))
    handles, names = region_lines(regions)
    if meanings:
        handles, names = [*handles, Patch(color="#6B6B6B", alpha=0.25)], [*names, meanings]
    foot_key(fig, handles, names)
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
    ax.plot(at, mean, color=colour, marker=marker, ms=7, mec="white", mew=0.8, gid=name, clip_on=False, zorder=4)
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
def ablation(table, source, title=None):
    """Plot Dice after each step of a recipe, a row per step, on each kind of data.

    Each region has a lane in the row: a mark for the mean over the seeds and a line from the lowest to the highest of
    them. Through the lanes go the values of the first row (dotted) and of the last (solid). The number at the right is
    the mean over regions and seeds.

    Parameters
    ----------
    table : DataFrame
        Columns step, data, region (WT, TC, ET), seed and dice, and case where there is a row per case; steps and kinds
        of data are drawn in order of appearance, under the names that they have.
    source : str
    title : str, optional

    Returns
    -------
    Figure

    Raises
    ------
    BratsError
        If a column is missing, or as `metrics.summary.spread`.
    """
    need(table, ("step", "data", "region", "seed", "dice"))
    steps, kinds = (list(dict.fromkeys(table[column])) for column in ("step", "data"))
    regions = [name for name in REGIONS if name in set(table["region"])]
    points = spread(table, by=("data", "step", "region"))
    names = [textwrap.fill(str(step), 21) for step in steps]
    heights = [max(2, name.count("\n") + 1) for name in names]
    centres = np.cumsum(heights) - np.array(heights) / 2
    # Narrower than other figures, so that the names of the steps can be read on a phone.
    fig, axes = plot_sheet(0.75 + 0.24 * sum(heights), 1, len(kinds), source=source, title=title, key=True, width=7.6,
                           sharex=True, sharey=True, squeeze=False)  # fmt: skip
    for ax, kind in zip(axes[0], kinds, strict=True):
        here = points[points["data"] == kind]
        for name, lane in zip(regions, np.linspace(-0.55, 0.55, len(regions)), strict=True):
            of_region = here[here["region"] == name].set_index("step").reindex(steps)
            _lane(ax, of_region, centres + lane, name)
        for step, centre in zip(steps, centres, strict=True):
            mean = here.loc[here["step"] == step, "mean"].mean()
            if np.isfinite(mean):
                ax.annotate(f"{mean:.3f}", (1.02, centre), xycoords=("axes fraction", "data"), va="center", fontsize=10,
                            fontweight="bold" if step == steps[-1] else "normal", gid="mean")  # fmt: skip
        ax.annotate("mean", (1.02, 1), xycoords="axes fraction", xytext=(0, 6), textcoords="offset points", fontsize=10,
                    color="#5A5A5A")  # fmt: skip
        for edge in np.cumsum(heights)[:-1]:
            ax.axhline(edge, color="#E6E6E6", lw=0.8, zorder=0)
        ax.set_title(str(kind))
        ax.set_xlabel("Dice")
        ax.grid(axis="x")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    axes[0, 0].set_yticks(centres, names, fontsize=10.5)
    axes[0, 0].set_ylim(sum(heights), 0)
    low = max(0, np.floor(points["min"].min() * 10 - 0.2) / 10)
    axes[0, 0].set_xlim(low, min(1, np.ceil(points["max"].max() * 10 + 0.2) / 10))
    runs = points["runs"].max()
    handles, words = region_lines(regions, ls="none")
    if runs > 1:
        handles.append(Line2D([], [], color="#444444", lw=2.2, solid_capstyle="butt"))
        words.append(f"range of {runs} seeds")
    handles += [Line2D([], [], color="#444444", lw=1.4, ls=(0, (1, 1.5))), Line2D([], [], color="#444444", lw=1.2)]
    foot_key(fig, handles, [*words, "first row", "last row"])
    return fig


def _lane(ax, points, heights, name):
    colour, marker = REGION_MARKS[name]
    mean = points["mean"].to_numpy(float)
    ends = (heights[0], heights[-1])
    ax.plot([mean[0]] * 2, ends, color=colour, lw=1.4, ls=(0, (1, 1.5)), alpha=0.6, zorder=1, gid="first row")
    ax.plot([mean[-1]] * 2, ends, color=colour, lw=1.2, alpha=0.45, zorder=1, gid="last row")
    ax.hlines(heights, points["min"], points["max"], color=colour, lw=2.2, zorder=3)
    ax.plot(mean, heights, marker, color=colour, ms=7.5, mec="white", mew=0.8, zorder=4, gid=name, clip_on=False)
