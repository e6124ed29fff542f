"""Images that networks made, beside real ones, and how good they are."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from brats_lib.figures import panels
from brats_lib.figures.plots import MEAN, REGION_MARKS, foot_key, mark, need, plot_sheet, region_marks, regions_in
from brats_lib.figures.style import ACCENTS, MODALITY_NAMES, Figure, label_colours, label_image, styled
from brats_lib.labels import to_labels

SCORES = {"psnr_brain": "PSNR in the brain (dB)", "ssim_brain": "SSIM in the brain"}
METHOD_MARKS = [*zip([*ACCENTS.values(), ACCENTS["blue"]], "osD^vP", strict=True)]
_LEFT = 0.35  # inches for row labels


@styled
def labelled_slices(groups: Mapping[str, tuple[np.ndarray, np.ndarray]], source: str) -> Figure:
    """Show slices in four modalities with their labels: a column per slice, a row per modality.

    Parameters
    ----------
    groups
        Heading over the first column of each group; images (n, h, w, 4) in 0-1 and class indices (n, h, w).
    """
    images = np.concatenate([np.asarray(images, np.float32) for images, _ in groups.values()])
    labels = to_labels(np.concatenate([classes for _, classes in groups.values()]))
    columns, rows = [images.shape[1]] * len(images), [images.shape[1]] * 5
    fig, axes = panels.sheet(columns, rows, source, legend=label_colours(), left=_LEFT, captioned=[0])
    for channel, row in enumerate(axes[:4]):
        top = _ceiling(images[..., channel])
        for ax, image in zip(row, images, strict=True):
            _grey(ax, image[..., channel], top)
    for ax, picture in zip(axes[4], labels, strict=True):
        # The background is black as in the pictures above, so that only tumours have colour.
        ax.imshow(label_image(picture.T, background=False), origin="upper", interpolation="nearest")
    column = 0
    for name, (group, _) in groups.items():
        panels.caption(axes[0, column], name)
        column += len(group)
    for ax, name in zip(axes[:, 0], [*MODALITY_NAMES.values(), "labels"], strict=True):
        panels.row_label(ax, name)
    return fig


@styled
def picture_rows(
    rows: Mapping[str, Sequence[np.ndarray] | np.ndarray],
    source: str,
    headings: Sequence[str] = (),
    classes: np.ndarray | None = None,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Show rows of single pictures.

    Parameters
    ----------
    rows
        Name of each row and its pictures (n, h, w) in 0-1. A row has one grey scale.
    headings
        Over the columns.
    classes
        Class indices (n, h, w) whose borders are drawn over every row.
    notes
        Small text in the panels of a row, by its name.
    """
    count, side = np.shape(next(iter(rows.values())))[:2]
    captioned = [0] if headings else []
    fig, axes = panels.sheet([side] * count, [side] * len(rows), source, left=_LEFT, captioned=captioned)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        top = _ceiling(np.asarray(pictures))
        for column, ax in enumerate(line):
            _grey(ax, pictures[column], top)
            if classes is not None:
                panels.outline_labels(ax, to_labels(classes[column]).T)
            if notes and name in notes:
                ax.text(0.03, 0.03, notes[name][column], transform=ax.transAxes, color="white", fontsize=9.5)
        panels.row_label(line[0], name)
    if headings:
        panels.captions(axes[0], *headings)
    return fig


def _ceiling(pictures):
    """The grey level that is shown white."""
    inside = pictures[pictures > 0]
    return float(np.percentile(inside, 99.5)) if inside.size else 1.0


def _grey(ax, picture, top):
    ax.imshow(np.asarray(picture, np.float32).T, cmap="gray", vmin=0, vmax=top, origin="upper", interpolation="bicubic")


@styled
def score_steps(table: pd.DataFrame, step: str, source: str, xlabel: str) -> Figure:
    """Plot PSNR and SSIM inside the brain against how much was spoilt, a line per method, a row per kind of data.

    Parameters
    ----------
    table
        Columns method, data, `step`, psnr_brain and ssim_brain; points are means over all rows of a method and step.
    """
    need(table, ("method", "data", step, *SCORES))
    kinds = table["data"].unique()
    methods = table["method"].unique()
    marks = dict(zip(methods, METHOD_MARKS[: len(methods)], strict=True))
    shape = {"sharex": True, "squeeze": False}
    fig, axes = plot_sheet(2.7 * len(kinds), len(kinds), 2, source=source, key=True, grid="y", **shape)
    for line, kind in zip(axes, kinds, strict=True):
        means = table[table["data"] == kind].groupby(["method", step])[list(SCORES)].mean()
        for ax, (score, name) in zip(line, SCORES.items(), strict=True):
            for method, (colour, marker) in marks.items():
                points = means.loc[method, score]
                # Evenly spaced: levels double, and the highest is not more important.
                ax.plot(range(len(points)), points, color=colour, marker=marker, ms=7, gid=method,
                        lw=2.6 if method == "network" else 1.4, **MEAN)  # fmt: skip
            ax.set_xticks(range(len(points)), [f"{value:g}" for value in points.index])
            ax.set(title=kind, ylabel=name)
    for ax in axes[-1]:
        ax.set_xlabel(xlabel)
    foot_key(fig, {name: mark(color=colour, marker=marker, mec="white") for name, (colour, marker) in marks.items()})
    return fig


