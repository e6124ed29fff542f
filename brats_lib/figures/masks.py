"""What the expert masks look like, by themselves and on the scans."""

import numpy as np

from brats_lib.figures.panels import (
    box_ratio,
    caption,
    fill,
    frame,
    mask_panel,
    mr_panel,
    note,
    outline_labels,
    overlay,
    sheet,
    view,
    zoom_box,
)
from brats_lib.figures.style import (
    TUMOUR,
    axial,
    brain_box,
    in_order,
    long_name,
    modality_name,
    rgba,
    styled,
    tumour_slice,
    window,
)
from brats_lib.labels import COLOURS, ED, ET, LABEL_NAMES, LABELS, LONG_NAMES, region

__all__ = ["isolate", "isolated_classes", "mask_overlay", "mask_slice", "montage", "regions_on_modalities"]

OTHER = "#9A9A9A"
# The core's own colour is too dark for a line on a scan.
REGION_COLOURS = {"WT": COLOURS[ED], "TC": "#6C8BE0", "ET": COLOURS[ET]}


@styled
def mask_slice(mask, z, source, title=None):
    """Show a slice of a mask in the label colours, whole and close up (paper figure 18).

    Parameters
    ----------
    mask : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    z : int
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    whole = tuple((0, length) for length in np.shape(mask))
    close = zoom_box(mask, z, whole)
    width, height = box_ratio(whole)
    fig, axes = sheet([width, height], [height], source=source, title=title, notes=0,
                      legend=[(COLOURS[label], long_name(label)) for label in LABELS])  # fmt: skip
    mask_panel(axes[0, 0], mask, z, whole)
    frame(axes[0, 0], close)
    mask_panel(axes[0, 1], mask, z, close)
    caption(axes[0, 0], f"Whole slice, z = {z}")
    caption(axes[0, 1], "Tumour, enlarged")
    return fig


@styled
def mask_overlay(volume, mask, z, source, title=None):
    """Show a slice plain and with its mask laid over it (paper figure 19).

    Parameters
    ----------
    volume : array of float, shape (x, y, z)
    mask : array of int, shape (x, y, z)
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
    fig, axes = sheet([width] * 2, [height], source=source, title=title, notes=0, legend=TUMOUR)
    for ax in axes[0]:
        mr_panel(ax, volume, z, box)
    overlay(axes[0, 1], mask, z)
    caption(axes[0, 0], "Scan")
    caption(axes[0, 1], "Scan with mask")
    return fig


@styled
def regions_on_modalities(volumes, mask, z, source, title=None):
    """Draw each scored region on the modality that shows it best (paper figure 20).

    Parameters
    ----------
    volumes : dict of str to array (x, y, z)
        With ``"flair"``, ``"t2"`` and ``"t1ce"``.
    mask : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    z : int
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    box = brain_box(*volumes.values())
    width, height = box_ratio(box)
    fig, axes = sheet([width] * 3, [height] * 2, source=source, title=title, notes=1, captions=[True, False])
    for column, (modality, name) in zip(axes.T, (("flair", "WT"), ("t2", "TC"), ("t1ce", "ET")), strict=True):
        for ax in column:
            mr_panel(ax, volumes[modality], z, box)
        caption(column[0], f"{name} on {modality_name(modality)}", LONG_NAMES[name])
        fill(column[1], axial(region(mask, name), z), REGION_COLOURS[name])
    return fig


@styled
def isolated_classes(mask, z, source, title=None):
    """Show each class by itself: in its colour, everything else in one neutral grey (paper figure 21).

    Parameters
    ----------
    mask : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    z : int
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    box = zoom_box(mask, z, tuple((0, length) for length in np.shape(mask)))
    width, height = box_ratio(box)
    legend = [*((COLOURS[label], LABEL_NAMES[label]) for label in LABELS), (OTHER, "everything else")]
    fig, axes = sheet([width] * 2, [height] * 2, source=source, title=title, width=8.0, legend=legend)
    labels = axial(mask, z)
    for ax, label in zip(axes.flat, LABELS, strict=True):
        pixels = labels == label
        isolate(ax, pixels, COLOURS[label])
        view(ax, box)
        caption(ax, f"Label {label}: {LABEL_NAMES[label]}", f"{pixels.sum():,} of the slice's {pixels.size:,} pixels")
    return fig


def isolate(ax, pixels, colour, origin="upper"):
    """Draw a 2D boolean region in a colour and all the rest in neutral grey."""
    ax.imshow(np.where(np.asarray(pixels)[..., None], rgba(colour), rgba(OTHER)), origin=origin,
              interpolation="nearest")  # fmt: skip


@styled
def montage(volume, mask, source, title=None, count=12, volumes=None):
    """Show slices from the bottom to the top of the brain with the tumour outlined (paper figure 22).

    Parameters
    ----------
    volume : array of float, shape (x, y, z)
        T1 in the paper.
    mask : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    source : str
    title : str, optional
    count : int
        Number of slices, evenly spread over the height of the brain.
    volumes : dict of str to array (x, y, z), optional
        If given, a last row shows the tumour close up in every modality.

    Returns
    -------
    Figure
    """
    box = brain_box(volume)
    bottom, top = brain_box(volume, margin=0)[2]
    edge = (top - bottom) * 0.12
    slices = np.linspace(bottom + edge, top - 1 - edge, count).round().astype(int)
    width, height = box_ratio(box)
    rows = -(-count // 4)
    close_up = [] if volumes is None else [width]
    fig, axes = sheet([width] * 4, [height] * rows + close_up, source=source, title=title, notes=0, legend=TUMOUR,
                      captions=[False] * rows + [True] * len(close_up))  # fmt: skip
    levels = window(volume)
    for ax, z in zip(axes[:rows].flat, slices, strict=False):
        mr_panel(ax, volume, z, box, levels=levels, letters=z == slices[0])
        outline_labels(ax, axial(mask, z))
        note(ax, 0.02, 0.985, f"z = {z}", va="top")
    if volumes is not None:
        z = tumour_slice(mask)
        close = zoom_box(mask, z, box)
        for ax, modality in zip(axes[-1], in_order(volumes), strict=False):
            mr_panel(ax, volumes[modality], z, close, letters=False)
            outline_labels(ax, axial(mask, z))
            caption(ax, f"{modality_name(modality)}, z = {z}")
    return fig
