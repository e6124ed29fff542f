"""What hyper-parameters are worth: one factor at a time, over the epochs, and in a search."""

import itertools
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.ticker import MaxNLocator

from brats_lib.errors import BratsError
from brats_lib.figures.plots import foot_key, mark, need, plot_sheet
from brats_lib.figures.style import ACCENTS, Figure, styled

NAMES = {
    "learning_rate": "Learning rate",
    "batch_slices": "Slices per batch",
    "dropout": "Dropout",
    "optimizer": "Optimizer",
    "betas": "Betas of Adam",
    "width": "Filters of the first level",
    "loss": "Loss",
    "batch": "Batch, multiple",
    "momentum": "Beta 1 or momentum",
}
MARKS = {"adam": (ACCENTS["blue"], "o"), "sgd": (ACCENTS["orange"], "s"), "rmsprop": (ACCENTS["green"], "^")}
DICE = "Dice, mean of WT, TC, ET"
AXES = {"val_region_dice": DICE, "loss": "loss in training", "val_loss": "loss on validation slices"}
# A training, the mean of those with a changed value, and that of the baseline.
SEED = {"marker": "o", "ms": 4, "color": ACCENTS["blue"], "alpha": 0.5, "ls": "none"}
CHANGED = {"marker": "o", "ms": 9, "color": ACCENTS["blue"], "mew": 1.8, "ls": "none"}
BASELINE = {**CHANGED, "color": "#111111", "mfc": "none"}


@styled
def factor_effects(scores: pd.DataFrame, source: str, baseline: Mapping[str, object]) -> Figure:
    """Plot the score against the values of each factor, a panel per factor.

    Small dots are seeds, large ones their mean; the line across is the mean of the baseline, and the band spans its
    seeds.

    Parameters
    ----------
    scores
        Columns factor, value, seed, val_region_dice, as `studies.verdicts.kept_scores` gives them, with rows of factor
        "baseline".
    baseline
        The baseline's value of each factor; its point is drawn with a ring.
    """
    need(scores, ("factor", "value", "seed", "val_region_dice"))
    own = scores.loc[scores["factor"] == "baseline", "val_region_dice"]
    if own.empty:
        raise BratsError("table for a figure", "no row is the baseline", "rows of factor 'baseline'", "Train it too")
    factors = [name for name in scores["factor"].unique() if name != "baseline"]
    columns = min(3, max(1, len(factors)))
    rows = max(1, -(-len(factors) // columns))
    fig, axes = plot_sheet(2.9 * rows, rows, columns, source=source, key=True, grid="y", sharey=True, squeeze=False)
    for ax, factor in zip(axes.flat, factors, strict=False):
        here = scores[scores["factor"] == factor]
        texts = _ordered({*here["value"], str(baseline[factor])})
        ax.axhspan(own.min(), own.max(), color="#9A9A9A", alpha=0.25, lw=0, zorder=0)
        ax.axhline(own.mean(), color="#6B6B6B", lw=1.2, zorder=1, gid="baseline")
        for place, text in enumerate(texts):
            mine = text == str(baseline[factor])
            values = own if mine else here.loc[here["value"] == text, "val_region_dice"]
            ax.plot([place] * len(values), values, gid="seed", **SEED)
            ax.plot(place, values.mean(), gid="mean", **BASELINE if mine else CHANGED)
        ax.set_xticks(range(len(texts)), [_short(text) for text in texts], fontsize=9.5)
        ax.set(xlim=(-0.5, len(texts) - 0.5), title=NAMES.get(factor, factor))
    for ax in axes.flat[len(factors) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel(DICE)
    axes[0, 0].set_ylim(bottom=0)
    styles = {"baseline": BASELINE, "changed, mean over seeds": CHANGED, "one seed": SEED}
    foot_key(fig, {name: mark(**style | {"mew": 1.8}) for name, style in styles.items()})
    return fig


@styled
def learning_curves(
    table: pd.DataFrame, factors: Sequence[str], source: str, columns: Sequence[str] = ("val_region_dice",)
) -> Figure:
    """Plot scores over the epochs for the values of some factors, a panel per factor and score; means over the seeds.

    Parameters
    ----------
    table
        Of `studies.tuning.sweep`.
    columns
        Columns of the table that are plotted, those of `AXES`.
    """
    need(table, ("factor", "value", "seed", "epoch", *columns))
    panels = list(itertools.product(factors, columns))
    alike = len(columns) == 1
    fig, axes = plot_sheet(3.6, 1, len(panels), source=source, grid="y", sharey=alike, squeeze=False)
    for ax, (factor, column) in zip(axes[0], panels, strict=True):
        colours = iter([*ACCENTS.values()][:4] + ["#B8860B"])
        values = _ordered(set(table.loc[table["factor"] == factor, "value"]))
        for name, value in [("baseline", ""), *((factor, value) for value in values)]:
            rows = table[(table["factor"] == name) & (table["value"] == value) & (table["epoch"] > 0)]
            curve = rows.groupby("epoch")[column].mean()
            style = {"color": "#111111", "lw": 2.4} if name == "baseline" else {"color": next(colours)}
            dots = {"marker": "o", "ms": 4} if len(curve) < 20 else {}
            ax.plot(curve.index, curve, **dots, label=value or "baseline", gid=value or "baseline", **style)
        ax.set(title=NAMES.get(factor, factor), xlabel="epoch")
        ax.set_ylim(bottom=0)
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        ax.legend(fontsize=9)
        if ax is axes[0, 0] or not alike:
            ax.set_ylabel(AXES[column])
    return fig


@styled
def importance_and_interaction(trials: pd.DataFrame, shares: Mapping[str, float], source: str) -> Figure:
    """Draw which factors decide in a search, and how learning rate and optimizer depend on each other.

    Parameters
    ----------
    trials, shares
        Of `studies.tuning.trials_table` and `importance`.
    """
    need(trials, ("score", "state", "learning_rate", "optimizer"))
    fig, (left, right) = plot_sheet(3.9, 1, 2, source=source, key=True, width_ratios=(1, 1.3))
    names = sorted(shares, key=shares.get)
    left.barh(range(len(names)), [shares[name] for name in names], color=ACCENTS["grey"], gid="importance")
    left.set_yticks(range(len(names)), [NAMES.get(name, name) for name in names], fontsize=10)
    left.set(xlabel="share of the variance of the score", title="Importance (fANOVA)")
    left.grid(axis="x")
    key = {}
    for optimizer, (colour, marker) in MARKS.items():
        style = {"marker": marker, "ms": 8, "color": colour, "ls": "none"}
        key[optimizer] = mark(**style)
        for state, face in (("complete", colour), ("pruned", "none")):
            rows = trials[(trials["optimizer"] == optimizer) & (trials["state"] == state)]
            right.plot(rows["learning_rate"], rows["score"], mfc=face, gid=f"{optimizer} {state}", **style)
    key["stopped early"] = mark(marker="o", ms=8, color="#444444", mfc="none", ls="none")
    right.set(xscale="log", xlabel="initial learning rate", ylabel=DICE, title="Learning rate by optimizer")
    right.set_ylim(0, max(0.01, 1.1 * trials["score"].max()))
    right.grid(axis="y")
    foot_key(fig, key)
    return fig


def _ordered(texts):
    """Values as text, numbers by size."""
    try:
        return sorted(texts, key=float)
    except ValueError:
        return sorted(texts)


def _short(text):
    try:
        return f"{float(text):g}"
    except ValueError:
        return text.replace("cross-entropy", "CE").replace("(", "").replace(")", "").replace(", ", "\n")
