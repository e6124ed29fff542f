"""How good a network is beside the paper's and a trivial predictor, and whether its probabilities can be believed."""

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn

from brats_lib.figures import plots
from brats_lib.figures.style import ACCENTS, Figure, Style, styled
from brats_lib.labels import LONG_NAMES, SCORED
from brats_lib.scores.calibration import expected_calibration_error
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
PAPER: Style = {"marker": "D", "color": "white", "mec": "#111111", "mew": 1.6, "ms": 8, "ls": "none"}
TRIVIAL: Style = {"marker": "|", "color": "#111111", "ms": 17, "mew": 2.2, "ls": "none"}
DIAGONAL: Style = {"color": "#8A8A8A", "lw": 1.2, "ls": (0, (6, 4))}
DIAMOND: Style = {"marker": "D", "mfc": "white", "mec": "#111111", "mew": 1.8, "ms": 8}


def _metrics_in(frame):
    """Known metrics first, in their usual order; then the others as they come."""
    present = frame["metric"].unique()
    return sorted(present, key=[*METRIC_NAMES, *present].index)


def _name_metrics(ax, metrics):
    """Name the rows of a dot plot, the first on top."""
    ax.set_yticks(range(len(metrics)), [METRIC_NAMES.get(name, name) for name in metrics], fontsize=11)
    ax.set_ylim(len(metrics) - 0.4, -0.6)
    for row in range(len(metrics)):
        ax.axhline(row + 0.5, color="#EFEFEF", lw=0.8, zorder=0)
    plots.rows_only(ax)


@styled
def published_metrics(frame: pd.DataFrame, source: str) -> Figure:
    """Plot the published metrics: dots per subset, a diamond for the paper, a bar for the trivial predictor.

    On training and validation data it is paper figure 7, on test data paper figure 8.

    The table has columns subset (train, val, test), metric, value, background (the trivial predictor's value) and paper
    (NaN where the paper prints none).
    """
    metrics = _metrics_in(frame)
    subsets = [name for name in SUBSETS if name in set(frame["subset"])]
    fig, ax = plots.sheet(0.6 + 0.46 * len(metrics), source=source, key=True)
    _name_metrics(ax, metrics)
    key = {}
    offsets = [-0.17, 0.17] if len(subsets) > 1 else [0.0]
    for subset, offset in zip(subsets, offsets, strict=True):
        name, colour, marker = SUBSETS[subset]
        style: Style = {"marker": marker, "color": colour, "ms": 9}
        key[f"this run, {name}"] = plots.mark(ls="none", **style)
        for row in frame[frame["subset"] == subset].itertuples():
            y = metrics.index(row.metric) + offset
            ax.plot(row.background, y, gid="background", **TRIVIAL)
            if pd.notna(row.paper):
                ax.plot(row.paper, y, gid="paper", **PAPER)
            ax.plot(row.value, y, mec="white", mew=0.8, zorder=4, **style)
            plots.beside(ax, y, f"{row.value:.4f}", color=colour, fontsize=10)
    ax.set(xlim=(-0.01, 1.01), xticks=np.arange(0, 1.01, 0.2))
    if frame["paper"].notna().any():
        key["paper"] = plots.mark(**PAPER)
    plots.foot_key(fig, key | {"background everywhere": plots.mark(**TRIVIAL)})
    return fig


@styled
def metric_distributions(frame: pd.DataFrame, source: str) -> Figure:
    """Plot every metric's distribution over the test cases: box, and a dot per case (paper figure 15).

    The table has columns case, metric and value.
    """
    metrics = _metrics_in(frame)
    fig, ax = plots.sheet(0.75 + 0.46 * len(metrics), source=source)
    values = [frame.loc[frame["metric"] == metric, "value"].to_numpy(float) for metric in metrics]
    lines = {"color": "#E8EEF4", "linecolor": "#5A5A5A", "medianprops": {"color": "#111111", "lw": 2}}
    seaborn.boxplot(values, orient="h", width=0.5, showfliers=False, saturation=1, zorder=1, ax=ax, **lines)
    for row, of_cases in enumerate(values):
        plots.dots(ax, row, of_cases)
        plots.beside(ax, row, f"{np.median(of_cases):.3f}", fontsize=10)
    _name_metrics(ax, metrics)
    ax.set_xlim(min(0, frame["value"].min()) - 0.02, max(1, frame["value"].max()) + 0.02)
    cases = frame["case"].nunique()
    ax.set_xlabel(f"each dot is one of {cases} cases; box: quartiles and median; right: median")
    return fig


