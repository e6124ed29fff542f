"""What the scans and the experts' masks look like."""

from collections.abc import Sequence

import numpy as np
from matplotlib.patches import Rectangle

from brats_lib.figures import panels, style
from brats_lib.figures.style import AXIAL, CORONAL, SAGITTAL, Figure, Volumes, axial, brain_box, modality_name, styled
from brats_lib.labels import BACKGROUND, COLOURS, ED, ET, LABEL_NAMES, LABELS, LONG_NAMES, NCR, region

SHOWS = {
    "flair": "edema is bright, free fluid\nis suppressed to black",
    "t1": "anatomy: white matter\nbrighter than grey matter",
    "t1ce": "the enhancing rim lights up\nwhere contrast agent leaks",
    "t2": "fluid is brightest: ventricles,\nedema and necrosis",
}
# The core's own colour is too dark for a line on a scan.
REGION_COLOURS = {"WT": COLOURS[ED], "TC": "#6C8BE0", "ET": COLOURS[ET]}
OTHER = "#9A9A9A"
_SPACER = 4  # mm between the two patients of `phantom_beside_real`
_MONTAGE = 12  # slices


@styled
def cohort_examples(cases: Sequence[tuple[str, Volumes, int]], source: str) -> Figure:
    """Show the four modalities of a few patients, one patient a row (paper figure 1).

    Parameters
    ----------
    cases
        Name, volumes and the axial slice to show.
    """
    box = brain_box(*(volume for _, volumes, _ in cases for volume in volumes.values()))
    names = style.in_order(cases[0][1])
    fig, axes = panels.box_sheet(box, len(cases), len(names), source, left=panels.LEFT, captioned=[0])
    for row, (name, volumes, z) in zip(axes, cases, strict=True):
        for ax, modality in zip(row, names, strict=True):
            panels.mr_panel(ax, volumes[modality], z, box, letters=ax is axes[0, 0])
        panels.row_label(row[0], name)
        panels.note(row[-1], f"z = {z}")
    panels.captions(axes[0], *map(modality_name, names))
    return fig


@styled
def modality_guide(volumes: Volumes, z: int, source: str) -> Figure:
    """Show one slice in the four weightings, each with what it is good for (paper figure 4)."""
    box = brain_box(*volumes.values())
    fig, axes = panels.box_sheet(box, 2, 2, source, notes=2, width=8.6)
    for ax, modality in zip(axes.flat, style.in_order(volumes), strict=True):
        panels.mr_panel(ax, volumes[modality], z, box)
        panels.caption(ax, modality_name(modality), SHOWS[modality])
    return fig


@styled
def modalities_with_mask(volumes: Volumes, mask: np.ndarray, z: int, source: str) -> Figure:
    """Show the four modalities of a slice, its mask, and the key to the mask (paper figure 16)."""
    box = brain_box(*volumes.values())
    fig, axes = panels.box_sheet(box, 2, 3, source)
    for ax, modality in zip(axes.flat, style.in_order(volumes), strict=False):
        panels.mr_panel(ax, volumes[modality], z, box)
        panels.caption(ax, modality_name(modality))
    panels.mask_panel(axes[1, 1], mask, z, box)
    panels.caption(axes[1, 1], "Mask")
    _label_key(axes[1, 2], mask, z)
    return fig


def _label_key(ax, mask, z):
    """Fill a panel with the labels of a slice: colour, name and how many pixels they have."""
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.text(0.06, 0.93, f"Slice z = {z}", color="white", fontsize=13, fontweight="bold", va="top")
    for y, label in zip((0.78, 0.58, 0.38, 0.18), (ED, ET, NCR, BACKGROUND), strict=True):
        name, pixels = LABEL_NAMES[label], (axial(mask, z) == label).sum()
        meaning = LONG_NAMES[name] if label else "everything else"
        swatch = Rectangle((0.06, y - 0.05), 0.07, 0.055, facecolor=COLOURS[label], edgecolor="#888888", linewidth=0.6)
        ax.add_patch(swatch)
        ax.text(0.17, y, name, color="white", fontsize=11.5, va="top", fontweight="bold")
        ax.text(0.17, y - 0.055, f"{meaning}\n{pixels:,} pixels, label {label}", color="#D0D0D0", fontsize=10, va="top",
                linespacing=1.3)  # fmt: skip


