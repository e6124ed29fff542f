"""What hyper-parameters are worth: one factor at a time, over the epochs, and in a search."""

import itertools

from matplotlib.ticker import MaxNLocator

from brats_lib.errors import BratsError
from brats_lib.figures.plots import foot_key, need, plot_sheet
from brats_lib.figures.style import ACCENTS, styled

__all__ = ["factor_effects", "importance_and_interaction", "learning_curves"]

NAMES = {
    "learning_rate": "Learning rate", "batch_slices": "Slices per batch", "dropout": "Dropout",
    "optimizer": "Optimizer", "betas": "Betas of Adam", "width": "Filters of the first level", "loss": "Loss",
    "batch": "Batch, multiple", "momentum": "Beta 1 or momentum",
}  # fmt: skip
MARKS = {"adam": ("blue", "o"), "sgd": ("orange", "s"), "rmsprop": ("green", "^")}
DICE = "Dice, mean of WT, TC, ET"
AXES = {"val_region_dice": DICE, "loss": "loss in training", "val_loss": "loss on validation slices"}


@styled
def factor_effects(scores, source, baseline, title=None):
    """Plot the score against the values of each factor, a panel per factor.

    Small dots are seeds, large ones their mean; the line across is the mean of the baseline, and the band spans its
    seeds.

    Parameters
    ----------
    scores : DataFrame
        factor, value, seed, val_region_dice, as `verdicts.kept_scores` gives them, with rows of factor "baseline".
    source : str
    baseline : dict of str to object
        The baseline's value of each factor; its point is drawn with a ring.
    title : str, optional

    Returns
    -------
    Figure

    Raises
    ------
    BratsError
        If a column is missing or there is no baseline.
    """
    need(scores, ("factor", "value", "seed", "val_region_dice"))
    own = scores.loc[scores["factor"] == "baseline", "val_region_dice"]
    if own.empty:
        raise BratsError("table for a figure", "no row is the baseline", "rows of factor 'baseline'", "Train it too")
    factors = [name for name in dict.fromkeys(scores["factor"]) if name != "baseline"]
    columns = min(3, max(1, len(factors)))
    rows = max(1, -(-len(factors) // columns))
    fig, axes = plot_sheet(2.9 * rows, rows, columns, source=source, title=title, key=True, sharey=True, squeeze=False)
    for ax, factor in zip(axes.flat, factors, strict=False):
        here = scores[scores["factor"] == factor]
        texts = _ordered({*here["value"], str(baseline[factor])})
        ax.axhspan(own.min(), own.max(), color="#9A9A9A", alpha=0.25, lw=0, zorder=0)
        ax.axhline(own.mean(), color="#6B6B6B", lw=1.2, zorder=1, gid="baseline")
        for place, text in enumerate(texts):
            mine = text == str(baseline[factor])
            values = own if mine else here.loc[here["value"] == text, "val_region_dice"]
            ax.plot([place] * len(values), values, "o", ms=4, color=ACCENTS["blue"], alpha=0.5, gid="seed")
            ax.plot(place, values.mean(), "o", ms=9, color="#111111" if mine else ACCENTS["blue"], gid="mean",
                    mfc="none" if mine else ACCENTS["blue"], mew=1.8)  # fmt: skip
        ax.set_xticks(range(len(texts)), [_short(text) for text in texts], fontsize=9.5)
        ax.set_xlim(-0.5, len(texts) - 0.5)
        ax.set_title(NAMES.get(factor, factor))
        ax.grid(axis="y")
    for ax in axes.flat[len(factors) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel(DICE)
    axes[0, 0].set_ylim(bottom=0)
    marks = [ax for ax in axes.flat if ax.lines][0]
    kinds = ((9, "none", "#111111", 1), (9, None, ACCENTS["blue"], 1), (4, None, ACCENTS["blue"], 0.5))
    handles = [
        marks.plot([], [], "o", ms=ms, mfc=face, color=colour, alpha=alpha, mew=1.8)[0]
        for ms, face, colour, alpha in kinds
    ]
    foot_key(fig, handles, ["baseline", "changed, mean over seeds", "one seed"])
    return fig


@styled
def learning_curves(table, factors, source, title=None, columns=("val_region_dice",)):
    """Plot scores over the epochs for the values of some factors, a panel per factor and score; means over the seeds.

    Parameters
    ----------
    table : DataFrame
        Of `tuning.sweep`.
    factors : sequence of str
    source : str
    title : str, optional
    columns : sequence of str
        Columns of the table that are plotted, those of `AXES`.

    Returns
    -------
    Figure

    Raises
    ------
    BratsError
        If a column is missing.
    """
    need(table, ("factor", "value", "seed", "epoch", *columns))
    panels = list(itertools.product(factors, columns))
    alike = len(columns) == 1
    fig, axes = plot_sheet(3.6, 1, len(panels), source=source, title=title, sharey=alike, squeeze=False)
    for ax, (factor, column) in zip(axes[0], panels, strict=True):
        colours = iter([*ACCENTS.values()][:4] + ["#B8860B"])
        for name, value in [("baseline", ""), *((factor, v) for v in _ordered(_values(table, factor)))]:
            rows = table[(table["factor"] == name) & (table["value"] == value) & (table["epoch"] > 0)]
            curve = rows.groupby("epoch")[column].mean()
            style = {"color": "#111111", "lw": 2.4} if name == "baseline" else {"color": next(colours)}
            dots = {"marker": "o", "ms": 4} if len(curve) < 20 else {}
            ax.plot(curve.index, curve, **dots, label=value or "baseline", gid=value or "baseline", **style)
        ax.set_title(NAMES.get(factor, factor))
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        ax.grid(axis="y")
        ax.legend(fontsize=9, frameon=False)
        ax.set_ylim(bottom=0)
        if ax is axes[0, 0] or not alike:
            ax.set_ylabel(AXES[column])
    return fig


@styled
def importance_and_interaction(trials, shares, source, title=None):
    """Draw which factors decide in a search, and how learning rate and optimizer depend on each other.

    Parameters
    ----------
    trials : DataFrame
        Of `tuning.trials_table`.
    shares : dict of str to float
        Of `tuning.importance`.
    source : str
    title : str, optional

    Returns
    -------
    Figure

    Raises
    ------
    BratsError
        If a column is missing.
    """
    need(trials, ("score", "state", "learning_rate", "optimizer"))
    fig, (left, right) = plot_sheet(3.9, 1, 2, source=source, title=title, key=True, width_ratios=(1, 1.3))
    names = sorted(shares, key=shares.get)
    left.barh(range(len(names)), [shares[name] for name in names], color=ACCENTS["grey"], gid="importance")
    left.set_yticks(range(len(names)), [NAMES.get(name, name) for name in names], fontsize=10)
    left.set_xlabel("share of the variance of the score")
    left.set_title("Importance (fANOVA)")
    left.grid(axis="x")
    handles, labels = [], []
    for optimizer, (colour, marker) in MARKS.items():
        for state, face in (("complete", ACCENTS[colour]), ("pruned", "none")):
            rows = trials[(trials["optimizer"] == optimizer) & (trials["state"] == state)]
            (drawn,) = right.plot(rows["learning_rate"], rows["score"], marker, ms=8, color=ACCENTS[colour], mfc=face,
                                  gid=f"{optimizer} {state}")  # fmt: skip
            if state == "complete":
                handles.append(drawn)
                labels.append(optimizer)
    (hollow,) = right.plot([], [], "o", ms=8, color="#444444", mfc="none")
    right.set_xscale("log")
    right.set_xlabel("initial learning rate")
    right.set_ylabel(DICE)
    right.set_ylim(0, max(0.01, 1.1 * trials["score"].max()))
    right.set_title("Learning rate by optimizer")
    right.grid(axis="y")
    foot_key(fig, [*handles, hollow], [*labels, "stopped early"])
    return fig


def _values(table, factor):
    return set(table.loc[table["factor"] == factor, "value"])


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
