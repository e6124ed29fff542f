"""Whether the probabilities of the regions can be believed: where they are high, and how often they are right."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import ndimage

from brats_lib.figures import panels
from brats_lib.figures.plots import MEAN, REGION_MARKS, mark, plot_sheet
from brats_lib.figures.style import PROBABILITY, Figure, Volumes, axial, brain_box, label_colours, styled
from brats_lib.labels import LONG_NAMES, REGIONS, region
from brats_lib.scores.calibration import expected_calibration_error

TRUTH, NETWORK = "#FFFFFF", "#4FD8FF"
# Below this a probability is black to the eye.
_FAINT = 0.1
_DIAGONAL = {"color": "#8A8A8A", "lw": 1.2, "ls": (0, (6, 4))}


@styled
def region_maps(
    volumes: Volumes, truth: np.ndarray, probabilities: np.ndarray, z: int, source: str, prediction: np.ndarray
) -> Figure:
    """Show the probability of each region in a slice, with the borders of the true and of the network's region.

    Parameters
    ----------
    probabilities
        In 0-1, (x, y, z, 3), of the regions in the order WT, TC, ET.
    prediction
        The labels that were made of them.
    """
    chances = np.asarray(probabilities[:, :, z : z + 1], np.float32)
    box = brain_box(volumes["flair"], volumes["t1ce"])
    # Everything that is tumour or might be: a false alarm far away must not fall outside the enlarged panels.
    tumour = (truth[:, :, z : z + 1] != 0) | (prediction[:, :, z : z + 1] != 0) | (chances.max(-1) > _FAINT)
    close = panels.zoom_box(tumour, 0, box)
    width, height = panels.box_ratio(box)
    meaning = "probability of the region;\nnetwork's border in blue, the true one in white"
    options = {"notes": 1, "legend": label_colours(), "colourbar": (PROBABILITY, meaning)}
    fig, axes = panels.sheet([width] * 3, [height, width], source, **options)
    for ax, modality, heading, note in (
        (axes[0, 0], "flair", "FLAIR", f"z = {z}"),
        (axes[0, 1], "t1ce", "T1ce", f"z = {z}"),
        (axes[0, 2], "t1ce", "Labels", "what the network decides, on T1ce"),
    ):
        panels.mr_panel(ax, volumes[modality], z, box)
        panels.caption(ax, heading, note)
    panels.frame(axes[0, 0], close)
    panels.overlay(axes[0, 2], prediction, z)
    brain = ndimage.binary_fill_holes(axial(volumes["flair"], z) != 0)
    for channel, (ax, name) in enumerate(zip(axes[1], REGIONS, strict=True)):
        panels.probability_panel(ax, axial(chances[..., channel], 0), close, letters=False)
        panels.outline(ax, brain, "#8A8A8A", 0.8)
        panels.outline(ax, axial(region(truth, name), z), TRUTH, 1.5)
        panels.outline(ax, axial(region(prediction, name), z), NETWORK, 1.2)
        panels.caption(ax, name, f"{LONG_NAMES[name]}, enlarged")
    return fig


@styled
def reliability_diagram(tables: Mapping[str, pd.DataFrame], source: str) -> Figure:
    """Plot how often voxels of each probability are in the region, and how many voxels there are of it.

    On the diagonal a probability is a frequency. Below it the network is too sure of tumour, above it not sure enough.
    ECE, the expected calibration error, is the mean distance from the diagonal over the voxels.

    Parameters
    ----------
    tables
        Region (WT, TC, ET) to what `scores.calibration.reliability` or `pooled` returns.
    """
    fig, (curves, counts) = plot_sheet(7.6, 2, 1, source=source, width=6.8, sharex=True, height_ratios=(3.2, 1))
    curves.plot([0, 1], [0, 1], zorder=1, gid="perfect", **_DIAGONAL)
    key = {}
    for name, table in tables.items():
        colour, marker = REGION_MARKS[name]
        style = {"color": colour, "marker": marker, "ms": 7.5}
        filled = table[table["voxels"] > 0]
        curves.plot(filled["probability"], filled["frequency"], gid=name, clip_on=False, zorder=3, **style, **MEAN)
        edges = [*table["lower"], table["upper"].iloc[-1]]
        # A bin without voxels has no place on the logarithmic axis.
        voxels = table["voxels"].where(table["voxels"] > 0)
        counts.stairs(voxels, edges, baseline=None, color=colour, lw=1.8, gid=f"voxels {name}")
        key[f"{name}, ECE {expected_calibration_error(table):.4f}"] = mark(mec="white", **style)
    key["probability = frequency"] = mark(**_DIAGONAL)
    curves.legend(key.values(), key, loc="upper left")
    curves.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of these voxels in the region")
    curves.grid()
    counts.set(yscale="log", ylabel="voxels", xlabel="probability that the network gives")
    counts.set_xticks(np.arange(0, 1.01, 0.2))
    counts.grid(axis="y")
    counts.minorticks_off()
    return fig
