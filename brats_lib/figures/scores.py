"""How good a network is: scores beside the paper's and beside those of a predictor that finds nothing."""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
import seaborn

from brats_lib.figures.plots import beside, dots, foot_key, log_above_one, mark, plot_sheet, regions_in, rows_only
from brats_lib.figures.style import ACCENTS, Figure, styled
from brats_lib.labels import LONG_NAMES, SCORED
from brats_lib.scores.summary import bootstrap_interval

METRIC_NAMES = {
    "accuracy": "Accuracy",
    "precision": "Precision",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "dice": "Dice, all classes",
    "dice_ncr": "Dice NCR, as published",
    "dice_ed": "Dice ED, as published",
    "dice_et": "Dice ET, as published",
    "iou": "IoU",
    "keras_mean_iou": "Keras MeanIoU (defective)",
    "mse": "Mean squared error (less is better)",
}
SUBSETS = {
    "train": ("training", ACCENTS["blue"], "o"),
    "val": ("validation", ACCENTS["orange"], "s"),
    "test": ("test", ACCENTS["green"], "o"),
}
PAPER: dict[str, Any] = {"marker": "D", "color": "white", "mec": "#111111", "mew": 1.6, "ms": 8, "ls": "none"}
TRIVIAL: dict[str, Any] = {"marker": "|", "color": "#111111", "ms": 17, "mew": 2.2, "ls": "none"}
DIAMOND: dict[str, Any] = {"marker": "D", "mfc": "white", "mec": "#111111", "mew": 1.8, "ms": 8}


def _metrics_in(frame):
    """Known metrics first, in their usual order; then the others as they come."""
    present = frame["metric"].unique()
    return sorted(present, key=lambda name: [*METRIC_NAMES, *present].index(name))


def _name_metrics(ax, metrics):
    """Name the rows of a dot plot, the first on top."""
    ax.set_yticks(range(len(metrics)), [METRIC_NAMES.get(name, name) for name in metrics], fontsize=11)
    ax.set_ylim(len(metrics) - 0.4, -0.6)
    for row in range(len(metrics)):
        ax.axhline(row + 0.5, color="#EFEFEF", lw=0.8, zorder=0)
    rows_only(ax)


@styled
def published_metrics(frame: pd.DataFrame, source: str) -> Figure:
    """Plot the published metrics: dots per subset, a diamond for the paper, a bar for the trivial predictor.

    On training and validation data it is paper figure 7, on test data paper figure 8.

    Parameters
    ----------
    frame
        Columns subset (train, val, test), metric, value, background (the trivial predictor's value) and paper (NaN
        where the paper prints none).
    """
    metrics = _metrics_in(frame)
    subsets = [name for name in SUBSETS if name in set(frame["subset"])]
    fig, ax = plot_sheet(0.6 + 0.46 * len(metrics), source=source, key=True)
    _name_metrics(ax, metrics)
    key = {}
    offsets = [-0.17, 0.17] if len(subsets) > 1 else [0.0]
    for subset, offset in zip(subsets, offsets, strict=True):
        name, colour, marker = SUBSETS[subset]
        style: dict[str, Any] = {"marker": marker, "color": colour, "ms": 9}
        key[f"this run, {name}"] = mark(ls="none", **style)
        for row in frame[frame["subset"] == subset].itertuples():
            y = metrics.index(row.metric) + offset
            ax.plot(row.background, y, gid="background", **TRIVIAL)
            if pd.notna(row.paper):
                ax.plot(row.paper, y, gid="paper", **PAPER)
            ax.plot(row.value, y, mec="white", mew=0.8, zorder=4, **style)
            beside(ax, y, f"{row.value:.4f}", color=colour, fontsize=10)
    ax.set(xlim=(-0.01, 1.01), xticks=np.arange(0, 1.01, 0.2))
    if frame["paper"].notna().any():
        key["paper"] = mark(**PAPER)
    foot_key(fig, key | {"background everywhere": mark(**TRIVIAL)})
    return fig


@styled
def metric_distributions(frame: pd.DataFrame, source: str) -> Figure:
    """Plot every metric's distribution over the test cases: box, and a dot per case (paper figure 15).

    Parameters
    ----------
    frame
        Columns case, metric, value.
    """
    metrics = _metrics_in(frame)
    fig, ax = plot_sheet(0.75 + 0.46 * len(metrics), source=source)
    median = {"color": "#111111", "linewidth": 2}
    seaborn.boxplot(
        frame, x="value", y="metric", order=metrics, width=0.5, color="#E8EEF4", linecolor="#5A5A5A", saturation=1,
        showfliers=False, medianprops=median, zorder=1, ax=ax,
    )  # fmt: skip
    for row, metric in enumerate(metrics):
        values = frame.loc[frame["metric"] == metric, "value"].to_numpy(float)
        dots(ax, row, values)
        beside(ax, row, f"{np.median(values):.3f}", fontsize=10)
    _name_metrics(ax, metrics)
    cases, values = frame["case"].nunique(), frame["value"]
    ax.set(xlim=(min(0, values.min()) - 0.02, max(1, values.max()) + 0.02), ylabel="")
    ax.set_xlabel(f"each dot is one of {cases} cases; box: quartiles and median; right: median")
    return fig


@styled
def region_scores(scores: pd.DataFrame, source: str) -> Figure:
    """Plot Dice and HD95 of every region: a dot per case, mean and 95 % bootstrap interval.

    Parameters
    ----------
    scores
        Columns case, region, dice and hd95_mm, as in ``scores.csv``.
    """
    regions = regions_in(scores, SCORED)
    fig, (left, right) = plot_sheet(0.7 + 0.72 * len(regions), 1, 2, source=source, key=True, sharey=True)
    interval: dict[str, Any] = {"color": "#111111", "lw": 2.2}
    above = {"textcoords": "offset points", "ha": "center", "fontsize": 10.5, "fontweight": "bold", "zorder": 6}
    titles = (left, "dice", "Dice (more is better)", 3), (right, "hd95_mm", "HD95 in mm (less is better)", 1)
    for ax, column, heading, digits in titles:
        for row, name in enumerate(regions):
            values = scores.loc[scores["region"] == name, column].to_numpy(float)
            mean, low, high = bootstrap_interval(values)
            dots(ax, row, values, alpha=0.5)
            ax.plot([low, high], [row, row], zorder=4, **interval)
            ax.plot(mean, row, zorder=5, **DIAMOND)
            ax.annotate(f"{mean:.{digits}f}", (mean, row), xytext=(0, 12), **above)
        ax.set_title(heading)
        rows_only(ax)
    names = ["\n".join([name, *textwrap.wrap(LONG_NAMES[name], 20)]) for name in regions]
    left.set_yticks(range(len(regions)), names)
    left.set(ylim=(len(regions) - 0.5, -0.6), xlim=(-0.02, 1.02))
    # A missed region scores 373 mm and would flatten all others.
    log_above_one(right, (-0.1, 500), (0, 1, 3, 10, 30, 100, 373))
    case = mark(marker="o", color=ACCENTS["blue"], alpha=0.5, ls="none")
    foot_key(fig, {"one case": case, "mean and its 95 % bootstrap interval": mark(**interval, **DIAMOND)})
    return fig
