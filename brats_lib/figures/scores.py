"""How good a network is: scores beside the paper's and beside those of a predictor that finds nothing."""

import html
import textwrap

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from brats_lib.figures.plots import dots, foot_key, plot_sheet
from brats_lib.figures.style import ACCENTS, styled
from brats_lib.labels import LONG_NAMES, SCORED
from brats_lib.scores.summary import bootstrap_interval

__all__ = [
    "HtmlTable", "comparison_table", "metric_distributions", "published_metrics", "region_scores", "test_metrics",
]  # fmt: skip

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
PAPER = {"marker": "D", "color": "white", "mec": "#111111", "mew": 1.6, "ms": 8, "ls": "none"}
TRIVIAL = {"marker": "|", "color": "#111111", "ms": 17, "mew": 2.2, "ls": "none"}


def _ordered(metrics):
    """Known metrics first, in their usual order; then the others as they come."""
    present = list(dict.fromkeys(metrics))
    return [name for name in METRIC_NAMES if name in present] + [name for name in present if name not in METRIC_NAMES]


def _metric_rows(ax, metrics):
    """Name the rows of a dot plot, the first on top."""
    ax.set_yticks(range(len(metrics)), [METRIC_NAMES.get(name, name) for name in metrics], fontsize=11)
    ax.set_ylim(len(metrics) - 0.4, -0.6)
    ax.grid(axis="x")
    for row in range(len(metrics)):
        ax.axhline(row + 0.5, color="#EFEFEF", lw=0.8, zorder=0)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _scores_beside(frame, source, title):
    """Dots per metric and subset, with a diamond for the paper and a bar for the trivial predictor."""
    metrics = _ordered(frame["metric"])
    subsets = [name for name in SUBSETS if name in set(frame["subset"])]
    papers = "paper" in frame and frame["paper"].notna().any()
    fig, ax = plot_sheet(0.6 + 0.46 * len(metrics), source=source, title=title, key=True)
    _metric_rows(ax, metrics)
    offsets = np.linspace(-0.17, 0.17, len(subsets)) if len(subsets) > 1 else [0.0]
    for subset, offset in zip(subsets, offsets, strict=True):
        _, colour, marker = SUBSETS[subset]
        rows = frame[frame["subset"] == subset].set_index("metric")
        for y, metric in ((metrics.index(name) + offset, name) for name in rows.index):
            row = rows.loc[metric]
            ax.plot(row["background"], y, gid="background", **TRIVIAL)
            if papers and pd.notna(row["paper"]):
                ax.plot(row["paper"], y, gid="paper", **PAPER)
            ax.plot(row["value"], y, marker=marker, color=colour, ms=9, mec="white", mew=0.8, zorder=4)
            ax.annotate(f"{row['value']:.4f}", (1.015, y), xycoords=("axes fraction", "data"), va="center",
                        color=colour, fontsize=10)  # fmt: skip
    ax.set_xlim(-0.01, 1.01)
    ax.set_xticks(np.arange(0, 1.01, 0.2))
    handles = [Line2D([], [], marker=SUBSETS[name][2], color=SUBSETS[name][1], ls="none", ms=9) for name in subsets]
    names = [f"this run, {SUBSETS[name][0]}" for name in subsets]
    if papers:
        handles, names = [*handles, Line2D([], [], **PAPER)], [*names, "paper"]
    handles, names = [*handles, Line2D([], [], **TRIVIAL)], [*names, "background everywhere"]
    foot_key(fig, handles, names)
    return fig


@styled
def published_metrics(frame, source, title=None):
    """Plot the published metrics on training and validation data, per class too (paper figure 7).

    Parameters
    ----------
    frame : DataFrame
        Columns subset ("train", "val", "test"), metric, value, background (the trivial predictor's value) and,
        optionally, paper (NaN where the paper prints none).
    source : str
        Where the data come from; printed at the foot.
    title : str, optional

    Returns
    -------
    Figure
    """
    return _scores_beside(frame, source, title)


@styled
def test_metrics(frame, source, title=None):
    """Plot the published metrics on the test set (paper figure 8).

    Parameters
    ----------
    frame : DataFrame
        Columns metric, value, paper (NaN where the paper prints none) and background.
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    return _scores_beside(frame.assign(subset="test"), source, title)


# pytest would collect it as a test where a test module imports it.
test_metrics.__test__ = False


@styled
def metric_distributions(frame, source, title=None):
    """Plot every metric's distribution over the test cases: box, and a dot per case (paper figure 15).

    Parameters
    ----------
    frame : DataFrame
        Columns case, metric, value.
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    metrics = _ordered(frame["metric"])
    fig, ax = plot_sheet(0.75 + 0.46 * len(metrics), source=source, title=title)
    for row, metric in enumerate(metrics):
        values = frame.loc[frame["metric"] == metric, "value"].to_numpy(float)
        _box(ax, row, values)
        dots(ax, row, values, ACCENTS["blue"])
        ax.annotate(f"{np.median(values):.3f}", (1.015, row), xycoords=("axes fraction", "data"), va="center",
                    fontsize=10)  # fmt: skip
    _metric_rows(ax, metrics)
    ax.set_xlim(min(0, frame["value"].min()) - 0.02, max(1, frame["value"].max()) + 0.02)
    cases = frame["case"].nunique()
    ax.set_xlabel(f"each dot is one of {cases} cases; box: quartiles and median; right: median")
    return fig


