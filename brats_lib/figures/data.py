"""From scans to batches: the cohort in numbers, the split, and every step up to what the network sees."""

import numpy as np
import pandas as pd
import seaborn
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from brats_lib.figures.flow import flow_diagram
from brats_lib.figures.panels import caption, mask_panel, mr_panel, outline_labels, row_label, sheet
from brats_lib.figures.plots import dots, foot_key, plot_sheet
from brats_lib.figures.style import ACCENTS, MODALITY_NAMES, TUMOUR, modality_name, styled
from brats_lib.labels import COLOURS, LABEL_NAMES, LONG_NAMES, SCORED, to_labels

__all__ = [
    "augmentation_grid", "batch_panel", "flow_diagram", "intensity_distributions", "preprocessing_steps",
    "split_bars", "tumour_volumes",
]  # fmt: skip

HEALTHY = "#B5B5B5"
SUBSETS = {"train": "training", "val": "validation", "test": "test"}
GRADES = {"HGG": ("high grade (HGG)", ACCENTS["blue"]), "LGG": ("low grade (LGG)", "#8CC3E6")}
UNKNOWN = ("grade not given", "#B5B5B5")


@styled
def intensity_distributions(samples, source, title=None):
    """Plot how bright each tissue is in each modality, as violins with quartiles.

    Parameters
    ----------
    samples : DataFrame
        Columns modality, tissue and intensity (z-scores within the brain), a row per voxel.
    source : str
        Where the data come from; printed at the foot.
    title : str, optional

    Returns
    -------
    Figure
    """
    tissues = list(dict.fromkeys(samples["tissue"]))
    palette = {name: COLOURS[label] for label, name in LABEL_NAMES.items() if label}
    palette = {tissue: palette.get(tissue, HEALTHY) for tissue in tissues}
    fig, axes = plot_sheet(1.4 + 1.1 * len(tissues), 2, 2, source=source, title=title, sharex=True, sharey=True)
    for ax, modality in zip(axes.flat, MODALITY_NAMES, strict=True):
        rows = samples[samples["modality"] == modality]
        seaborn.violinplot(rows, x="intensity", y="tissue", hue="tissue", order=tissues, palette=palette, ax=ax, cut=0,
                           inner="quart", density_norm="width", linewidth=0.9, saturation=1, legend=False)  # fmt: skip
        ax.set(title=modality_name(modality), ylabel="", xlabel="")
        ax.grid(axis="x")
        ax.tick_params(axis="y", length=0)
    axes[0, 0].set_xlim(*np.percentile(samples["intensity"], (0.1, 99.9)))
    for ax in axes[1]:
        ax.set_xlabel("intensity (z-score within the brain)")
    return fig


@styled
def tumour_volumes(frame, source, title=None, reference=None):
    """Plot how large every region is, a dot per case, beside a reference cohort.

    Parameters
    ----------
    frame : DataFrame
        Columns case, region (WT, TC, ET, NCR, ED) and volume_ml.
    source : str
    title : str, optional
    reference : dict of str to (float, float, float), optional
        Lower quartile, median and upper quartile in mL by region.

    Returns
    -------
    Figure
    """
    regions = [name for name in SCORED if name in set(frame["region"])]
    fig, ax = plot_sheet(0.9 + 0.62 * len(regions), source=source, title=title, key=True)
    for row, name in enumerate(regions):
        values = frame.loc[frame["region"] == name, "volume_ml"].to_numpy(float)
        if reference and name in reference:
            low, middle, high = reference[name]
            ax.barh(row, high - low, left=low, height=0.56, color="#E4E4E4", zorder=1)
            ax.plot([middle, middle], [row - 0.28, row + 0.28], color="#8A8A8A", lw=2, zorder=2)
        dots(ax, row, values, ACCENTS["blue"], s=40)
        median = np.median(values)
        ax.plot([median, median], [row - 0.28, row + 0.28], color="#111111", lw=2.4, zorder=4)
        ax.annotate(f"{median:,.1f} mL", (1.015, row), xycoords=("axes fraction", "data"), va="center", fontsize=10.5)
    ax.set_yticks(range(len(regions)), [f"{name}\n{LONG_NAMES[name]}" for name in regions])
    ax.set_ylim(len(regions) - 0.5, -0.5)
    # Logarithmic above 1 mL; below it linear, because a tumour may have none of a label.
    ax.set_xscale("symlog", linthresh=1, linscale=0.4)
    ax.set_xlim(-0.05, max(200, 1.3 * frame["volume_ml"].max()))
    ticks = [tick for tick in (0, 1, 3, 10, 30, 100, 300) if tick <= ax.get_xlim()[1]]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("volume in mL")
    handles = [Line2D([], [], marker="o", color=ACCENTS["blue"], ls="none"), Line2D([], [], color="#111111", lw=2.4)]
    names = ["one case", "median"]
    if reference:
        handles, names = [*handles, Patch(color="#E4E4E4")], [*names, "BraTS 2020: quartiles and median"]
    foot_key(fig, handles, names)
    return fig


