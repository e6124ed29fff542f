"""Systems beside each other: what they take against what they score, and where they err."""

import numpy as np

from brats_lib.figures.errors import ERROR_LEGEND, mark_errors
from brats_lib.figures.panels import blank, box_ratio, caption, dimmed, mr_panel, sheet
from brats_lib.figures.plots import need, plot_sheet
from brats_lib.figures.style import brain_box, styled

__all__ = ["cost_against_dice", "system_errors"]

_OURS, _OTHERS = "#B5440B", "#1F5A85"


@styled
def cost_against_dice(table, source, title=None, ours=()):
    """Plot the mean Dice of systems against the arithmetic of a voxel, and against the time of a case.

    Parameters
    ----------
    table : DataFrame
        A row per system: columns title, dice (mean over cases and regions), multiply_adds (per voxel) and case_seconds.
    source : str
        Where the data come from; printed at the foot.
    title : str, optional
    ours : sequence of str
        Titles that are set off by colour.

    Returns
    -------
    Figure

    Raises
    ------
    BratsError
        If a column is missing.
    """
    axes_of = {"multiply_adds": "multiply-adds per voxel", "case_seconds": "seconds of one core per case"}
    need(table, ("title", "dice", *axes_of))
    fig, axes = plot_sheet(5.4, 1, 2, source=source, title=title, sharey=True)
    for ax, (column, label) in zip(np.ravel(axes), axes_of.items(), strict=True):
        ax.set_xscale("log")
        left, right = table[column].min(), table[column].max()
        ax.set_xlim(left / 2, right * 2)
        middle = np.sqrt(left * right)
        placed = []
        for _, row in table.sort_values("dice", ascending=False).iterrows():
            colour = _OURS if row["title"] in ours else _OTHERS
            ax.plot(row[column], row["dice"], "o", color=colour, ms=8, mec="white", mew=0.8, zorder=4, gid="system")
            # Names that would lie on each other are moved down, and tied to their points.
            height = min([row["dice"], *(other - 0.03 for other in placed)])
            placed.append(height)
            moved = {"arrowprops": {"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkA": 0, "shrinkB": 4}}
            side = -1 if row[column] > middle else 1
            ax.annotate(
                row["title"], (row[column], row["dice"]), xytext=(row[column] * 1.18**side, height), va="center",
                ha="right" if side < 0 else "left", fontsize=9, color=colour, **(moved if height < row["dice"] else {}),
            )  # fmt: skip
        ax.set_xlabel(label)
        ax.grid(axis="y")
    np.ravel(axes)[0].set_ylabel("Dice, mean of WT, TC and ET")
    return fig


@styled
def system_errors(image, truth, masks, source, title=None, name="WT", columns=4):
    """Show what each system found, missed and marked too much of a region in one slice.

    Parameters
    ----------
    image : array of float, shape (x, y)
        Axial slice, 0 outside the brain; standardised intensities, which may be negative, will do.
    truth : array of int, shape (x, y)
        Labels 0, 1, 2, 4.
    masks : dict of str to array of int, shape (x, y)
        Title of a system to its labels.
    source : str
    title : str, optional
    name : {"WT", "TC", "ET", "NCR", "ED"}
        Region.
    columns : int
        Panels in a row, at most.

    Returns
    -------
    Figure
    """
    volume = np.where(image != 0, image - np.min(image), 0).astype(np.float32)[..., None]
    box = brain_box(volume)
    width, height = box_ratio(box)
    columns = min(columns, len(masks))
    rows = -(-len(masks) // columns)
    fig, axes = sheet([width] * columns, [height] * rows, source=source, title=title, notes=1, legend=ERROR_LEGEND)
    for ax in np.ravel(axes)[len(masks) :]:
        blank(ax)
    for ax, (system, mask) in zip(np.ravel(axes), masks.items(), strict=False):
        mr_panel(ax, volume, 0, box, levels=dimmed(volume))
        found, missed, extra = mark_errors(ax, mask[..., None], truth[..., None], 0, name)
        total = 2 * found + missed + extra
        caption(ax, system, f"Dice of {name} in this slice {2 * found / total if total else 1:.2f}")
    return fig
