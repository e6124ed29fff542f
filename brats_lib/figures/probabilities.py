"""Whether the probabilities of the regions can be believed: where they are high, and how often they are right."""

import matplotlib as mpl
import numpy as np
from matplotlib.lines import Line2D
from scipy import ndimage

from brats_lib.figures.panels import box_ratio, caption, frame, mr_panel, outline, overlay, sheet, view, zoom_box
from brats_lib.figures.plots import REGION_MARKS, plot_sheet
from brats_lib.figures.style import TUMOUR, axial, brain_box, modality_name, styled
from brats_lib.labels import LABELS, LONG_NAMES, REGIONS, region
from brats_lib.prediction.postprocess import region_probabilities, regions_to_mask
from brats_lib.scores.calibration import expected_calibration_error

__all__ = ["region_maps", "reliability_diagram"]

PROBABILITY = mpl.colormaps["magma"]
TRUTH, NETWORK = "#FFFFFF", "#4FD8FF"
# Below this a probability is black to the eye.
_FAINT = 0.1


@styled
def region_maps(volumes, truth, probabilities, z, source, title=None, prediction=None):
    """Show the probability of each region in a slice, with the borders of the true and of the network's region.

    Parameters
    ----------
    volumes : dict of str to array (x, y, z)
        With ``"flair"`` and ``"t1ce"``.
    truth : array of int, shape (x, y, z), or None
        Labels 0, 1, 2, 4.
    probabilities : array of float, shape (x, y, z, 3) or (x, y, z, 4)
        In 0-1, of the regions in the order WT, TC, ET; or of the classes in the order of the labels.
    z : int
        Axial slice.
    source : str
        Where the images come from; printed at the foot.
    title : str, optional
    prediction : array of int, shape (x, y, z), optional
        The labels that were made of the probabilities; by default every region where it is above one half.

    Returns
    -------
    Figure
    """
    chances = np.asarray(probabilities[:, :, z : z + 1], np.float32)
    if chances.shape[-1] == len(LABELS):
        chances = region_probabilities(chances)
    labels = regions_to_mask(chances) if prediction is None else np.asarray(prediction)[:, :, z : z + 1]
    box = brain_box(volumes["flair"], volumes["t1ce"])
    wanted = np.zeros_like(labels) if truth is None else np.asarray(truth)[:, :, z : z + 1]
    # Everything that is tumour or might be: a false alarm far away must not fall outside the enlarged panels.
    close = zoom_box((wanted != 0) | (labels != 0) | (chances.max(-1) > _FAINT), 0, box)
    width, height = box_ratio(box)
    lines = "network's border in blue" + ("" if truth is None else ", the true one in white")
    fig, axes = sheet([width] * 3, [height, width], source=source, title=title, notes=1, legend=TUMOUR,
                      colourbar=(PROBABILITY, f"probability of the region;\n{lines}"))  # fmt: skip
    for ax, modality, note in zip(axes[0], ("flair", "t1ce", "t1ce"), (f"z = {z}", f"z = {z}", ""), strict=True):
        mr_panel(ax, volumes[modality], z, box)
        caption(ax, modality_name(modality) if note else "Labels", note or "what the network decides, on T1ce")
    frame(axes[0, 0], close)
    overlay(axes[0, 2], labels, 0)
    brain = ndimage.binary_fill_holes(axial(volumes["flair"], z) != 0)
    for channel, (ax, name) in enumerate(zip(axes[1], REGIONS, strict=True)):
        ax.imshow(axial(chances[..., channel], 0), cmap=PROBABILITY, vmin=0, vmax=1, origin="upper",
                  interpolation="nearest")  # fmt: skip
        view(ax, close, letters=False)
        outline(ax, brain, "#8A8A8A", 0.8)
        outline(ax, axial(region(wanted, name), 0), TRUTH, 1.5)
        outline(ax, axial(region(labels, name), 0), NETWORK, 1.2)
        caption(ax, name, f"{LONG_NAMES[name]}, enlarged")
    return fig


@styled
def reliability_diagram(tables, source, title=None):
    """Plot how often voxels of each probability are in the region, and how many voxels there are of it.

    On the diagonal a probability is a frequency. Below it the network is too sure of tumour, above it not sure enough.
    ECE, the expected calibration error, is the mean distance from the diagonal over the voxels.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Region (WT, TC, ET) to what `metrics.calibration.reliability` or `pooled` returns.
    source : str
        Where the data come from; printed at the foot.
    title : str, optional

    Returns
    -------
    Figure
    """
    fig, (curves, counts) = plot_sheet(7.6, 2, 1, source=source, title=title, width=6.8, sharex=True,
                                       gridspec_kw={"height_ratios": (3.2, 1)})  # fmt: skip
    curves.plot([0, 1], [0, 1], color="#8A8A8A", lw=1.2, ls=(0, (6, 4)), zorder=1, gid="perfect")
    handles, names = [], []
    for name, table in tables.items():
        colour, marker = REGION_MARKS[name]
        filled = table[table["voxels"] > 0]
        curves.plot(filled["probability"], filled["frequency"], color=colour, marker=marker, ms=7.5, mec="white",
                    mew=0.8, gid=name, clip_on=False, zorder=3)  # fmt: skip
        edges = [*table["lower"], table["upper"].iloc[-1]]
        # A bin without voxels has no place on the logarithmic axis.
        voxels = table["voxels"].where(table["voxels"] > 0)
        counts.stairs(voxels, edges, baseline=None, color=colour, lw=1.8, gid=f"voxels {name}")
        handles.append(Line2D([], [], color=colour, marker=marker, ms=7.5, mec="white"))
        names.append(f"{name}, ECE {expected_calibration_error(table):.4f}")
    handles.append(Line2D([], [], color="#8A8A8A", lw=1.2, ls=(0, (6, 4))))
    curves.legend(handles, [*names, "probability = frequency"], loc="upper left")
    curves.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of these voxels in the region")
    curves.grid()
    counts.set(yscale="log", ylabel="voxels", xlabel="probability that the network gives")
    counts.set_xticks(np.arange(0, 1.01, 0.2))
    counts.grid(axis="y")
    counts.minorticks_off()
    return fig
