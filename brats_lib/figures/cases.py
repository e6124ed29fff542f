"""Case by case: what two recipes make of the same patients, and what makes a patient hard."""

import os
from collections.abc import Iterable

import numpy as np
import pandas as pd

from brats_lib.figures import plots
from brats_lib.figures.style import ACCENTS, Figure, Style, styled
from brats_lib.labels import LONG_NAMES
from brats_lib.scores.comparison import compare

# Hollow square before, filled circle after: different in grey print too.
FIRST: Style = {"marker": "s", "mfc": "white", "mec": ACCENTS["orange"], "mew": 1.7, "ms": 7, "ls": "none"}
SECOND: Style = {"marker": "o", "color": ACCENTS["blue"], "mec": "white", "mew": 0.8, "ms": 8.5, "ls": "none"}
GAIN, LOSS = "#7FB4D8", "#E3A36F"


def short_names(names: Iterable[str]) -> list[str]:
    """Names without what all begin with: ``["00000", "00002"]`` for ``BraTS2021_00000`` and ``BraTS2021_00002``.

    Only whole parts between underscores, dashes and dots are left out.
    """
    names = [str(name) for name in names]
    common = os.path.commonprefix(names) if len(set(names)) > 1 else ""
    cut = max(common.rfind(sign) for sign in "_-.") + 1
    return [name[cut:] or name for name in names]


@styled
def paired_cases(first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str], source: str) -> Figure:
    """Plot the Dice of two recipes for every case, joined by a line, and the mean gain with its test.

    The hardest case by the second's mean Dice is at the top. Both tables are as ``scores.csv``, of the same cases. The
    p-values are corrected for the regions that are shown.
    """
    regions = plots.regions_in(first)
    first, second = (scores[scores["region"].isin(regions)] for scores in (first, second))
    gains = compare(first, second).set_index("region")
    before, after = (scores.pivot(index="case", columns="region", values="dice")[regions] for scores in (first, second))
    order = after.mean(axis=1).sort_values().index
    rows = [*range(len(order)), len(order) + 0.4]
    step = min(0.34, max(0.05, 9 / len(order)))
    fig, axes = plots.sheet(
        1.6 + step * len(rows), 1, len(regions), source=source, key=True, sharex=True, sharey=True, squeeze=False
    )
    for ax, name in zip(axes[0], regions, strict=True):
        pair = [[*table.loc[order, name], table[name].mean()] for table in (before, after)]
        colours = np.where(np.less(pair[1], pair[0]), LOSS, GAIN)
        ax.hlines(rows, *pair, colors=colours, lw=12 * step**1.5, zorder=2, gid="change")
        for values, style in zip(pair, (FIRST, SECOND), strict=True):
            ax.plot(values, rows, zorder=3, clip_on=False, **style | {"ms": style["ms"] * min(1, step / 0.2)})
        ax.axhline(len(order) - 0.3, color="#444444", lw=0.8)
        plots.rows_only(ax)
        ax.set(title=f"{name}, {LONG_NAMES[name]}", xlabel=_verdict(gains.loc[name]))
    shown = short_names(order) if len(order) <= 40 else [""] * len(order)
    axes[0, 0].set_yticks(rows, [*shown, "mean"])
    axes[0, 0].get_yticklabels()[-1].set_fontweight("bold")
    axes[0, 0].set(xlim=(-0.03, 1.03), xticks=np.arange(0, 1.01, 0.25), ylim=(len(order) + 1, -0.6))
    marks = [plots.mark(**FIRST), plots.mark(**SECOND), plots.mark(color=GAIN, lw=2.4), plots.mark(color=LOSS, lw=2.4)]
    plots.foot_key(fig, dict(zip([*names, "gain", "loss"], marks, strict=True)))
    return fig


def _verdict(row):
    """The label of the Dice axis, which says what is gained on average."""
    p_value = row["corrected_p"]
    chance = "corrected p < 0.001" if p_value < 0.001 else f"corrected p = {p_value:.2g}"
    gain, low, high = (f"{row[column]:+.3f}".replace("-", "−") for column in ("difference", "low", "high"))
    return f"Dice; mean gain {gain}\n95 % interval {low} to {high}\n{chance}, {row['cases']:.0f} cases"


@styled
def dice_against_size(table: pd.DataFrame, source: str) -> Figure:
    """Plot the Dice of every case against the volume of its tumour, a panel per region; the hardest case is named.

    The table has columns case, region (WT, TC, ET), dice, recipe (two of them) and `wt_ml`, the volume of the whole
    tumour in mL, as of `scores.difficulty.difficulty`.
    """
    styles = dict(zip(table["recipe"].unique(), (FIRST, SECOND), strict=True))
    regions = plots.regions_in(table)
    names = dict(zip(table["case"].unique(), short_names(table["case"].unique()), strict=True))
    fig, axes = plots.sheet(
        3.7, 1, len(regions), source=source, key=True, grid="y", sharex=True, sharey=True, squeeze=False
    )
    high = 1.3 * max(1, table["wt_ml"].max())
    low = max(tick for tick in plots.TICKS_ML if tick <= table["wt_ml"].min())
    ticks = [tick for tick in plots.TICKS_ML if low <= tick <= high]
    plots.log_above_one(axes[0, 0], (0.9 * low or -0.06, high), ticks)
    for ax, name in zip(axes[0], regions, strict=True):
        rows = table[table["region"] == name]
        for recipe, style in styles.items():
            ax.plot("wt_ml", "dice", data=rows[rows["recipe"] == recipe], zorder=3, gid=recipe, **style)
        cases = rows.groupby("case").agg(x=("wt_ml", "first"), low=("dice", "min"), high=("dice", "max"))
        ax.vlines(cases["x"], cases["low"], cases["high"], color="#BDBDBD", lw=1.2, zorder=2)
        hardest = cases.loc[cases["low"].idxmin()]
        at = {"xytext": (0, -8), "textcoords": "offset points", "ha": "center", "va": "top"}
        ax.annotate(names[hardest.name], hardest[["x", "low"]], fontsize=9, color="#3A3A3A", gid="case", **at)
        ax.set_title(f"{name}, {LONG_NAMES[name]}")
    axes[0, 0].set(ylim=(-0.2, 1.03), yticks=np.arange(0, 1.01, 0.2), ylabel="Dice")
    # Once for all panels; figure-wide labels do not keep off the foot.
    axes[0, len(regions) // 2].set_xlabel("whole tumour in mL")
    plots.foot_key(fig, {recipe: plots.mark(**style) for recipe, style in styles.items()})
    return fig
