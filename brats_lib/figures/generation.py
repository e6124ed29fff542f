"""Images that networks made, beside real ones, and how good they are."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn

from brats_lib.figures import panels, plots
from brats_lib.figures.style import ACCENTS, MODALITY_NAMES, Figure, label_colours, label_image, styled
from brats_lib.labels import to_labels

SCORES = {"psnr_brain": "PSNR in the brain (dB)", "ssim_brain": "SSIM in the brain"}
METHOD_MARKS = [*zip([*ACCENTS.values(), ACCENTS["blue"]], "osD^vP", strict=True)]


def labelled_slices(groups: Mapping[str, tuple[np.ndarray, np.ndarray]], source: str) -> Figure:
    """Show slices in four modalities with their labels: a column per slice, a row per modality.

    A group has a heading over its first column, images (n, h, w, 4) in 0-1 and class indices (n, h, w).
    """
    images = np.concatenate([np.asarray(images, np.float32) for images, _ in groups.values()])
    classes = np.concatenate([classes for _, classes in groups.values()])
    rows = {name: images[..., channel] for channel, name in enumerate(MODALITY_NAMES.values())} | {"labels": classes}
    headings = [text for name, (group, _) in groups.items() for text in (name, *[""] * (len(group) - 1))]
    return picture_rows(rows, source, headings, legend=label_colours())


@styled
def picture_rows(
    rows: Mapping[str, Sequence[np.ndarray] | np.ndarray],
    source: str,
    headings: Sequence[str] = (),
    classes: np.ndarray | None = None,
    notes: Mapping[str, Sequence[str]] | None = None,
    legend: Sequence[tuple[str, str]] = (),
) -> Figure:
    """Show rows of single pictures (n, h, w): intensities in 0-1, with one grey scale in a row, or class indices.

    `headings` stand over the columns, and `notes` in the panels of a row, by its name. The borders of `classes`, class
    indices (n, h, w), are drawn over every row. The `legend` explains colours at the foot.
    """
    count, side = np.shape(next(iter(rows.values())))[:2]
    captioned = [0] if headings else []
    fig, axes = panels.sheet([side] * count, [side] * len(rows), source, left=0.35, captioned=captioned, legend=legend)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        pictures = np.asarray(pictures)
        white = np.percentile(pictures[pictures > 0], 99.5) if np.any(pictures > 0) else 1
        for column, (ax, picture) in enumerate(zip(line, pictures, strict=True)):
            if np.issubdtype(pictures.dtype, np.integer):
                ax.imshow(label_image(to_labels(picture.T)), origin="upper", interpolation="nearest")
            else:
                panels.picture_panel(ax, picture, (0, white), letters=ax is axes[0, 0])
            if classes is not None:
                panels.outline_labels(ax, to_labels(classes[column]).T)
            if notes and name in notes:
                ax.text(0.03, 0.03, notes[name][column], transform=ax.transAxes, color="white", fontsize=9.5)
        panels.row_label(line[0], name)
    if headings:
        panels.captions(axes[0], *headings)
    return fig


@styled
def score_steps(table: pd.DataFrame, step: str, source: str, xlabel: str) -> Figure:
    """Plot PSNR and SSIM inside the brain against how much was spoilt, a line per method, a row per kind of data.

    The table has columns method, data, `step`, psnr_brain and ssim_brain; points are means over all rows of a method
    and step.
    """
    kinds, methods = table["data"].unique(), table["method"].unique()
    colours, markers = zip(*METHOD_MARKS[: len(methods)], strict=True)
    style = {"hue_order": methods, "palette": list(colours), "markers": list(markers), "lw": 1.6, "ms": 7, **plots.MEAN}
    shape = {"sharex": True, "squeeze": False}
    fig, axes = plots.sheet(2.7 * len(kinds), len(kinds), 2, source=source, key=True, grid="y", **shape)
    for line, kind in zip(axes, kinds, strict=True):
        for ax, (score, name) in zip(line, SCORES.items(), strict=True):
            # Evenly spaced: levels double, and the highest is not more important.
            seaborn.pointplot(
                table[table["data"] == kind], x=step, y=score, hue="method", errorbar=None, legend=False, ax=ax,
                formatter="{:g}".format, **style,
            )  # fmt: skip
            ax.set(title=kind, xlabel=xlabel if kind == kinds[-1] else "", ylabel=name)
    marks = zip(methods, colours, markers, strict=True)
    plots.foot_key(fig, {name: plots.mark(color=colour, marker=marker, mec="white") for name, colour, marker in marks})
    return fig


@styled
def distance_scale(table: pd.DataFrame, source: str) -> Figure:
    """Plot where sets of pictures lie between the floor and the ceiling of the Fréchet distance.

    The table is that of `studies.synthesis.tasks.distance_table`.
    """
    fig, ax = plots.sheet(0.6 + 0.42 * len(table), source=source, grid="x")
    rows = np.arange(len(table))[::-1]
    ax.axvline(0.3, color=ACCENTS["grey"], lw=1, ls=(0, (3, 2)), gid="goal")
    ax.hlines(rows, 0, table["position"], color="#B8B8B8", lw=1.4)
    ax.plot(table["position"], rows, "o", color=ACCENTS["blue"], ms=9, mec="white", gid="position")
    for row, position, distance in zip(rows, table["position"], table["frechet"], strict=True):
        text = f"{position:.2f}  ({distance:.3g})"
        ax.annotate(text, (position, row), xytext=(9, 0), textcoords="offset points", va="center", fontsize=10)
    ax.set_yticks(rows, [str(name) for name in table["set"]])
    # With few slices the floor is high, and a set may lie below it.
    low, high = min(0.0, table["position"].min()), max(1.0, table["position"].max())
    ax.set(xlim=(low - 0.03 * (high - low), high + 0.16 * (high - low)), ylim=(-0.6, len(table) - 0.4))
    samples = table["samples"].min()
    ax.set_xlabel(f"from the floor (0) to the ceiling (1); Fréchet distance in brackets; {samples} slices")
    return fig
