"""Pictures that networks made, beside real ones, and how good they are."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from brats_lib.figures.panels import blank, caption, outline_labels, row_label, sheet
from brats_lib.figures.plots import REGION_MARKS, foot_key, need, plot_sheet, region_lines
from brats_lib.figures.style import ACCENTS, MODALITY_NAMES, TUMOUR, label_image, styled
from brats_lib.labels import REGIONS, to_labels

__all__ = ["distance_scale", "help_curve", "labelled_slices", "picture_rows", "score_steps"]

_COLOURS = tuple(ACCENTS.values())
_MARKERS = "osD^vP"


@styled
def labelled_slices(groups, source, title=None):
    """Show slices in four modalities with their labels: a column per slice, a row per modality.

    Parameters
    ----------
    groups : dict of str to (array, array)
        Heading over the first column of each group; images (n, h, w, 4) in 0-1 and class indices (n, h, w).
    source : str
        Where the images come from; printed at the foot.
    title : str, optional

    Returns
    -------
    Figure
    """
    images = np.concatenate([np.asarray(images, np.float32) for images, _ in groups.values()])
    labels = to_labels(np.concatenate([classes for _, classes in groups.values()]))
    side = images.shape[1]
    captions = [True] + [False] * 4
    fig, axes = sheet(
        [side] * len(images), [side] * 5, source=source, title=title, notes=0, legend=TUMOUR, left=0.35,
        captions=captions,
    )  # fmt: skip
    first = np.cumsum([0] + [len(group) for group, _ in groups.values()])[:-1]
    for column, image in enumerate(images):
        for row in range(4):
            _grey(axes[row, column], image[..., row], _ceiling(images[..., row]))
        # The background is black as in the pictures above, so that only tumours have colour.
        axes[4, column].imshow(label_image(labels[column].T, background=False), origin="upper", interpolation="nearest")
        blank(axes[4, column])
    for name, column in zip(groups, first, strict=True):
        caption(axes[0, column], name)
    for row, name in enumerate([*MODALITY_NAMES.values(), "labels"]):
        row_label(axes[row, 0], name)
    return fig


@styled
def picture_rows(rows, source, headings=None, classes=None, notes=None, title=None):
    """Show rows of single pictures.

    Parameters
    ----------
    rows : dict of str to array
        Name of each row and its pictures (n, h, w) in 0-1. A row has one grey scale.
    source : str
    headings : sequence of str, optional
        Over the columns.
    classes : array of int, shape (n, h, w), optional
        Class indices whose borders are drawn over every row.
    notes : dict of str to sequence of str, optional
        Small text in the panels of a row.
    title : str, optional

    Returns
    -------
    Figure
    """
    first = next(iter(rows.values()))
    count, side = len(first), np.shape(first)[1]
    fig, axes = sheet(
        [side] * count, [side] * len(rows), source=source, title=title, notes=0, left=0.35,
        captions=[headings is not None] + [False] * (len(rows) - 1),
    )  # fmt: skip
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        top = _ceiling(np.asarray(pictures))
        for column, ax in enumerate(line):
            _grey(ax, pictures[column], top)
            if classes is not None:
                outline_labels(ax, to_labels(classes[column]).T)
            if notes and name in notes:
                ax.text(0.03, 0.03, notes[name][column], transform=ax.transAxes, color="white", fontsize=9.5)
        row_label(line[0], name)
    for ax, heading in zip(axes[0], headings or (), strict=False):
        caption(ax, heading)
    return fig


@styled
def score_steps(table, step, source, scores=("psnr_brain", "ssim_brain"), xlabel=None, title=None):
    """Plot scores inside the brain against how much was spoilt, a line per method.

    Parameters
    ----------
    table : DataFrame
        Columns method, the step, data and the scores; points are means over all rows of a method and step.
    step : str
        Column on the x axis.
    source : str
    scores : sequence of str
        A column of panels each.
    xlabel, title : str, optional

    Returns
    -------
    Figure

    Raises
    ------
    BratsError
        If a column is missing.
    """
    need(table, ("method", "data", step, *scores))
    kinds, methods = (list(dict.fromkeys(table[column])) for column in ("data", "method"))
    fig, axes = plot_sheet(
        2.7 * len(kinds), len(kinds), len(scores), source=source, title=title, key=True, squeeze=False, sharex=True
    )  # fmt: skip
    names = {"psnr_brain": "PSNR in the brain (dB)", "ssim_brain": "SSIM in the brain"}
    for line, kind in zip(axes, kinds, strict=True):
        means = table[table["data"] == kind].groupby(["method", step])[list(scores)].mean()
        for ax, score in zip(line, scores, strict=True):
            for number, method in enumerate(methods):
                points = means.loc[method, score]
                # Evenly spaced: levels double, and the highest is not more important.
                ax.plot(range(len(points)), points, color=_COLOURS[number % len(_COLOURS)], marker=_MARKERS[number],
                        ms=7, mec="white", mew=0.8, gid=method, lw=2.6 if method == "network" else 1.4)  # fmt: skip
            ax.set_xticks(range(len(points)), [f"{value:g}" for value in points.index])
            ax.set_title(str(kind))
            ax.set_ylabel(names.get(score, score))
            ax.grid(axis="y")
    for ax in axes[-1]:
        ax.set_xlabel(xlabel or step)
    handles = [
        Line2D([], [], color=_COLOURS[n % len(_COLOURS)], marker=_MARKERS[n], mec="white") for n in range(len(methods))
    ]
    foot_key(fig, handles, methods)
    return fig


@styled
def distance_scale(table, source, title=None):
    """Plot where sets of pictures lie between the floor and the ceiling of the Fréchet distance.

    Parameters
    ----------
    table : DataFrame
        Columns set, frechet, position and samples, as `synthesis.tasks.distance_table` returns.
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
    need(table, ("set", "frechet", "position", "samples"))
    fig, ax = plot_sheet(0.6 + 0.42 * len(table), source=source, title=title)
    rows = np.arange(len(table))[::-1]
    ax.axvline(0.3, color=ACCENTS["grey"], lw=1, ls=(0, (3, 2)), gid="goal")
    ax.hlines(rows, 0, table["position"], color="#B8B8B8", lw=1.4)
    ax.plot(table["position"], rows, "o", color=ACCENTS["blue"], ms=9, mec="white", gid="position")
    for row, (_, line) in zip(rows, table.iterrows(), strict=True):
        ax.annotate(f"{line['position']:.2f}  ({line['frechet']:.3g})", (line["position"], row), xytext=(9, 0),
                    textcoords="offset points", va="center", fontsize=10)  # fmt: skip
    ax.set_yticks(rows, [str(name) for name in table["set"]])
    # With few slices the floor is high, and a set may lie below it.
    low, high = min(0.0, table["position"].min()), max(1.0, table["position"].max())
    ax.set(xlim=(low - 0.03 * (high - low), high + 0.16 * (high - low)), ylim=(-0.6, len(table) - 0.4))
    ax.set_xlabel(
        f"from the floor (0) to the ceiling (1); Fréchet distance in brackets; {table['samples'].min()} slices"
    )
    ax.grid(axis="x")
    return fig


