"""What a network predicted, beside the expert's mask: masks and probabilities; errors, which are in `errors`, too."""

import matplotlib as mpl
import numpy as np
from scipy import ndimage

from brats_lib.figures.errors import error_map, worst_cases
from brats_lib.figures.panels import (
    box_ratio,
    caption,
    dimmed,
    fill,
    mask_panel,
    mr_panel,
    note,
    outline,
    overlay,
    row_label,
    sheet,
    tint,
    view,
)
from brats_lib.figures.style import TUMOUR, axial, brain_box, styled
from brats_lib.labels import COLOURS, ED, ET, LABEL_NAMES, LABELS, LONG_NAMES, NCR, SCORED, region, to_labels
from brats_lib.scores.challenge import score_region

__all__ = [
    "error_map", "hero", "predictions_overlay", "probability_maps", "single_class", "six_panels",
    "slice_truth_prediction", "worst_cases",
]  # fmt: skip

COMMON_NAMES = {NCR: "Core", ED: "Edema", ET: "Enhancing"}
PROBABILITY = mpl.colormaps["magma"]


@styled
def hero(volumes, truth, prediction, z, source, title=None):
    """Show the whole task in one row: two scans in, the expert's mask, the network's.

    Parameters
    ----------
    volumes : dict of str to array (x, y, z)
        With ``"flair"`` and ``"t1ce"``.
    truth, prediction : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    z : int
        Axial slice.
    source : str
        Where the images come from; printed at the foot.
    title : str, optional

    Returns
    -------
    Figure
    """
    box = brain_box(volumes["flair"], volumes["t1ce"])
    width, height = box_ratio(box)
    fig, axes = sheet([width] * 4, [height], source=source, title=title, notes=0, legend=TUMOUR)
    for ax, modality in zip(axes[0], ("flair", "t1ce", "t1ce", "t1ce"), strict=True):
        mr_panel(ax, volumes[modality], z, box)
    overlay(axes[0, 2], truth, z)
    overlay(axes[0, 3], prediction, z)
    for ax, heading in zip(axes[0], ("FLAIR", "T1ce", "Truth", "Network"), strict=True):
        caption(ax, heading)
    return fig


@styled
def predictions_overlay(cases, source, title=None):
    """Lay prediction and expert mask over slices of several cases (paper figure 9).

    Parameters
    ----------
    cases : sequence of (str, array, array, array, int)
        Name, volume, true labels and predicted labels (x, y, z), and the axial slice to show.
    source : str
        Where the images come from; printed at the foot.
    title : str, optional

    Returns
    -------
    Figure
    """
    box = brain_box(*(volume for _, volume, *_ in cases))
    width, height = box_ratio(box)
    fig, axes = sheet([width] * 3, [height] * len(cases), source=source, title=title, notes=0, legend=TUMOUR,
                      left=0.22, captions=[True] + [False] * (len(cases) - 1))  # fmt: skip
    for row, (name, volume, truth, prediction, z) in zip(axes, cases, strict=True):
        for ax in row:
            mr_panel(ax, volume, z, box)
        overlay(row[1], truth, z)
        overlay(row[2], prediction, z)
        row_label(row[0], name)
        note(row[0], 0.02, 0.985, f"z = {z}", va="top")
    for ax, heading in zip(axes[0], ("Scan", "Ground truth", "Prediction"), strict=True):
        caption(ax, heading)
    return fig


@styled
def slice_truth_prediction(volume, truth, prediction, z, source, title=None, name="FLAIR"):
    """Show slice, expert mask and predicted mask, left to right (paper figure 10).

    Parameters
    ----------
    volume : array of float, shape (x, y, z)
    truth, prediction : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    z : int
    source : str
    title : str, optional
    name : str
        What the volume is.

    Returns
    -------
    Figure
    """
    box = brain_box(volume)
    width, height = box_ratio(box)
    fig, axes = sheet([width] * 3, [height], source=source, title=title, notes=0, legend=TUMOUR)
    mr_panel(axes[0, 0], volume, z, box)
    mask_panel(axes[0, 1], truth, z, box)
    mask_panel(axes[0, 2], prediction, z, box)
    for ax, heading in zip(axes[0], (name, "Ground truth", "Prediction"), strict=True):
        caption(ax, heading)
    return fig


@styled
def six_panels(volume, truth, prediction, z, source, title=None, name="FLAIR"):
    """Show slice, truth, all classes, then edema, core and enhancing tumour one by one (paper figures 11 and 12).

    Parameters
    ----------
    volume : array of float, shape (x, y, z)
    truth : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    prediction : array of int, shape (x, y, z), or of float, shape (x, y, z, 4)
        Labels, or probabilities of the classes in the order of the labels: then the single classes are drawn as
        strongly as they are probable.
    z : int
    source : str
    title : str, optional
    name : str
        What the volume is.

    Returns
    -------
    Figure
    """
    prediction = np.asarray(prediction)
    if prediction.ndim == 4:
        strengths = np.asarray(prediction[:, :, z], np.float32)
        labels = to_labels(strengths.argmax(-1))
    else:
        labels = prediction[:, :, z]
        strengths = np.stack([labels == label for label in LABELS], axis=-1).astype(np.float32)
    box = brain_box(volume)
    width, height = box_ratio(box)
    fig, axes = sheet([width] * 3, [height] * 2, source=source, title=title, notes=0,
                      legend=[*((COLOURS[label], LABEL_NAMES[label]) for label in TUMOUR),
                              ("#FFFFFF", "line: ground truth of that class")])  # fmt: skip
    for ax in axes.flat:
        mr_panel(ax, volume, z, box, levels=None if ax in axes[0] else dimmed(volume))
    overlay(axes[0, 1], truth, z)
    overlay(axes[0, 2], labels[:, :, None], 0)
    for ax, heading in zip(axes[0], (name, "Ground truth", "Prediction, all classes"), strict=True):
        caption(ax, heading)
    for ax, label in zip(axes[1], (ED, NCR, ET), strict=True):
        tint(ax, strengths[..., LABELS.index(label)].T, COLOURS[label])
        outline(ax, axial(truth, z) == label, "white", 0.9)
        caption(ax, f"{COMMON_NAMES[label]} ({LABEL_NAMES[label]})")
    return fig


