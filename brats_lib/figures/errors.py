"""Where a prediction and the expert's mask disagree."""

import numpy as np

from brats_lib.figures.panels import box_ratio, caption, dimmed, mr_panel, note, overlay, row_label, sheet, tint
from brats_lib.figures.style import axial, brain_box, styled
from brats_lib.labels import LONG_NAMES, region

__all__ = ["ERROR_LEGEND", "error_map", "mark_errors", "worst_cases"]

# Agreement is quiet, both kinds of error stand out, with every kind of colour vision (Okabe and Ito 2008).
ERRORS = {"found": "#FFFFFF", "missed": "#E69F00", "too much": "#56B4E9"}
ERROR_LEGEND = [
    (ERRORS["found"], "found (true positive)"),
    (ERRORS["missed"], "missed (false negative)"),
    (ERRORS["too much"], "too much (false positive)"),
]


def mark_errors(ax, prediction, truth, z, name):
    """Colour what is found, missed and too much of a region in a slice; return the three pixel counts."""
    got, wanted = axial(region(prediction, name), z), axial(region(truth, name), z)
    parts = {"found": got & wanted, "missed": wanted & ~got, "too much": got & ~wanted}
    for kind, pixels in parts.items():
        tint(ax, pixels.astype(np.float32) * (0.45 if kind == "found" else 1), ERRORS[kind])
    return [int(pixels.sum()) for pixels in parts.values()]


@styled
def error_map(volume, truth, prediction, z, source, title=None):
    """Show what of each scored region was found, missed and too much in a slice.

    Parameters
    ----------
    volume : array of float, shape (x, y, z)
    truth, prediction : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    z : int
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    box = brain_box(volume)
    width, height = box_ratio(box)
    fig, axes = sheet([width] * 3, [height], source=source, title=title, notes=2, legend=ERROR_LEGEND)
    for ax, name in zip(axes[0], ("WT", "TC", "ET"), strict=True):
        mr_panel(ax, volume, z, box, levels=dimmed(volume))
        found, missed, extra = mark_errors(ax, prediction, truth, z, name)
        caption(ax, f"{name}, {LONG_NAMES[name]}",
                f"{found:,} pixels found, {missed:,} missed,\n{extra:,} too much")  # fmt: skip
    return fig


@styled
def worst_cases(cases, scores, source, title=None, region="WT", count=3):
    """Show the cases with the lowest Dice of a region, and where the errors are.

    Parameters
    ----------
    cases : sequence of (str, array, array, array, int)
        Name, volume, true labels and predicted labels (x, y, z), and the axial slice to show.
    scores : DataFrame
        Long form with the columns ``case``, ``region``, ``dice`` and ``hd95_mm``.
    source : str
    title : str, optional
    region : {"WT", "TC", "ET", "NCR", "ED"}
    count : int
        Cases to show at most, worst first.

    Returns
    -------
    Figure
    """
    of_region = scores[scores["region"] == region].set_index("case")
    ranked = sorted((case for case in cases if case[0] in of_region.index), key=lambda case: of_region.dice[case[0]])
    worst = ranked[:count]
    if not worst:
        raise ValueError(f"scores have no row of region {region} for {[case[0] for case in cases]}")
    box = brain_box(*(volume for _, volume, *_ in worst))
    width, height = box_ratio(box)
    fig, axes = sheet([width] * 3, [height] * len(worst), source=source, title=title, notes=0, legend=ERROR_LEGEND,
                      left=0.22, captions=[True] + [False] * (len(worst) - 1))  # fmt: skip
    for row, (name, volume, truth, prediction, z) in zip(axes, worst, strict=True):
        for ax in row:
            mr_panel(ax, volume, z, box, levels=dimmed(volume) if ax is row[2] else None)
        overlay(row[0], truth, z)
        overlay(row[1], prediction, z)
        mark_errors(row[2], prediction, truth, z, region)
        row_label(row[0], name)
        score = of_region.loc[name]
        note(row[2], 0.02, 0.985, f"Dice {score.dice:.3f}\nHD95 {score.hd95_mm:.1f} mm", va="top")
    for ax, heading in zip(axes[0], ("Ground truth", "Prediction", f"Errors of {region}"), strict=True):
        caption(ax, heading)
    return fig
