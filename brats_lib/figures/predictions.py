"""What a network predicted, beside the expert's mask: masks, probabilities and errors.

`probabilities` are in 0-1, (x, y, z, 4), the classes in the order of the labels.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

from brats_lib.figures import panels
from brats_lib.figures.style import AXIAL, TUMOUR, Figure, Volumes, brain_box, label_colours, styled
from brats_lib.labels import COLOURS, ED, ET, LABEL_NAMES, LABELS, LONG_NAMES, NCR, REGIONS, region, to_labels
from brats_lib.scores.challenge import score_region

# Agreement is quiet, both kinds of error stand out, with every kind of colour vision (Okabe and Ito 2008).
ERROR_LEGEND = [
    ("#FFFFFF", "found (true positive)"),
    ("#E69F00", "missed (false negative)"),
    ("#56B4E9", "too much (false positive)"),
]


@styled
def hero(volumes: Volumes, truth: np.ndarray, prediction: np.ndarray, z: int, source: str) -> Figure:
    """Show the whole task in one row: FLAIR and T1ce in, the expert's mask, the network's."""
    box = brain_box(volumes["flair"], volumes["t1ce"])
    fig, axes = panels.box_sheet(box, 1, 4, source, legend=label_colours())
    for ax, modality in zip(axes[0], ("flair", "t1ce", "t1ce", "t1ce"), strict=True):
        panels.mr_panel(ax, volumes[modality], z, box)
    panels.overlay(axes[0, 2], truth, z)
    panels.overlay(axes[0, 3], prediction, z)
    panels.captions(axes[0], "FLAIR", "T1ce", "Truth", "Network")
    return fig


@styled
def predictions_overlay(cases: Sequence[tuple[str, np.ndarray, np.ndarray, np.ndarray, int]], source: str) -> Figure:
    """Lay prediction and expert mask over slices of several cases (paper figure 9).

    A case is its name, volume, true labels, predicted labels and the axial slice to show.
    """
    box = brain_box(*(volume for _, volume, *_ in cases))
    fig, axes = panels.box_sheet(box, len(cases), 3, source, legend=label_colours(), left=panels.LEFT, captioned=[0])
    for row, (name, volume, truth, prediction, z) in zip(axes, cases, strict=True):
        for ax in row:
            panels.mr_panel(ax, volume, z, box)
        panels.overlay(row[1], truth, z)
        panels.overlay(row[2], prediction, z)
        panels.row_label(row[0], name)
        panels.note(row[0], f"z = {z}")
    panels.captions(axes[0], "Scan", "Ground truth", "Prediction")
    return fig


@styled
def slice_truth_prediction(
    volume: np.ndarray, truth: np.ndarray, prediction: np.ndarray, z: int, source: str
) -> Figure:
    """Show a FLAIR slice, expert mask and predicted mask, left to right (paper figure 10)."""
    box = brain_box(volume)
    fig, axes = panels.box_sheet(box, 1, 3, source, legend=label_colours())
    panels.mr_panel(axes[0, 0], volume, z, box)
    panels.mask_panel(axes[0, 1], truth, z, box)
    panels.mask_panel(axes[0, 2], prediction, z, box)
    panels.captions(axes[0], "FLAIR", "Ground truth", "Prediction")
    return fig


@styled
def six_panels(volume: np.ndarray, truth: np.ndarray, probabilities: np.ndarray, z: int, source: str) -> Figure:
    """Show a FLAIR slice, truth, all classes, then edema, core and enhancing tumour (paper figures 11 and 12).

    The single classes are drawn as strongly as they are probable.
    """
    strengths = np.asarray(probabilities[:, :, z], np.float32)
    box = brain_box(volume)
    legend = [(COLOURS[label], LABEL_NAMES[label]) for label in TUMOUR]
    fig, axes = panels.box_sheet(box, 2, 3, source, legend=[*legend, ("#FFFFFF", "line: ground truth of that class")])
    for ax in axes.flat:
        panels.mr_panel(ax, volume, z, box, levels=None if ax in axes[0] else panels.dimmed(volume))
    panels.overlay(axes[0, 1], truth, z)
    panels.overlay(axes[0, 2], to_labels(strengths.argmax(-1))[..., None], 0)
    panels.captions(axes[0], "FLAIR", "Ground truth", "Prediction, all classes")
    for ax, label, name in zip(axes[1], (ED, NCR, ET), ("Edema", "Core", "Enhancing"), strict=True):
        panels.tint(ax, strengths[..., LABELS.index(label)].T, COLOURS[label])
        panels.outline(ax, AXIAL.cut(truth, z) == label, "white", 0.9)
        panels.caption(ax, f"{name} ({LABEL_NAMES[label]})")
    return fig


@styled
def probability_maps(volume: np.ndarray, truth: np.ndarray, probabilities: np.ndarray, z: int, source: str) -> Figure:
    """Show a FLAIR slice, truth, and the probability of every class with the expert's borders (paper figure 13)."""
    box = brain_box(volume)
    scale = "probability, as the network gives it\n(white line: ground truth)"
    fig, axes = panels.box_sheet(box, 2, 3, source, notes=1, scale=scale)
    panels.mr_panel(axes[0, 0], volume, z, box)
    panels.caption(axes[0, 0], "FLAIR", f"z = {z}")
    panels.mask_panel(axes[0, 1], truth, z, box)
    panels.caption(axes[0, 1], "Ground truth", "the true mask")
    for channel, (ax, label) in enumerate(zip((axes[0, 2], *axes[1]), LABELS, strict=True)):
        panels.probability_panel(ax, probabilities[:, :, z, channel], volume, z, box)
        panels.outline(ax, AXIAL.cut(truth, z) == label, "white", 0.9)
        name = LABEL_NAMES[label]
        panels.caption(ax, name if label else name.capitalize(), LONG_NAMES[name] if label else "no tumour")
    return fig


