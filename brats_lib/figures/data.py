"""From scans to batches: the whole process, the cohort in numbers, and every step up to what the network sees."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn
from matplotlib.colors import to_rgba
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch

from brats_lib.figures import panels, plots
from brats_lib.figures.generation import picture_rows
from brats_lib.figures.style import ACCENTS, MODALITY_NAMES, TUMOUR, Figure, Style, label_colours, modality_name, styled
from brats_lib.labels import COLOURS, LABEL_NAMES, LONG_NAMES, SCORED, to_labels
from brats_lib.recipes import PUBLISHED

SUBSETS = {"train": "training", "val": "validation", "test": "test"}
GRADES = {
    "HGG": ("high grade (HGG)", ACCENTS["blue"]),
    "LGG": ("low grade (LGG)", "#8CC3E6"),
    "none": ("grade not given", "#B5B5B5"),
}
PARTS = {"data": "blue", "preprocessing": "green", "training": "orange", "results": "purple"}


def _steps():
    """The boxes of the flow diagram: heading, two lines below, part of the work."""
    recipe, last = PUBLISHED, PUBLISHED.stop_slice - 1
    channels = " and ".join(modality_name(name) for name in recipe.modalities)
    return [
        ("BraTS cases", "FLAIR, T1, T1ce, T2\nand expert mask", "data"),
        ("Slices", f"axial {recipe.first_slice} to {last},\n{recipe.slices} a patient", "preprocessing"),
        ("Resize", f"{recipe.size} × {recipe.size} pixels,\nbilinear", "preprocessing"),
        ("Normalise", "outliers clipped,\n0 to 1 per scan", "preprocessing"),
        ("Two channels", f"{channels},\nstacked", "preprocessing"),
        ("Generator", "shuffled batches,\none-hot masks", "training"),
        ("2D U-Net", f"{recipe.width} to {recipe.width * 16} filters,\nsoftmax, 4 classes", "training"),
        ("Callbacks", "lower learning rate,\nkeep best weights", "training"),
        ("Scores", "as published, and\nper tumour region", "results"),
        ("App", "overlay, probabilities,\nvolumes in mL", "results"),
    ]


@styled
def flow_diagram(source: str) -> Figure:
    """Draw the whole process from data to app (paper figure 2)."""
    fig, ax = plots.sheet(3.8, source=source, key=True)
    ax.set(xlim=(0, 10), ylim=(0.3, 3.75), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    width, height = 1.72, 1.3
    arrow: Style = {"arrowstyle": "-|>", "mutation_scale": 15, "color": "#444444", "lw": 1.6}
    before = None
    for i, (heading, text, part) in enumerate(_steps()):
        # To the right in the first row and back in the second, so that every step is beside the next.
        x, y = (1 + 2 * i, 3.0) if i < 5 else (1 + 2 * (9 - i), 1.05)
        colour = ACCENTS[PARTS[part]]
        box = FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, "round,pad=0,rounding_size=0.09", lw=1.6,
            facecolor=to_rgba(colour, 0.13), edgecolor=colour,
        )  # fmt: skip
        ax.add_patch(box)
        ax.text(x, y + 0.3, f"{i + 1}. {heading}", ha="center", va="center", fontsize=12, fontweight="bold")
        ax.text(x, y - 0.2, text, ha="center", va="center", fontsize=9.6, color="#2A2A2A", linespacing=1.35)
        if before:
            patch, centre = before
            ax.add_patch(FancyArrowPatch(centre, (x, y), patchA=patch, patchB=box, **arrow))
        before = box, (x, y)
    plots.foot_key(fig, {part: Patch(facecolor=ACCENTS[colour], alpha=0.6) for part, colour in PARTS.items()})
    return fig


@styled
def intensity_distributions(samples: pd.DataFrame, source: str) -> Figure:
    """Plot how bright each tissue is in each modality, as violins with quartiles.

    A voxel has columns modality, tissue and intensity (z-score within the brain).
    """
    tissues = list(samples["tissue"].unique())
    palette = {tissue: "#B5B5B5" for tissue in tissues} | {LABEL_NAMES[label]: COLOURS[label] for label in TUMOUR}
    fig, axes = plots.sheet(1.4 + 1.1 * len(tissues), 2, 2, source=source, grid="x", sharex=True, sharey=True)
    for ax, modality in zip(axes.flat, MODALITY_NAMES, strict=True):
        rows = samples[samples["modality"] == modality]
        seaborn.violinplot(
            rows, x="intensity", y="tissue", hue="tissue", order=tissues, palette=palette, ax=ax, cut=0, inner="quart",
            density_norm="width", linewidth=0.9, saturation=1, legend=False,
        )  # fmt: skip
        ax.set(title=modality_name(modality), ylabel="", xlabel="intensity (z-score within the brain)")
        ax.tick_params(axis="y", length=0)
        ax.label_outer()
    axes[0, 0].set_xlim(*np.percentile(samples["intensity"], (0.1, 99.9)))
    return fig


@styled
def tumour_volumes(frame: pd.DataFrame, source: str) -> Figure:
    """Plot how large every region is, a dot per case; from columns case, region (WT, TC, ET, NCR, ED) and volume_ml."""
    regions = plots.regions_in(frame, SCORED)
    fig, ax = plots.sheet(0.9 + 0.62 * len(regions), source=source, key=True)
    line: Style = {"color": "#111111", "lw": 2.4}
    for row, name in enumerate(regions):
        values = frame.loc[frame["region"] == name, "volume_ml"].to_numpy(float)
        median = np.median(values)
        plots.dots(ax, row, values, s=40)
        ax.plot([median, median], [row - 0.28, row + 0.28], zorder=4, **line)
        plots.beside(ax, row, f"{median:,.1f} mL", fontsize=10.5)
    ax.set_yticks(range(len(regions)), [f"{name}\n{LONG_NAMES[name]}" for name in regions])
    high = max(200, 1.3 * frame["volume_ml"].max())
    plots.log_above_one(ax, (-0.05, high), [tick for tick in plots.TICKS_ML if tick <= high])
    plots.rows_only(ax)
    ax.set(ylim=(len(regions) - 0.5, -0.5), xlabel="volume in mL")
    dot = plots.mark(marker="o", color=ACCENTS["blue"], ls="none")
    plots.foot_key(fig, {"one case": dot, "median": plots.mark(**line)})
    return fig


@styled
def split_bars(frame: pd.DataFrame, source: str) -> Figure:
    """Plot how many patients each subset has, and of which grade (paper figure 3).

    A case has columns case, subset (train, val, test) and grade (HGG, LGG; anything else counts as not given).
    """
    grade = frame["grade"].where(frame["grade"].isin(["HGG", "LGG"]), "none")
    counts = pd.crosstab(frame["subset"], grade).reindex(list(SUBSETS), fill_value=0)
    counts = counts[[column for column in GRADES if column in counts]].rename(index=SUBSETS)
    totals = counts.sum(axis=1)
    fig, ax = plots.sheet(2.7, source=source, key=True)
    colours = [GRADES[column][1] for column in counts]
    counts.plot.barh(stacked=True, ax=ax, color=colours, width=0.62, edgecolor="white", legend=False)
    for column, bars in zip(counts, ax.containers, strict=True):
        ink = "white" if column == "HGG" else "#111111"
        ax.bar_label(bars, [str(n) if n else "" for n in counts[column]], label_type="center", fontsize=11, color=ink)
    texts = [f"{n} patient{'' if n == 1 else 's'}, {100 * n / totals.sum():.0f} %" for n in totals]
    ax.bar_label(ax.containers[-1], texts, padding=8, fontsize=11)
    ax.invert_yaxis()
    ax.set(xlim=(0, 1.25 * totals.max()), xticks=[], ylabel="")
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(axis="y", length=0, labelsize=12)
    plots.foot_key(fig, {GRADES[column][0]: Patch(color=GRADES[column][1]) for column in counts})
    return fig


@styled
def preprocessing_steps(steps: Sequence[tuple[str, np.ndarray]], source: str) -> Figure:
    """Show a slice (x, y) after each named step from file to network input, with its size and range."""
    rows = [steps[first : first + 3] for first in range(0, len(steps), 3)]
    heights = [min(1.3, max(image.shape[1] / image.shape[0] for _, image in row)) for row in rows]
    fig, axes = panels.sheet([1.0] * 3, heights, source, notes=1)
    for number, (ax, (name, image)) in enumerate(zip(axes.flat, steps, strict=False), 1):
        panels.picture_panel(ax, image, _levels(image), letters=number == 1)
        ax.set_anchor("NW")
        size = f"{image.shape[0]} × {image.shape[1]} pixels"
        panels.caption(ax, f"{number}. {name}", f"{size}, {_number(image.min())} to {_number(image.max())}")
    return fig


def _levels(image):
    """Grey levels of an image that may have been normalised in any way: minimum to 99.8th percentile."""
    return float(np.min(image)), float(np.percentile(image, 99.8))


def _number(value):
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", "−")


@styled
def augmentation_grid(examples: Mapping[str, tuple[np.ndarray, np.ndarray]], source: str) -> Figure:
    """Show a slice (x, y) with the class indices 0-3 of its pixels, then what each augmentation does to both."""
    original, _ = next(iter(examples.values()))
    width, height = original.shape
    fig, axes = panels.sheet([width] * 3, [height] * -(-len(examples) // 3), source, legend=label_colours())
    for ax, (name, (image, classes)) in zip(axes.flat, examples.items(), strict=False):
        panels.picture_panel(ax, image, _levels(original), letters=ax is axes[0, 0])
        panels.outline_labels(ax, to_labels(classes).T, 0.9)
        panels.caption(ax, name)
    return fig


def batch_panel(images: np.ndarray, labels: np.ndarray, source: str) -> Figure:
    """Show a batch as the network sees it: a column per slice, a row per channel, the mask below (paper figure 25).

    `images` (slices, x, y, 2) are FLAIR and T1ce in 0-1, `labels` class indices 0-3 (slices, x, y).
    """
    images = np.asarray(images, np.float32)
    rows = {"FLAIR": images[..., 0], "T1ce": images[..., 1], "mask": labels}
    headings = [f"slice {number}" for number in range(1, len(images) + 1)]
    return picture_rows(rows, source, headings, legend=label_colours())