def _box(ax, position, values):
    ax.boxplot(values, positions=[position], orientation="horizontal", widths=0.5, showfliers=False, patch_artist=True,
               manage_ticks=False, boxprops={"facecolor": "#E8EEF4", "edgecolor": "#5A5A5A"},
               medianprops={"color": "#111111", "linewidth": 2}, whiskerprops={"color": "#5A5A5A"},
               capprops={"color": "#5A5A5A"}, zorder=1)  # fmt: skip


@styled
def region_scores(scores, source, title=None):
    """Plot Dice and HD95 of every region: a dot per case, mean and 95 % bootstrap interval.

    Parameters
    ----------
    scores : DataFrame
        Long form with the columns case, region, dice and hd95_mm, as in ``scores.csv``.
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    regions = [name for name in SCORED if name in set(scores["region"])]
    fig, axes = plot_sheet(0.7 + 0.72 * len(regions), 1, 2, source=source, title=title, key=True, sharey=True)
    for ax, column, heading, form in ((axes[0], "dice", "Dice (more is better)", "{:.3f}"),
                                      (axes[1], "hd95_mm", "HD95 in mm (less is better)", "{:.1f}")):  # fmt: skip
        for row, name in enumerate(regions):
            values = scores.loc[scores["region"] == name, column].to_numpy(float)
            mean, low, high = bootstrap_interval(values)
            dots(ax, row, values, ACCENTS["blue"], alpha=0.5)
            ax.plot([low, high], [row, row], color="#111111", lw=2.2, zorder=4)
            ax.plot(mean, row, "D", color="white", mec="#111111", mew=1.8, ms=8, zorder=5)
            ax.annotate(form.format(mean), (mean, row), xytext=(0, 12), textcoords="offset points", ha="center",
                        fontsize=10.5, fontweight="bold", zorder=6)  # fmt: skip
        ax.set_title(heading)
        ax.grid(axis="x")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    names = ["\n".join([name, *textwrap.wrap(LONG_NAMES[name], 20)]) for name in regions]
    axes[0].set_yticks(range(len(regions)), names)
    axes[0].set_ylim(len(regions) - 0.5, -0.6)
    axes[0].set_xlim(-0.02, 1.02)
    # Linear to 1 mm, then logarithmic: a missed region scores 373 mm and would flatten all others.
    axes[1].set_xscale("symlog", linthresh=1, linscale=0.4)
    axes[1].set_xlim(-0.1, 500)
    axes[1].set_xticks([0, 1, 3, 10, 30, 100, 373], ["0", "1", "3", "10", "30", "100", "373"])
    axes[1].minorticks_off()
    foot_key(fig, [Line2D([], [], marker="o", color=ACCENTS["blue"], alpha=0.5, ls="none"),
                   Line2D([], [], marker="D", color="#111111", mfc="white", mew=1.8, ms=8, lw=2.2)],
             ["one case", "mean and its 95 % bootstrap interval"])  # fmt: skip
    return fig


class HtmlTable:
    """A table that displays itself in a notebook, with a caption and row and column headers for screen readers.

    Parameters
    ----------
    rows : DataFrame
        The first column names the rows.
    caption : str
    source : str
    identifier : str, optional
        Value of the ``id`` attribute.
    """

    def __init__(self, rows, caption, source, identifier=None):
        self.rows, self.caption, self.source, self.identifier = rows, caption, source, identifier

    def __repr__(self):
        return f"{self.caption}\n{self.rows.to_string(index=False)}\n{self.source}"

    def _repr_html_(self):
        head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in self.rows.columns)
        body = "\n".join(
            f'<tr><th scope="row">{_cell(first)}</th>' + "".join(f"<td>{_cell(cell)}</td>" for cell in rest) + "</tr>"
            for first, *rest in self.rows.itertuples(index=False)
        )
        tag = f' id="{html.escape(self.identifier)}"' if self.identifier else ""
        return (
            f'<table class="table"{tag}>\n<caption>{html.escape(self.caption)}<br>'
            f"<small>{html.escape(self.source)}</small></caption>\n"
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
        )


def _cell(value):
    if isinstance(value, float | np.floating):
        return "–" if np.isnan(value) else f"{value:.4f}"
    return "–" if value is None else html.escape(str(value))


def comparison_table(rows, source, title=None, identifier=None):
    """Set scores in a table of ``paper | this run | background everywhere`` (paper table 1).

    Parameters
    ----------
    rows : DataFrame
        The first column names the metric, the others hold numbers or text; NaN is printed as a dash.
    source : str
        Where the data come from; printed under the caption.
    title : str, optional
        The caption.
    identifier : str, optional
        The table's ``id`` in the page.

    Returns
    -------
    HtmlTable
    """
    return HtmlTable(rows, title or "The paper, this run and a predictor that finds nothing", source, identifier)