@styled
def region_maps(
    volumes: Volumes, truth: np.ndarray, probabilities: np.ndarray, z: int, source: str, prediction: np.ndarray
) -> Figure:
    """Show the probability of each region in a slice, with the borders of the true and of the network's region.

    The probabilities (x, y, z, 3) are those of WT, TC and ET; `prediction` holds the labels that were made of them.
    """
    box = brain_box(volumes["flair"], volumes["t1ce"])
    # All that is tumour or might be: a false alarm far away must not fall outside the enlarged panels. Below 0.1 a
    # probability is black to the eye.
    tumour = (truth != 0) | (prediction != 0) | (probabilities > 0.1).any(-1)
    close = panels.zoom_box(tumour, z, box)
    width, height = panels.box_ratio(box)
    scale = "probability of the region;\nnetwork's border in blue, the true one in white"
    fig, axes = panels.sheet([width] * 3, [height, width], source, notes=1, legend=label_colours(), scale=scale)
    headings = ("FLAIR", f"z = {z}"), ("T1ce", f"z = {z}"), ("Labels", "what the network decides, on T1ce")
    for ax, modality, heading in zip(axes[0], ("flair", "t1ce", "t1ce"), headings, strict=True):
        panels.mr_panel(ax, volumes[modality], z, box)
        panels.caption(ax, *heading)
    panels.frame(axes[0, 0], close)
    panels.overlay(axes[0, 2], prediction, z)
    for channel, (ax, name) in enumerate(zip(axes[1], REGIONS, strict=True)):
        panels.probability_panel(ax, probabilities[:, :, z, channel], volumes["flair"], z, close, letters=False)
        panels.outline(ax, AXIAL.cut(region(truth, name), z), "white", 1.5)
        panels.outline(ax, AXIAL.cut(region(prediction, name), z), "#4FD8FF", 1.2)
        panels.caption(ax, name, f"{LONG_NAMES[name]}, enlarged")
    return fig