@styled
def three_planes(volume: np.ndarray, mask: np.ndarray, source: str, spacing: tuple[float, float, float]) -> Figure:
    """Cut a T1ce volume in the three planes where the tumour is largest, all to one scale (paper figure 17).

    The coronal cut stands above the axial one, so that left and right line up, and beside the sagittal one, so that
    heights line up. Lines show where the other two planes cut. `spacing` is the voxel size in mm.
    """
    box = brain_box(volume)
    at = [style.tumour_slice(mask, axis) for axis in range(3)]
    x_mm, y_mm, z_mm = ((stop - start) * step for (start, stop), step in zip(box, spacing, strict=True))
    fig, axes = panels.sheet([x_mm, y_mm], [z_mm, y_mm], source, legend=style.label_colours(), width=8.6)
    for ax, plane in ((axes[0, 0], CORONAL), (axes[0, 1], SAGITTAL), (axes[1, 0], AXIAL)):
        panels.mr_panel(ax, volume, at[plane.axis], box, plane, spacing=spacing)
        panels.caption(ax, plane.name.capitalize())
        panels.outline_labels(ax, plane.cut(mask, at[plane.axis]))
        for axis, draw in zip(plane.in_plane, (ax.axvline, ax.axhline), strict=True):
            draw(at[axis], color="#56B4E9", lw=0.9, ls=(0, (6, 5)), gid="crosshair")
    explained = axes[1, 1]
    explained.set(xlim=(0, 1), ylim=(0, 1))
    explained.text(0.06, 0.93, "T1ce through the tumour", color="white", fontsize=13, fontweight="bold", va="top")
    lines = (
        f"coronal at y = {at[1]}\nsagittal at x = {at[0]}\naxial at z = {at[2]}\n\n"
        f"Dashed: where the other planes cut.\nVoxels of {' × '.join(f'{step:g}' for step in spacing)} mm."
    )
    explained.text(0.06, 0.80, lines, color="#D8D8D8", fontsize=11, va="top", linespacing=1.6)
    return fig


@styled
def mask_slice(mask: np.ndarray, z: int, source: str) -> Figure:
    """Show a slice of a mask in the label colours, whole and close up (paper figure 18)."""
    box = panels.whole(mask)
    close = panels.zoom_box(mask, z, box)
    width, height = panels.box_ratio(box)
    fig, axes = panels.sheet([width, height], [height], source, legend=style.label_colours(LABELS))
    panels.mask_panel(axes[0, 0], mask, z, box)
    panels.frame(axes[0, 0], close)
    panels.mask_panel(axes[0, 1], mask, z, close)
    panels.captions(axes[0], f"Whole slice, z = {z}", "Tumour, enlarged")
    return fig


@styled
def mask_overlay(volume: np.ndarray, mask: np.ndarray, z: int, source: str) -> Figure:
    """Show a slice plain and with its mask laid over it (paper figure 19)."""
    box = brain_box(volume)
    fig, axes = panels.box_sheet(box, 1, 2, source, legend=style.label_colours())
    for ax in axes[0]:
        panels.mr_panel(ax, volume, z, box)
    panels.overlay(axes[0, 1], mask, z)
    panels.captions(axes[0], "Scan", "Scan with mask")
    return fig


@styled
def regions_on_modalities(volumes: Volumes, mask: np.ndarray, z: int, source: str) -> Figure:
    """Draw each scored region on the modality that shows it best: FLAIR, T2 and T1ce (paper figure 20)."""
    box = brain_box(*volumes.values())
    fig, axes = panels.box_sheet(box, 2, 3, source, notes=1, captioned=[0])
    for column, (modality, name) in zip(axes.T, (("flair", "WT"), ("t2", "TC"), ("t1ce", "ET")), strict=True):
        for ax in column:
            panels.mr_panel(ax, volumes[modality], z, box)
        panels.caption(column[0], f"{name} on {modality_name(modality)}", LONG_NAMES[name])
        panels.fill(column[1], axial(region(mask, name), z), REGION_COLOURS[name])
    return fig


@styled
def isolated_classes(mask: np.ndarray, z: int, source: str) -> Figure:
    """Show each class by itself: in its colour, everything else in one neutral grey (paper figure 21)."""
    box = panels.zoom_box(mask, z, panels.whole(mask))
    legend = [*((COLOURS[label], LABEL_NAMES[label]) for label in LABELS), (OTHER, "everything else")]
    fig, axes = panels.box_sheet(box, 2, 2, source, notes=1, width=8.0, legend=legend)
    for ax, label in zip(axes.flat, LABELS, strict=True):
        pixels = axial(mask, z) == label
        image = np.where(pixels[..., None], style.rgba(COLOURS[label]), style.rgba(OTHER))
        ax.imshow(image, origin="upper", interpolation="nearest")
        panels.view(ax, box)
        share = f"{pixels.sum():,} of the slice's {pixels.size:,} pixels"
        panels.caption(ax, f"Label {label}: {LABEL_NAMES[label]}", share)
    return fig


