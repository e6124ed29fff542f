"""What hyper-parameters are worth: one factor at a time, over the epochs, and in a search."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn
from matplotlib.ticker import MaxNLocator

from brats_lib.errors import BratsError
from brats_lib.figures import plots
from brats_lib.figures.style import ACCENTS, Figure, Style, styled

NAMES = {
    "learning_rate": "Learning rate",
    "batch_slices": "Slices per batch",
    "dropout": "Dropout",
    "optimizer": "Optimizer",
    "width": "Filters of the first level",
    "loss": "Loss",
    "batch": "Batch, multiple",
    "momentum": "Beta 1 or momentum",
}
OPTIMIZERS = {"adam": (ACCENTS["blue"], "o"), "sgd": (ACCENTS["orange"], "s"), "rmsprop": (ACCENTS["green"], "^")}
# A training, the mean of those with a changed value, and that of the baseline.
SEED: Style = {"marker": "o", "ms": 4, "color": ACCENTS["blue"], "alpha": 0.5, "ls": "none"}
CHANGED: Style = {"marker": "o", "ms": 9, "color": ACCENTS["blue"], "mew": 1.8, "ls": "none"}
BASELINE: Style = {**CHANGED, "color": "#111111", "mfc": "none"}


@styled
def factor_effects(scores: pd.DataFrame, source: str, baseline: Mapping[str, object]) -> Figure:
    """Plot the score against the values of each factor, a panel per factor.

    Small dots are seeds, large ones their mean; the line across is the mean of the baseline, and the band spans its
    seeds. The scores are those of `studies.tuning.mean_scores`, with rows of factor "baseline"; `baseline` has its
    value of each factor, drawn with a ring.
    """
    own = scores.loc[scores["factor"] == "baseline", "dice"]
    if own.empty:
        raise BratsError("table for a figure", "no row is the baseline", "rows of factor 'baseline'", "Train it too")
    factors = [name for name in scores["factor"].unique() if name != "baseline"]
    columns = min(3, len(factors))
    rows = -(-len(factors) // columns)
    fig, axes = plots.sheet(2.9 * rows, rows, columns, source=source, key=True, grid="y", sharey=True, squeeze=False)
    for ax, factor in zip(axes.flat, factors, strict=False):
        dice = scores[scores["factor"] == factor].groupby("value")["dice"].apply(list).to_dict()
        dice[str(baseline[factor])] = own.to_list()
        ax.axhspan(own.min(), own.max(), color="#9A9A9A", alpha=0.25, lw=0, zorder=0)
        ax.axhline(own.mean(), color="#6B6B6B", lw=1.2, zorder=1, gid="baseline")
        for place, value in enumerate(_ordered(dice)):
            ax.plot([place] * len(dice[value]), dice[value], gid="seed", **SEED)
            style = BASELINE if value == str(baseline[factor]) else CHANGED
            ax.plot(place, np.mean(dice[value]), gid="mean", **style)
        ax.set_xticks(range(len(dice)), map(_short, _ordered(dice)), fontsize=9.5)
        ax.set(xlim=(-0.5, len(dice) - 0.5), title=NAMES.get(factor, factor))
    for ax in axes.flat[len(factors) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel(plots.DICE)
    axes[0, 0].set_ylim(0, 1.05 * axes[0, 0].get_ylim()[1])
    styles = {"baseline": BASELINE, "changed, mean over seeds": CHANGED, "one seed": SEED}
    plots.foot_key(fig, {name: plots.mark(**style) for name, style in styles.items()})
    return fig


@styled
def learning_curves(table: pd.DataFrame, factors: Sequence[str], source: str) -> Figure:
    """Plot Dice on validation slices over the epochs for the values of each factor, means over the seeds.

    The table has the curves of `studies.tuning.sweep`.
    """
    table = table[table["epoch"] > 0].replace({"value": {"": "baseline"}})
    dots = {"marker": "o", "ms": 4} if table["epoch"].max() < 20 else {}
    fig, axes = plots.sheet(3.6, 1, len(factors), source=source, grid="y", sharey=True, squeeze=False)
    for ax, factor in zip(axes[0], factors, strict=True):
        values = ["baseline", *_ordered(set(table.loc[table["factor"] == factor, "value"]))]
        colours = ["#111111", *ACCENTS.values()][: len(values)]
        rows = table[table["factor"].isin([factor, "baseline"])]
        seaborn.lineplot(
            rows, x="epoch", y="val_region_dice", hue="value", hue_order=values, palette=colours, errorbar=None, ax=ax,
            **dots,
        )  # fmt: skip
        ax.legend(fontsize=9)
        ax.set(title=NAMES.get(factor, factor), ylabel=plots.DICE)
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        ax.label_outer()
    axes[0, 0].set_ylim(0, 1.05 * axes[0, 0].get_ylim()[1])
    return fig


@styled
def importance_and_interaction(trials: pd.DataFrame, shares: Mapping[str, float], source: str) -> Figure:
    """Draw which factors decide in a search, and how learning rate and optimizer depend on each other.

    Trials and shares are those of `studies.tuning.trials_table` and `importance`.
    """
    fig, (left, right) = plots.sheet(3.9, 1, 2, source=source, key=True, width_ratios=(1, 1.3))
    pd.Series(shares).rename(NAMES).sort_values().plot.barh(ax=left, width=0.8, color=ACCENTS["grey"])
    left.set(xlabel="share of the variance of the score", title="Importance (fANOVA)")
    left.grid(axis="x")
    key = {}
    for optimizer, (colour, marker) in OPTIMIZERS.items():
        style = {"marker": marker, "ms": 8, "color": colour, "ls": "none"}
        key[optimizer] = plots.mark(**style)
        for state, face in (("complete", colour), ("pruned", "none")):
            rows = trials[(trials["optimizer"] == optimizer) & (trials["state"] == state)]
            right.plot(rows["learning_rate"], rows["score"], mfc=face, gid=f"{optimizer} {state}", **style)
    key["stopped early"] = plots.mark(marker="o", ms=8, color="#444444", mfc="none", ls="none")
    right.set(xscale="log", xlabel="initial learning rate", ylabel=plots.DICE, title="Learning rate by optimizer")
    right.set_ylim(0, max(0.01, 1.1 * trials["score"].max()))
    right.grid(axis="y")
    plots.foot_key(fig, key)
    return fig


def _ordered(texts: Iterable[str]) -> list[str]:
    """Values as text, numbers by size."""
    try:
        return sorted(texts, key=float)
    except ValueError:
        return sorted(texts)


def _short(text: str) -> str:
    try:
        return f"{float(text):g}"
    except ValueError:
        return text
