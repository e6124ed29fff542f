"""Systems beside each other: what they take against what they score, and where they err."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from brats_lib.figures import panels
from brats_lib.figures.plots import DICE, MEAN, plot_sheet
from brats_lib.figures.predictions import ERROR_LEGEND, mark_errors
from brats_lib.figures.style import Figure, brain_box, styled

COSTS = {"multiply_adds": "multiply-adds per voxel", "case_seconds": "seconds of one core per case"}
_OURS, _OTHERS = "#B5440B", "#1F5A85"


@styled
def cost_against_dice(table: pd.DataFrame, source: str, ours: Collection[str] = ()) -> Figure:
    """Plot the mean Dice of systems against the arithmetic of a voxel, and against the time of a case.

    Parameters
    ----------
    table
        A row per system: columns title, dice (mean over cases and regions), multiply_adds (per voxel) and case_seconds.
    ours
        Titles that are set off by colour.
    """
    fig, axes = plot_sheet(5.4, 1, 2, source=source, grid="y", sharey=True)
    for ax, (column, label) in zip(axes, COSTS.items(), strict=True):
        left, right = table[column].min(), table[column].max()
        ax.set(xscale="log", xlim=(left / 2, right * 2), xlabel=label)
        height = np.inf
        for _, row in table.sort_values("dice", ascending=False).iterrows():
            x, dice = row[column], row["dice"]
            colour = _OURS if row["title"] in ours else _OTHERS
            ax.plot(x, dice, "o", color=colour, ms=8, zorder=4, gid="system", **MEAN)
            # Names that would lie on each other are moved down, and tied to their points.
            height = min(dice, height - 0.03)
            tie = {"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkA": 0, "shrinkB": 4} if height < dice else None
            place, side = (x / 1.18, "right") if x > np.sqrt(left * right) else (x * 1.18, "left")
            text = {"va": "center", "ha": side, "fontsize": 9, "color": colour}
            ax.annotate(row["title"], (x, dice), xytext=(place, height), arrowprops=tie, **text)
    axes[0].set_ylabel(DICE)
    return fig


@styled
def system_errors(
    image: np.ndarray, truth: np.ndarray, masks: Mapping[str, np.ndarray], source: str, columns: int = 4
) -> Figure:
    """Show what each system found, missed and marked too much of the whole tumour in one axial slice.

    Parameters
    ----------
    image
        (x, y), 0 outside the brain; standardised intensities, which may be negative, will do.
    truth, masks
        Labels (x, y), and those of each system by its title.
    columns
        Panels in a row, at most.
    """
    volume = np.where(image != 0, image - np.min(image), 0).astype(np.float32)[..., None]
    box = brain_box(volume)
    columns = min(columns, len(masks))
    fig, axes = panels.box_sheet(box, -(-len(masks) // columns), columns, source, notes=1, legend=ERROR_LEGEND)
    for ax, (system, mask) in zip(axes.flat, masks.items(), strict=False):
        panels.mr_panel(ax, volume, 0, box, levels=panels.dimmed(volume))
        found, missed, extra = mark_errors(ax, mask[..., None], truth[..., None], 0, "WT")
        total = 2 * found + missed + extra
        panels.caption(ax, system, f"Dice of WT in this slice {2 * found / total if total else 1:.2f}")
    return fig