@styled
def help_curve(table, source, title=None):
    """Plot Dice against the number of synthetic slices that a segmentation network was given besides few patients.

    Parameters
    ----------
    table : DataFrame
        Columns arm, synthetic (how many), data, seed, region and dice. Rows of the arm "synthetic" make the curve;
        every other arm is a horizontal mark left of it.
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
    need(table, ("arm", "synthetic", "data", "seed", "region", "dice"))
    kinds = list(dict.fromkeys(table["data"]))
    others = [arm for arm in dict.fromkeys(table["arm"]) if arm != "synthetic"]
    counts = sorted(set(table.loc[table["arm"] == "synthetic", "synthetic"]))
    ticks = [*others, *(f"{count:,}\nsynthetic" for count in counts)]
    fig, axes = plot_sheet(3.4 * len(kinds), len(kinds), source=source, title=title, key=True, squeeze=False)
    regions = [name for name in REGIONS if name in set(table["region"])]
    for ax, kind in zip(axes[:, 0], kinds, strict=True):
        here = table[table["data"] == kind]
        seeds = here.groupby(["arm", "synthetic", "region", "seed"])["dice"].mean()
        for name, shift in zip(regions, np.linspace(-0.12, 0.12, len(regions)), strict=True):
            colour, marker = REGION_MARKS[name]
            places = [(arm, None) for arm in others] + [("synthetic", count) for count in counts]
            for at, (arm, count) in enumerate(places):
                found = seeds.loc[arm].xs(name, level="region")
                found = found if count is None else found.loc[[count]]
                ax.vlines(at + shift, found.min(), found.max(), color=colour, lw=2)
                ax.plot(at + shift, found.mean(), marker, color=colour, ms=8, mec="white", gid=name)
        ax.axvline(len(others) - 0.5, color="#CCCCCC", lw=1)
        ax.set_xticks(range(len(ticks)), [tick.replace(", ", ",\n") for tick in ticks], fontsize=9.5)
        ax.set_title(str(kind))
        ax.set_ylabel("Dice, mean over cases")
        ax.grid(axis="y")
    handles, words = region_lines(regions, ls="none")
    count = table["seed"].nunique()
    foot_key(fig, [*handles, Patch(color="#6B6B6B")], [*words, f"lowest to highest of {count} seeds"])
    return fig


def _ceiling(pictures):
    inside = pictures[pictures > 0]
    return float(np.percentile(inside, 99.5)) if inside.size else 1.0


def _grey(ax, picture, top):
    ax.imshow(np.asarray(picture, np.float32).T, cmap="gray", vmin=0, vmax=top, origin="upper", interpolation="bicubic")
    blank(ax)
