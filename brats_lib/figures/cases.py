"""Case by case: what two recipes make of the same patients, and what makes a patient hard."""

import os
import textwrap
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection

from brats_lib.errors import BratsError
from brats_lib.figures.plots import TICKS_ML, foot_key, log_above_one, mark, need, plot_sheet, regions_in, rows_only
from brats_lib.figures.style import ACCENTS, Figure, styled
from brats_lib.labels import LONG_NAMES
from brats_lib.scores.comparison import compare

# Hollow square before, filled circle after: told apart in grey print too.
FIRST = {"marker": "s", "mfc": "white", "mec": ACCENTS["orange"], "mew": 1.7, "ms": 7, "ls": "none"}
SECOND = {"marker": "o", "color": ACCENTS["blue"], "mec": "white", "mew": 0.8, "ms": 8.5, "ls": "none"}
GAIN, LOSS = {"color": "#7FB4D8"}, {"color": "#E3A36F", "ls": (0, (2, 1))}

# What a column is called on an axis, and whether its steps are factors.
MEASURES = {
    "wt_ml": ("whole tumour in mL", True),
    "tc_ml": ("tumour core in mL", True),
    "et_ml": ("enhancing tumour in mL", True),
    "volume_ml": ("volume of the region in mL", True),
    "wt_flair_contrast": ("FLAIR contrast of the whole tumour in sd of healthy brain", False),
    "et_t1ce_contrast": ("T1ce contrast of the enhancing tumour in sd of healthy brain", False),
}
_LABELLED_CASES = 12
_NAMED_ROWS = 40


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

    The hardest case by the second's mean Dice is at the top.

    Parameters
    ----------
    first, second
        As in ``scores.csv``, with the columns case, region and dice, for the same cases.
    names
        What the two are called.
    """
    gains = compare(first, second)
    regions, gains = regions_in(gains), gains.set_index("region")
    pair = [scores[scores["region"].isin(regions)].pivot(index="case", columns="region", values="dice")
            for scores in (first, second)]  # fmt: skip
    order = pair[1].mean(axis=1).sort_values().index
    step = min(0.34, max(0.05, 9 / len(order)))
    fig, axes = plot_sheet(1.6 + step * (len(order) + 1), 1, len(regions), source=source, key=True, sharex=True,
                           sharey=True, squeeze=False)  # fmt: skip
    for ax, name in zip(axes[0], regions, strict=True):
        _dumbbells(ax, *(table.loc[order, name].to_numpy(float) for table in pair), step)
        row = gains.loc[name]
        chance = "p < 0.001" if row["p_value"] < 0.001 else f"p = {row['p_value']:.2g}"
        gain, low, high = (f"{row[column]:+.3f}".replace("-", "−") for column in ("difference", "low", "high"))
        verdict = f"mean gain {gain}\n95 % interval {low} to {high}\n{chance}, {row['cases']:.0f} cases"
        ax.set(title=f"{name}, {LONG_NAMES[name]}", xlabel=f"Dice; {verdict}")
    shown = short_names(order) if len(order) <= _NAMED_ROWS else [""] * len(order)
    axes[0, 0].set_yticks([*range(len(order)), len(order) + 0.4], [*shown, "mean"])
    axes[0, 0].get_yticklabels()[-1].set_fontweight("bold")
    axes[0, 0].set(xlim=(-0.03, 1.03), xticks=np.arange(0, 1.01, 0.25), ylim=(len(order) + 1, -0.6))
    marks = [mark(**FIRST), mark(**SECOND), mark(lw=2.4, **GAIN), mark(lw=2.4, **LOSS)]
    foot_key(fig, dict(zip([*names, "gain", "loss"], marks, strict=True)))
    return fig


def _dumbbells(ax, before, after, step):
    """Draw a row per case, `step` inches high, and the means below."""
    small = min(1, step / 0.2)
    rows = np.arange(len(before))
    lost = after < before
    for which, style, name in ((~lost, GAIN, "gain"), (lost, LOSS, "loss")):
        ax.hlines(rows[which], before[which], after[which], lw=2.4 * small, zorder=2, gid=name, **style)
    mean_at = len(before) + 0.4
    ax.plot([before.mean(), after.mean()], [mean_at] * 2, color="#444444", lw=3, zorder=2)
    ax.axhline(len(before) - 0.3, color="#444444", lw=0.8)
    for values, style, name in ((before, FIRST, "first"), (after, SECOND, "second")):
        ax.plot(values, rows, zorder=3, gid=name, clip_on=False, **style | {"ms": style["ms"] * small})
        ax.plot(values.mean(), mean_at, zorder=3, clip_on=False, **style | {"ms": style["ms"] * 1.25})
    rows_only(ax)


@styled
def dice_against(table: pd.DataFrame, x: str, source: str) -> Figure:
    """Plot the Dice of every case against what may make it hard, a panel per region.

    Parameters
    ----------
    table
        Columns case, region (WT, TC, ET), dice and `x`, and recipe where there are two, in order of appearance.
    x
        Column to plot against; one of `scores.difficulty.difficulty` is written in words, and volumes are drawn on a
        logarithmic axis. A case without a value, such as the contrast of a tumour that does not enhance, is counted in
        its panel.

    Raises
    ------
    BratsError
        If there are more than two recipes.
    """
    need(table, ("case", "region", "dice", x))
    if "recipe" not in table:
        table = table.assign(recipe="")
    recipes = list(table["recipe"].unique())
    if len(recipes) > 2:
        raise BratsError("table for a figure", f"it has {len(recipes)} recipes", "one or two", "Choose two to compare")
    written, factors = MEASURES.get(x, (x, False))
    styles = dict(zip(recipes, (FIRST, SECOND)[-len(recipes) :], strict=True))
    regions, names = regions_in(table), table["case"].unique()
    shown = dict(zip(names, short_names(names), strict=True))
    named = len(shown) <= _LABELLED_CASES
    # Points that the names of the cases take above the panels.
    above = 22 + 5.7 * max(map(len, shown.values())) if named else 6
    fig, axes = plot_sheet(3.7 + above / 72, 1, len(regions), source=source, key=len(recipes) == 2, grid="y",
                           sharex=True, sharey=True, squeeze=False)  # fmt: skip
    _span(axes[0, 0], table.loc[np.isfinite(table[x]), x], factors)
    axes[0, 0].set(ylim=(-0.03, 1.03), ylabel="Dice")
    # Once for all panels (figure-wide labels do not keep off the foot), and never wider than a panel: the layout would
    # shrink the panels for it until nothing is left of them.
    axes[0, len(regions) // 2].set_xlabel(textwrap.fill(written, 31))
    size = 1 if named else 0.7
    for ax, name in zip(axes[0], regions, strict=True):
        rows = table[table["region"] == name]
        finite = rows[np.isfinite(rows[x])]
        for recipe, style in styles.items():
            part = finite[finite["recipe"] == recipe]
            # Nothing, unclipped, would be taken for something endless by the layout.
            ax.plot(part[x], part["dice"], zorder=4, gid=recipe, clip_on=part.empty,
                    **style | {"ms": size * style["ms"]})  # fmt: skip
        pairs = [pair[[x, "dice"]].to_numpy(float) for _, pair in finite.groupby("case")]
        ax.add_collection(LineCollection(pairs, colors="#BDBDBD", linewidths=1.2 * size, zorder=2))
        left_out = rows["case"].nunique() - finite["case"].nunique()
        if left_out:
            words = f"{left_out} {'case' if left_out == 1 else 'cases'} without a value"
            ax.annotate(words, (0.98, 0.04), xycoords="axes fraction", ha="right", fontsize=9.5, color="#5A5A5A")
        if named:
            _name_cases(ax, finite.groupby("case").agg(x=(x, "first"), top=("dice", "max")), shown)
        ax.set_title(f"{name}, {LONG_NAMES[name]}", pad=above)
    if len(recipes) == 2:
        foot_key(fig, {recipe: mark(**style) for recipe, style in styles.items()})
    return fig


def _span(ax, values, factors):
    """Set limits and ticks of the x axis; logarithmic where its steps are factors."""
    if values.empty:
        ax.set_xticks([])
        return
    low, high = float(values.min()), float(values.max())
    if not factors:
        margin = 0.06 * ((high - low) or 1)
        ax.set_xlim(low - margin, high + margin)
        return
    ticks = [tick for tick in TICKS_ML if tick <= 1.3 * high]
    ticks = ticks[max([i for i, tick in enumerate(ticks) if tick <= low], default=0) :]
    log_above_one(ax, (ticks[0] * 0.9 or -0.06, max(1.3 * high, 1.1 * ticks[-1], 1)), ticks)


def _name_cases(ax, cases, shown):
    """Write names above the panel, upright and apart from each other, with a hair line down to each case."""
    # Fractions of the panel, which do not depend on the size that the layout gives it.
    at = (ax.transData + ax.transAxes.inverted()).transform(cases[["x", "top"]].to_numpy(float))
    order = np.argsort(at[:, 0], kind="stable")
    places = apart(at[order, 0], 0.062)
    for place, i in zip(places, order, strict=True):
        x, y = at[i]
        ax.text(place, 1.07, shown[cases.index[i]], transform=ax.transAxes, rotation=90, ha="center", va="bottom",
                fontsize=9, color="#3A3A3A", gid="case")  # fmt: skip
        hair = {"color": "#D5D5D5", "lw": 0.8, "zorder": 1, "clip_on": False}
        ax.plot([place, x, x], [1.06, 1.02, y], transform=ax.transAxes, **hair)


def apart(positions: Sequence[float] | np.ndarray, gap: float) -> np.ndarray:
    """Move sorted positions as little as needed for neighbours to be a gap apart."""
    blocks = []
    for position in positions:
        blocks.append((float(position), 1))
        # Blocks that would overlap become one, centred on the mean of what they hold.
        while len(blocks) > 1 and blocks[-1][0] - blocks[-2][0] < gap * (blocks[-1][1] + blocks[-2][1]) / 2:
            (a, n), (b, m) = blocks[-2:]
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m)]
    return np.concatenate([centre + gap * (np.arange(count) - (count - 1) / 2) for centre, count in blocks] or [[]])
