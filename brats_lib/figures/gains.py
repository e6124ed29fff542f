"""What is gained, and at what cost: by longer training, by each step of a recipe, by each system."""

import textwrap
from collections.abc import Collection

import numpy as np
import pandas as pd
import seaborn
from matplotlib.patches import Patch

from brats_lib.figures import plots
from brats_lib.figures.style import Figure, Style, styled
from brats_lib.scores.summary import bootstrap_interval

DOTTED = (0, (1, 1.5))


@styled
def transfer_curve(table: pd.DataFrame, source: str) -> Figure:
    """Plot Dice on patients against the epochs of a training on phantoms.

    The band spans the means of the lowest and highest seed; with one seed it is the 95 % bootstrap interval over cases.
    The table has columns epochs, seed, case, region (WT, TC, ET) and dice.
    """
    regions, seeds = plots.regions_in(table), table["seed"].nunique()
    meaning = f"95 % interval over {table['case'].nunique()} cases"
    if seeds > 1:
        meaning = f"lowest to highest of {seeds} seeds"
        table = table.groupby(["epochs", "region", "seed"])["dice"].mean().reset_index()
    errorbar = ("pi", 100) if seeds > 1 else lambda dice: bootstrap_interval(dice)[1:]
    fig, ax = plots.sheet(3.7, source=source, key=True, grid="y")
    seaborn.lineplot(
        table, x="epochs", y="dice", style="region", style_order=regions, dashes=False, errorbar=errorbar, ax=ax, ms=7,
        **plots.region_hue(regions), **plots.MEAN,
    )  # fmt: skip
    ax.set(xscale="log", xlabel="epochs of training", ylabel="Dice, mean over cases")
    epochs = table["epochs"].unique()
    ax.set_xticks(epochs, epochs)
    ax.minorticks_off()
    lowest = min(line.get_ydata().min() for line in ax.lines)
    ax.set_ylim(max(0, np.floor((lowest - 0.08) * 10) / 10), 1)
    plots.foot_key(fig, plots.region_marks(regions) | {meaning: Patch(color="#6B6B6B", alpha=0.25)})
    return fig


@styled
def ablation(table: pd.DataFrame, source: str) -> Figure:
    """Plot Dice after each step of a recipe, a row per step, on each kind of data.

    Each region has a mark for the mean over the seeds and a line from the lowest to the highest of them. Lines go
    through the values of the first row (dotted) and of the last (solid). The number at the right is the mean over
    regions and seeds.

    The table has columns step, data, region (WT, TC, ET), seed and dice, and case where there is a row per case; steps
    and kinds of data are drawn in order of appearance, under the names that they have.
    """
    regions, steps, kinds = plots.regions_in(table), list(table["step"].unique()), table["data"].unique()
    points = table.groupby(["data", "step", "region", "seed"], sort=False)["dice"].mean().reset_index()
    means = points.groupby(["data", "step", "region"], sort=False)["dice"].mean()
    names = [textwrap.fill(str(step), 21) for step in steps]
    row = 0.12 + 0.17 * max(2, *(name.count("\n") + 1 for name in names))
    # Narrower than other figures, so that the names of the steps can be read on a phone.
    shape: Style = {"width": 7.6, "sharex": True, "sharey": True, "squeeze": False}
    fig, axes = plots.sheet(0.75 + row * len(steps), 1, len(kinds), source=source, key=True, **shape)
    for ax, kind in zip(axes[0], kinds, strict=True):
        seaborn.pointplot(
            points[points["data"] == kind], x="dice", y="step", order=steps, dodge=0.5, linestyle="none", ax=ax,
            errorbar=("pi", 100), err_kws={"lw": 2.2}, ms=7.5, clip_on=False, **plots.region_hue(regions), **plots.MEAN,
        )  # fmt: skip
        for step, mean in means[kind].groupby("step", sort=False).mean().items():
            weight = "bold" if step == steps[-1] else "normal"
            plots.beside(ax, steps.index(step), f"{mean:.3f}", fontsize=10, fontweight=weight, gid="mean")
        for step, style in ((steps[0], {"lw": 1.4, "ls": DOTTED}), (steps[-1], {"lw": 1.2})):
            for name, mean in means[kind].get(step, {}).items():
                ax.axvline(mean, color=plots.REGION_MARKS[name][0], alpha=0.5, zorder=1, **style)
        plots.beside(ax, -0.75, "mean", fontsize=10, color="#5A5A5A")
        ax.set(title=kind, xlabel="Dice", ylabel="")
        plots.rows_only(ax)
    low, high = np.floor(points["dice"].min() * 10 - 0.2) / 10, np.ceil(points["dice"].max() * 10 + 0.2) / 10
    axes[0, 0].set_yticks(range(len(steps)), names, fontsize=10.5)
    axes[0, 0].set(ylim=(len(steps) - 0.5, -0.5), xlim=(max(0, low), min(1, high)))
    key = plots.region_marks(regions, ls="none")
    if (seeds := points["seed"].nunique()) > 1:
        key[f"range of {seeds} seeds"] = plots.mark(color="#444444", lw=2.2, solid_capstyle="butt")
    key["first row"] = plots.mark(color="#444444", lw=1.4, ls=DOTTED)
    key["last row"] = plots.mark(color="#444444", lw=1.2)
    plots.foot_key(fig, key)
    return fig


@styled
def cost_against_dice(table: pd.DataFrame, source: str, ours: Collection[str] = ()) -> Figure:
    """Plot the mean Dice of systems against the arithmetic of a voxel, and against the time of a case.

    A system has columns title, dice (mean over cases and regions), multiply_adds (per voxel) and case_seconds; those
    that are `ours` are set off by colour.
    """
    fig, axes = plots.sheet(5.4, 1, 2, source=source, grid="y", sharey=True)
    costs = ("multiply_adds", "multiply-adds per voxel"), ("case_seconds", "seconds of one core per case")
    for ax, (column, label) in zip(axes, costs, strict=True):
        left, right = table[column].min(), table[column].max()
        ax.set(xscale="log", xlim=(left / 2, right * 2), xlabel=label)
        height = np.inf
        for _, row in table.sort_values("dice", ascending=False).iterrows():
            x, dice = row[column], row["dice"]
            colour = "#B5440B" if row["title"] in ours else "#1F5A85"
            ax.plot(x, dice, "o", color=colour, ms=8, zorder=4, gid="system", **plots.MEAN)
            # Names that would lie on each other are moved down, and tied to their points.
            height = min(dice, height - 0.03)
            tie = {"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkA": 0, "shrinkB": 4} if height < dice else None
            place, side = (x / 1.18, "right") if x > np.sqrt(left * right) else (x * 1.18, "left")
            text = {"va": "center", "ha": side, "fontsize": 9, "color": colour}
            ax.annotate(row["title"], (x, dice), xytext=(place, height), arrowprops=tie, **text)
    axes[0].set_ylabel(plots.DICE)
    return fig