@styled
def probability_maps(volume, truth, probabilities, z, source, title=None, name="FLAIR"):
    """Show the probability of every class on one scale, with the expert's borders (paper figure 13).

    Parameters
    ----------
    volume : array of float, shape (x, y, z)
    truth : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    probabilities : array of float, shape (x, y, z, 4)
        In 0-1, classes in the order of the labels.
    z : int
    source : str
    title : str, optional
    name : str
        What the volume is.

    Returns
    -------
    Figure
    """
    box = brain_box(volume)
    width, height = box_ratio(box)
    meaning = "probability, as the network gives it\n(white line: ground truth)"
    fig, axes = sheet([width] * 3, [height] * 2, source=source, title=title, notes=1, colourbar=(PROBABILITY, meaning))
    mr_panel(axes[0, 0], volume, z, box)
    caption(axes[0, 0], name, f"z = {z}")
    mask_panel(axes[0, 1], truth, z, box)
    caption(axes[0, 1], "Ground truth", "the true mask")
    brain = ndimage.binary_fill_holes(axial(volume, z) != 0)
    for ax, label in zip((axes[0, 2], *axes[1]), LABELS, strict=True):
        shown = np.asarray(probabilities[:, :, z, LABELS.index(label)], np.float32).T
        ax.imshow(shown, cmap=PROBABILITY, vmin=0, vmax=1, origin="upper", interpolation="nearest")
        view(ax, box)
        outline(ax, brain, "#8A8A8A", 0.8)
        outline(ax, axial(truth, z) == label, "white", 0.9)
        caption(ax, LABEL_NAMES[label].capitalize() if not label else LABEL_NAMES[label],
                LONG_NAMES[LABEL_NAMES[label]] if label else "no tumour")  # fmt: skip
    return fig


@styled
def single_class(volume, truth, prediction, z, source, title=None, name="ED", spacing=(1.0, 1.0, 1.0)):
    """Compare one class with the truth: where it is, and how bright its voxels are (paper figure 14).

    Parameters
    ----------
    volume : array of float, shape (x, y, z)
    truth, prediction : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    z : int
    source : str
    title : str, optional
    name : {"NCR", "ED", "ET", "WT", "TC"}
        Label or region.
    spacing : (float, float, float)
        Voxel size in mm, for volumes in mL.

    Returns
    -------
    Figure
    """
    wanted, got = region(truth, name), region(prediction, name)
    colour = COLOURS[SCORED[name][-1]] if name in ("ED", "ET", "NCR") else COLOURS[ED]
    box = brain_box(volume)
    width, height = box_ratio(box)
    fig, axes = sheet([width, width, 1.25 * width], [height], source=source, title=title, notes=1)
    ml = np.prod(spacing) / 1000
    for ax, heading, pixels in ((axes[0, 0], "Ground truth", wanted), (axes[0, 1], "Prediction", got)):
        mr_panel(ax, volume, z, box)
        fill(ax, axial(pixels, z), colour)
        caption(ax, heading, f"{name}, {pixels.sum() * ml:,.1f} mL in the whole scan")
    dice = score_region(got, wanted, spacing)["dice"]
    caption(axes[0, 2], "Intensities", f"of all its voxels; Dice {dice:.3f}")
    _distributions(axes[0, 2], volume[wanted], volume[got], colour)
    return fig


def _distributions(ax, wanted, got, colour):
    """Draw two normalised histograms in a panel of a black sheet."""
    ax = ax.inset_axes((0.1, 0.13, 0.88, 0.84), facecolor="black")
    both = np.concatenate([wanted, got])
    edges = np.histogram_bin_edges(both, bins=48, range=np.percentile(both, (0.2, 99.8))) if both.size else [0, 1]
    if wanted.size:
        ax.hist(wanted, edges, density=True, color=colour, alpha=0.75, label="ground truth")
    if got.size:
        ax.hist(got, edges, density=True, histtype="step", color="white", lw=1.8, label="prediction")
    if both.size:
        ax.legend(loc="upper right", labelcolor="white", handlelength=1.2)
        ax.set_ylim(0, 1.22 * ax.get_ylim()[1])
        ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    ax.spines[:].set(visible=False)
    ax.spines["bottom"].set(visible=True, color="#BBBBBB")
    ax.tick_params(colors="white", labelsize=10)
    ax.set_yticks([])
    ax.set_xlabel("intensity (as stored in the scan)", color="white")
    ax.set_ylabel("share of voxels", color="white")