@styled
def region_scores(scores: pd.DataFrame, source: str) -> Figure:
    """Plot Dice and HD95 of every region, as in ``scores.csv``: a dot per case, mean and 95 % bootstrap interval."""
    regions = plots.regions_in(scores, SCORED)
    fig, (left, right) = plots.sheet(0.7 + 0.72 * len(regions), 1, 2, source=source, key=True, sharey=True)
    interval: Style = {"color": "#111111", "lw": 2.2}
    above = {"textcoords": "offset points", "ha": "center", "fontsize": 10.5, "fontweight": "bold", "zorder": 6}
    titles = (left, "dice", "Dice (more is better)", 3), (right, "hd95_mm", "HD95 in mm (less is better)", 1)
    for ax, column, heading, digits in titles:
        for row, name in enumerate(regions):
            values = scores.loc[scores["region"] == name, column].to_numpy(float)
            mean, low, high = bootstrap_interval(values)
            plots.dots(ax, row, values, alpha=0.5)
            ax.plot([low, high], [row, row], zorder=4, **interval)
            ax.plot(mean, row, zorder=5, **DIAMOND)
            ax.annotate(f"{mean:.{digits}f}", (mean, row), xytext=(0, 12), **above)
        ax.set_title(heading)
        plots.rows_only(ax)
    names = ["\n".join([name, *textwrap.wrap(LONG_NAMES[name], 20)]) for name in regions]
    left.set_yticks(range(len(regions)), names)
    left.set(ylim=(len(regions) - 0.5, -0.6), xlim=(-0.02, 1.02))
    # A missed region scores 373 mm and would flatten all others.
    plots.log_above_one(right, (-0.1, 500), (0, 1, 3, 10, 30, 100, 373))
    case = plots.mark(marker="o", color=ACCENTS["blue"], alpha=0.5, ls="none")
    plots.foot_key(fig, {"one case": case, "mean and its 95 % bootstrap interval": plots.mark(**interval, **DIAMOND)})
    return fig


@styled
def reliability_diagram(tables: Mapping[str, pd.DataFrame], source: str) -> Figure:
    """Plot how often voxels of each probability are in the region, and how many voxels there are of it.

    On the diagonal a probability is a frequency. Below it the network is too sure of tumour, above it not sure enough.
    ECE, the expected calibration error, is the mean distance from the diagonal over the voxels.
    The tables are by region (WT, TC, ET) what `scores.calibration.reliability` or `pooled` returns.
    """
    fig, (curves, counts) = plots.sheet(7.6, 2, 1, source=source, width=6.8, sharex=True, height_ratios=(3.2, 1))
    curves.plot([0, 1], [0, 1], zorder=1, gid="perfect", **DIAGONAL)
    key = {}
    for name, table in tables.items():
        colour, marker = plots.REGION_MARKS[name]
        style: Style = {"color": colour, "marker": marker, "ms": 7.5}
        filled = table[table["voxels"] > 0]
        curves.plot(filled["probability"], filled["frequency"], gid=name, clip_on=False, **style, **plots.MEAN)
        edges = [*table["lower"], table["upper"].iloc[-1]]
        # A bin without voxels has no place on the logarithmic axis.
        voxels = table["voxels"].where(table["voxels"] > 0)
        counts.stairs(voxels, edges, baseline=None, color=colour, lw=1.8, gid=f"voxels {name}")
        key[f"{name}, ECE {expected_calibration_error(table):.4f}"] = plots.mark(mec="white", **style)
    key["probability = frequency"] = plots.mark(**DIAGONAL)
    curves.legend(key.values(), key, loc="upper left")
    curves.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of these voxels in the region")
    curves.grid()
    counts.set(yscale="log", ylabel="voxels", xlabel="probability that the network gives")
    counts.set_xticks(np.arange(0, 1.01, 0.2))
    counts.grid(axis="y")
    counts.minorticks_off()
    return fig