@styled
def montage(volume: np.ndarray, mask: np.ndarray, source: str, volumes: Volumes) -> Figure:
    """Show slices from the bottom to the top of the brain with the tumour outlined (paper figure 22).

    Those of `volume`, T1 in the paper, are evenly spread over the height of the brain; a last row shows the tumour
    close up in each of `volumes`.
    """
    box = brain_box(volume)
    bottom, top = brain_box(volume, margin=0)[2]
    edge = (top - bottom) * 0.12
    slices = np.linspace(bottom + edge, top - 1 - edge, _MONTAGE).round().astype(int)
    width, height = panels.box_ratio(box)
    rows = _MONTAGE // 4
    heights = [height] * rows + [width]
    fig, axes = panels.sheet([width] * 4, heights, source, legend=style.label_colours(), captioned=[rows])
    for ax, z in zip(axes[:rows].flat, slices, strict=True):
        panels.mr_panel(ax, volume, z, box, letters=z == slices[0])
        panels.outline_labels(ax, axial(mask, z))
        panels.note(ax, f"z = {z}")
    z = style.tumour_slice(mask)
    close = panels.zoom_box(mask, z, box)
    for ax, modality in zip(axes[rows], style.in_order(volumes), strict=True):
        panels.mr_panel(ax, volumes[modality], z, close, letters=False)
        panels.outline_labels(ax, axial(mask, z))
        panels.caption(ax, f"{modality_name(modality)}, z = {z}")
    return fig


@styled
def modalities_side_by_side(volumes: Volumes, mask: np.ndarray, z: int, source: str) -> Figure:
    """Put the four modalities side by side, with the tumour enlarged below each (paper figure 24)."""
    box = brain_box(*volumes.values())
    close = panels.zoom_box(mask, z, box)
    width, height = panels.box_ratio(box)
    names = style.in_order(volumes)
    fig, axes = panels.sheet([width] * len(names), [height, width], source, captioned=[0])
    for (full, enlarged), modality in zip(axes.T, names, strict=True):
        levels = style.window(volumes[modality])
        panels.mr_panel(full, volumes[modality], z, box, levels=levels)
        panels.frame(full, close)
        panels.mr_panel(enlarged, volumes[modality], z, close, levels=levels, letters=False)
    panels.captions(axes[0], *map(modality_name, names))
    return fig


@styled
def phantom_beside_real(
    phantom_volumes: Volumes,
    real_volumes: Volumes | None,
    source: str,
    phantom_mask: np.ndarray,
    real_mask: np.ndarray | None = None,
) -> Figure:
    """Compare a simulated patient, on the left, with a real one: a row per modality, a column per plane, to one scale.

    The planes go through the largest area of each tumour. Without real volumes the phantom is shown alone.
    """
    subjects = [("Phantom", phantom_volumes, phantom_mask)]
    if real_volumes is not None:
        subjects.append(("Patient", real_volumes, real_mask))
    names, planes = style.in_order(phantom_volumes), (AXIAL, CORONAL, SAGITTAL)
    boxes = [brain_box(*volumes.values(), margin=3) for _, volumes, _ in subjects]
    # Boxes of one size, each around the middle of its own brain, and as high as they are deep, so that all panels are
    # of one height and to one scale.
    width, *depths = np.max([[stop - start for start, stop in box] for box in boxes], axis=0)
    sizes = (width, max(depths), max(depths))
    boxes = [tuple(_around(span, size) for span, size in zip(box, sizes, strict=True)) for box in boxes]
    columns = [panels.box_ratio(boxes[0], plane)[0] for plane in planes]
    widths = columns if len(subjects) == 1 else [*columns, _SPACER, *columns]
    page = 6.8 if len(subjects) == 1 else style.WIDTH
    heights = [sizes[1]] * len(names)
    fig, axes = panels.sheet(widths, heights, source, notes=1, left=panels.LEFT, captioned=[0], width=page)
    for number, ((who, volumes, mask), box) in enumerate(zip(subjects, boxes, strict=True)):
        first = number * (len(planes) + 1)
        for plane, column in zip(planes, axes.T[first : first + len(planes)], strict=True):
            at = style.tumour_slice(mask, plane.axis)
            for ax, modality in zip(column, names, strict=True):
                panels.mr_panel(ax, volumes[modality], at, box, plane, letters=ax is column[0])
            panels.caption(column[0], who if plane is AXIAL else " ", plane.name)
    for ax, modality in zip(axes[:, 0], names, strict=True):
        panels.row_label(ax, modality_name(modality))
    return fig


def _around(span, size):
    start = int(span[0] + span[1] - size) // 2
    return start, start + int(size)