@styled
def split_bars(frame, source, title=None):
    """Plot how many patients each subset has, and of which grade (paper figure 3).

    Parameters
    ----------
    frame : DataFrame
        One row per case with the columns case, subset ("train", "val", "test") and grade ("HGG", "LGG"; anything
        else counts as not given).
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    grade = frame["grade"].where(frame["grade"].isin(list(GRADES)), "none")
    counts = pd.crosstab(frame["subset"], grade).reindex(list(SUBSETS), fill_value=0)
    fig, ax = plot_sheet(2.7, source=source, title=title, key=True)
    left = np.zeros(len(counts))
    shown = []
    for column in (*GRADES, "none"):
        if column not in counts:
            continue
        name, colour = GRADES.get(column, UNKNOWN)
        bars = ax.barh(range(len(counts)), counts[column], left=left, color=colour, height=0.62, edgecolor="white")
        ax.bar_label(bars, [str(n) if n else "" for n in counts[column]], label_type="center", fontsize=11,
                     color="white" if column == "HGG" else "#111111")  # fmt: skip
        left += counts[column].to_numpy()
        shown.append((Patch(color=colour), name))
    for row, total in enumerate(left):
        patients = "1 patient" if total == 1 else f"{total:.0f} patients"
        ax.annotate(f"{patients}, {100 * total / max(left.sum(), 1):.0f} %", (total, row), xytext=(8, 0),
                    textcoords="offset points", va="center", fontsize=11)  # fmt: skip
    ax.set_yticks(range(len(counts)), [SUBSETS[name] for name in counts.index], fontsize=12)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.25 * max(left.max(), 1))
    ax.set_xticks([])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    foot_key(fig, *zip(*shown, strict=True))
    return fig


def _whole(shape):
    """The box of a stack (x, y, n)."""
    return tuple((0, length) for length in shape)


@styled
def batch_panel(images, labels, source, title=None, channels=("FLAIR", "T1ce")):
    """Show a batch as the network sees it: a column per slice, a row per channel, the mask below (paper figure 25).

    Parameters
    ----------
    images : array of float, shape (slices, x, y, channels)
    labels : array of int, shape (slices, x, y)
        Class indices 0-3.
    source : str
    title : str, optional
    channels : sequence of str
        Names of the channels.

    Returns
    -------
    Figure
    """
    images, masks = np.asarray(images, np.float32), np.moveaxis(to_labels(labels), 0, -1)
    count, width, height, _ = images.shape
    fig, axes = sheet([width] * count, [height] * (len(channels) + 1), source=source, title=title, notes=0, left=0.22,
                      legend=TUMOUR, captions=[True] + [False] * len(channels))  # fmt: skip
    box = _whole(masks.shape)
    for channel, name in enumerate(channels):
        stack = np.moveaxis(images[..., channel], 0, -1)
        for i, ax in enumerate(axes[channel]):
            mr_panel(ax, stack, i, box, levels=_levels(stack), letters=i == channel == 0)
        row_label(axes[channel, 0], name)
    for i, ax in enumerate(axes[-1]):
        mask_panel(ax, masks, i, box, letters=False)
    row_label(axes[-1, 0], "mask")
    for i, ax in enumerate(axes[0]):
        caption(ax, f"slice {i + 1}")
    return fig


def _levels(image):
    """Grey levels of an image that may have been normalised in any way: minimum to 99.8th percentile."""
    low, high = float(np.min(image)), float(np.percentile(image, 99.8))
    return (low, high) if high > low else (low, low + 1)


@styled
def preprocessing_steps(steps, source, title=None):
    """Show a slice after each step from file to network input, with its size and range.

    Parameters
    ----------
    steps : sequence of (str, array of float, shape (x, y))
        Name of the step and the slice after it.
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    columns = min(3, len(steps))
    rows = -(-len(steps) // columns)
    ratios = [image.shape[1] / image.shape[0] for _, image in steps]
    heights = [min(1.3, max(ratios[row * columns : (row + 1) * columns])) for row in range(rows)]
    fig, axes = sheet([1.0] * columns, heights, source=source, title=title, notes=1)
    for number, (ax, (name, image)) in enumerate(zip(axes.flat, steps, strict=False), 1):
        stack = np.asarray(image, np.float32)[..., None]
        mr_panel(ax, stack, 0, _whole(stack.shape), levels=_levels(stack), letters=number == 1)
        ax.set_anchor("NW")
        size = f"{image.shape[0]} × {image.shape[1]} pixels"
        caption(ax, f"{number}. {name}", f"{size}, {_number(image.min())} to {_number(image.max())}")
    return fig


def _number(value):
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", "−")


@styled
def augmentation_grid(examples, original, source, title=None):
    """Show what each augmentation does to a slice and its mask.

    Parameters
    ----------
    examples : dict of str to (array of float, array of int), shapes (x, y)
        Name of the augmentation, and the slice and its class indices 0-3 after it.
    original : (array of float, array of int)
        Slice and class indices before.
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    shown = {"original": original, **examples}
    rows = -(-len(shown) // 3)
    width, height = original[0].shape
    fig, axes = sheet([width] * 3, [height] * rows, source=source, title=title, notes=0, legend=TUMOUR)
    levels = _levels(original[0])
    for ax, (name, (image, classes)) in zip(axes.flat, shown.items(), strict=False):
        stack = np.asarray(image, np.float32)[..., None]
        mr_panel(ax, stack, 0, _whole(stack.shape), levels=levels, letters=name == "original")
        outline_labels(ax, to_labels(classes).T, 0.9)
        caption(ax, name)
    return fig