@styled
def distance_scale(table: pd.DataFrame, source: str) -> Figure:
    """Plot where sets of pictures lie between the floor and the ceiling of the Fréchet distance.

    Parameters
    ----------
    table
        Columns set, frechet, position and samples, as `studies.synthesis.tasks.distance_table` returns.
    """
    need(table, ("set", "frechet", "position", "samples"))
    fig, ax = plot_sheet(0.6 + 0.42 * len(table), source=source, grid="x")
    rows = np.arange(len(table))[::-1]
    ax.axvline(0.3, color=ACCENTS["grey"], lw=1, ls=(0, (3, 2)), gid="goal")
    ax.hlines(rows, 0, table["position"], color="#B8B8B8", lw=1.4)
    ax.plot(table["position"], rows, "o", color=ACCENTS["blue"], ms=9, mec="white", gid="position")
    for row, position, distance in zip(rows, table["position"], table["frechet"], strict=True):
        ax.annotate(f"{position:.2f}  ({distance:.3g})", (position, row), xytext=(9, 0), textcoords="offset points",
                    va="center", fontsize=10)  # fmt: skip
    ax.set_yticks(rows, [str(name) for name in table["set"]])
    # With few slices the floor is high, and a set may lie below it.
    low, high = min(0.0, table["position"].min()), max(1.0, table["position"].max())
    ax.set(xlim=(low - 0.03 * (high - low), high + 0.16 * (high - low)), ylim=(-0.6, len(table) - 0.4))
    samples = table["samples"].min()
    ax.set_xlabel(f"from the floor (0) to the ceiling (1); Fréchet distance in brackets; {samples} slices")
    return fig


@styled
def help_curve(table: pd.DataFrame, source: str) -> Figure:
    """Plot Dice against the number of synthetic slices that a segmentation network was given besides few patients.

    Parameters
    ----------
    table
        Columns arm, synthetic (how many), data, seed, region and dice. Rows of the arm "synthetic" make the curve;
        every other arm is a horizontal mark left of it.
    """
    need(table, ("arm", "synthetic", "data", "seed", "region", "dice"))
    kinds, regions = table["data"].unique(), regions_in(table)
    others = [arm for arm in table["arm"].unique() if arm != "synthetic"]
    counts = sorted(set(table.loc[table["arm"] == "synthetic", "synthetic"]))
    # Where each column of marks comes from, and its name.
    places = {(arm,): arm.replace(", ", ",\n") for arm in others}
    places |= {("synthetic", count): f"{count:,}\nsynthetic" for count in counts}
    fig, axes = plot_sheet(3.4 * len(kinds), len(kinds), source=source, key=True, grid="y", squeeze=False)
    for ax, kind in zip(axes[:, 0], kinds, strict=True):
        seeds = table[table["data"] == kind].groupby(["region", "arm", "synthetic", "seed"])["dice"].mean()
        for name, shift in zip(regions, np.linspace(-0.12, 0.12, len(regions)), strict=True):
            colour, marker = REGION_MARKS[name]
            for at, place in enumerate(places):
                dice = seeds.loc[name, *place]
                ax.vlines(at + shift, dice.min(), dice.max(), color=colour, lw=2)
                ax.plot(at + shift, dice.mean(), marker, color=colour, ms=8, mec="white", gid=name)
        ax.axvline(len(others) - 0.5, color="#CCCCCC", lw=1)
        ax.set_xticks(range(len(places)), places.values(), fontsize=9.5)
        ax.set(title=kind, ylabel="Dice, mean over cases")
    seeds = f"lowest to highest of {table['seed'].nunique()} seeds"
    foot_key(fig, region_marks(regions, ls="none") | {seeds: Patch(color="#6B6B6B")})
    return fig