@styled
def single_class(
    volume: np.ndarray, truth: np.ndarray, prediction: np.ndarray, z: int, source: str, spacing: tuple[float, ...]
) -> Figure:
    """Compare edema with the truth: where it is, and how bright its voxels are (paper figure 14).

    `spacing` is the voxel size in mm, for volumes in mL.
    """
    name, colour = LABEL_NAMES[ED], COLOURS[ED]
    wanted, got = truth == ED, prediction == ED
    box = brain_box(volume)
    width, height = panels.box_ratio(box)
    fig, axes = panels.sheet([width, width, 1.25 * width], [height], source, notes=1)
    ml = np.prod(spacing) / 1000
    for ax, heading, voxels in ((axes[0, 0], "Ground truth", wanted), (axes[0, 1], "Prediction", got)):
        panels.mr_panel(ax, volume, z, box)
        panels.fill(ax, AXIAL.cut(voxels, z), colour)
        panels.caption(ax, heading, f"{name}, {voxels.sum() * ml:,.1f} mL in the whole scan")
    dice = score_region(got, wanted, spacing)["dice"]
    panels.caption(axes[0, 2], "Intensities", f"of all its voxels; Dice {dice:.3f}")
    inset = axes[0, 2].inset_axes((0.1, 0.13, 0.88, 0.84), facecolor="black")
    _distributions(inset, volume[wanted], volume[got], colour)
    return fig


def _distributions(ax, wanted, got, colour):
    """Draw two normalised histograms in an axes on black."""
    both = np.concatenate([wanted, got])
    if both.size:
        edges = np.histogram_bin_edges(both, bins=48, range=np.percentile(both, (0.2, 99.8)))
        ax.hist(wanted, edges, density=wanted.size > 0, color=colour, alpha=0.75, label="ground truth")
        ax.hist(got, edges, density=got.size > 0, histtype="step", color="white", lw=1.8, label="prediction")
        ax.legend(loc="upper right", labelcolor="white", handlelength=1.2)
        ax.set_ylim(0, 1.22 * ax.get_ylim()[1])
        ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.spines["left"].set_visible(False)
    ax.spines["bottom"].set_color("#BBBBBB")
    ax.tick_params(colors="white", labelsize=10)
    ax.set_yticks([])
    ax.set_xlabel("intensity (as stored in the scan)", color="white")
    ax.set_ylabel("share of voxels", color="white")


def _error_panel(ax, volume, prediction, truth, z, box, name):
    """Colour what is found, missed and too much of a region in a slice; return the three pixel counts."""
    panels.mr_panel(ax, volume, z, box, levels=panels.dimmed(volume))
    got, wanted = AXIAL.cut(region(prediction, name), z), AXIAL.cut(region(truth, name), z)
    parts = (got & wanted, wanted & ~got, got & ~wanted)
    for pixels, (colour, _), strength in zip(parts, ERROR_LEGEND, (0.45, 1, 1), strict=True):
        panels.tint(ax, pixels * np.float32(strength), colour)
    return [int(pixels.sum()) for pixels in parts]


@styled
def error_map(volume: np.ndarray, truth: np.ndarray, prediction: np.ndarray, z: int, source: str) -> Figure:
    """Show what of each scored region was found, missed and too much in a slice."""
    box = brain_box(volume)
    fig, axes = panels.box_sheet(box, 1, 3, source, notes=2, legend=ERROR_LEGEND)
    for ax, name in zip(axes[0], REGIONS, strict=True):
        found, missed, extra = _error_panel(ax, volume, prediction, truth, z, box, name)
        counts = f"{found:,} pixels found, {missed:,} missed,\n{extra:,} too much"
        panels.caption(ax, f"{name}, {LONG_NAMES[name]}", counts)
    return fig


@styled
def system_errors(
    image: np.ndarray, truth: np.ndarray, masks: Mapping[str, np.ndarray], source: str, columns: int = 4
) -> Figure:
    """Show what each system found, missed and marked too much of the whole tumour in one axial slice.

    `image` (x, y) is 0 outside the brain; standardised intensities, which may be negative, will do. `truth` and `masks`
    are labels (x, y), those of each system by its title. A row has `columns` panels.
    """
    volume = np.where(image != 0, image - np.min(image), 0).astype(np.float32)[..., None]
    box = brain_box(volume)
    fig, axes = panels.box_sheet(box, -(-len(masks) // columns), columns, source, notes=1, legend=ERROR_LEGEND)
    for ax, (system, mask) in zip(axes.flat, masks.items(), strict=False):
        found, missed, extra = _error_panel(ax, volume, mask[..., None], truth[..., None], 0, box, "WT")
        total = 2 * found + missed + extra
        panels.caption(ax, system, f"Dice of WT in this slice {2 * found / total if total else 1:.2f}")
    return fig
