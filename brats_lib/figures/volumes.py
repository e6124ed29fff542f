"""What the scans and the experts' masks look like."""

from collections.abc import Mapping, Sequence

import numpy as np

from brats_lib.figures import panels, style
from brats_lib.figures.style import AXIAL, CORONAL, SAGITTAL, Figure, Volumes, brain_box, modality_name, styled
from brats_lib.labels import COLOURS, ED, ET, LABEL_NAMES, LABELS, LONG_NAMES, region

SHOWS = {
    "flair": "edema is bright, free fluid\nis suppressed to black",
    "t1": "anatomy: white matter\nbrighter than grey matter",
    "t1ce": "the enhancing rim lights up\nwhere contrast agent leaks",
    "t2": "fluid is brightest: ventricles,\nedema and necrosis",
}
# The core's own colour is too dark for a line on a scan.
REGION_COLOURS = {"WT": COLOURS[ED], "TC": "#6C8BE0", "ET": COLOURS[ET]}
OTHER = "#9A9A9A"


@styled
def cohort_examples(cases: Sequence[tuple[str, Volumes, int]], source: str) -> Figure:
    """Show the modalities of a few patients, one patient a row (paper figure 1); from names, volumes and slices."""
    box = brain_box(*(volume for _, volumes, _ in cases for volume in volumes.values()))
    names = list(cases[0][1])
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
    for ax, modality in zip(axes.flat, volumes, strict=True):
        panels.mr_panel(ax, volumes[modality], z, box)
        panels.caption(ax, modality_name(modality), SHOWS[modality])
    return fig


@styled
def modalities_with_mask(volumes: Volumes, mask: np.ndarray, z: int, source: str) -> Figure:
    """Show the four modalities of a slice and its mask, whole and enlarged (paper figure 16)."""
    box = brain_box(*volumes.values())
    fig, axes = panels.box_sheet(box, 2, 3, source, legend=style.label_colours(LABELS))
    panels.modality_panels(axes.flat[:4], volumes, z, box)
    panels.mask_panel(axes[1, 1], mask, z, box)
    panels.mask_panel(axes[1, 2], mask, z, panels.zoom_box(mask, z, box), letters=False)
    panels.captions(axes[1, 1:], "Mask", "Mask, enlarged")
    return fig


@styled
def three_planes(volume: np.ndarray, mask: np.ndarray, source: str, spacing: tuple[float, float, float]) -> Figure:
    """Cut a T1ce volume in the three planes where the tumour is largest, all to one scale (paper figure 17).

    The coronal cut stands above the axial one, so that left and right line up, and beside the sagittal one, so that
    heights line up. Lines show where the other two planes cut. `spacing` is the voxel size in mm.
    """
    box = brain_box(volume)
    at = [style.tumour_slice(mask, axis) for axis in range(3)]
    x_mm, y_mm, z_mm = ((stop - start) * step for (start, stop), step in zip(box, spacing, strict=True))
    voxel = " × ".join(f"{mm:g}" for mm in spacing)
    source = f"T1ce; dashed: where the other planes cut. Voxels of {voxel} mm. {source}"
    fig, axes = panels.sheet([x_mm, y_mm], [z_mm, y_mm], source, legend=style.label_colours(), notes=1, width=8.6)
    for ax, plane in ((axes[0, 0], CORONAL), (axes[0, 1], SAGITTAL), (axes[1, 0], AXIAL)):
        panels.mr_panel(ax, volume, at[plane.axis], box, plane, spacing=spacing)
        panels.caption(ax, plane.name.capitalize(), f"{'xyz'[plane.axis]} = {at[plane.axis]}")
        panels.outline_labels(ax, plane.cut(mask, at[plane.axis]))
        for axis, draw in zip(plane.in_plane, (ax.axvline, ax.axhline), strict=True):
            draw(at[axis], color="#56B4E9", lw=0.9, ls=(0, (6, 5)), gid="crosshair")
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
        panels.fill(column[1], AXIAL.cut(region(mask, name), z), REGION_COLOURS[name])
    return fig


@styled
def isolated_classes(mask: np.ndarray, z: int, source: str) -> Figure:
    """Show each class by itself: in its colour, everything else in one neutral grey (paper figure 21)."""
    box = panels.zoom_box(mask, z, panels.whole(mask))
    legend = [*((COLOURS[label], LABEL_NAMES[label]) for label in LABELS), (OTHER, "everything else")]
    fig, axes = panels.box_sheet(box, 2, 2, source, notes=1, width=8.0, legend=legend)
    for ax, label in zip(axes.flat, LABELS, strict=True):
        pixels = AXIAL.cut(mask, z) == label
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
    slices = np.linspace(bottom + edge, top - 1 - edge, 12).round().astype(int)
    width, height = panels.box_ratio(box)
    heights = [height] * 3 + [width]
    fig, axes = panels.sheet([width] * 4, heights, source, legend=style.label_colours(), captioned=[3])
    for ax, z in zip(axes[:3].flat, slices, strict=True):
        panels.mr_panel(ax, volume, z, box, letters=z == slices[0])
        panels.outline_labels(ax, AXIAL.cut(mask, z))
        panels.note(ax, f"z = {z}")
    z = style.tumour_slice(mask)
    panels.modality_panels(axes[3], volumes, z, panels.zoom_box(mask, z, box))
    for ax in axes[3]:
        panels.outline_labels(ax, AXIAL.cut(mask, z))
    panels.note(axes[3, 0], f"z = {z}")
    return fig


@styled
def modalities_side_by_side(volumes: Volumes, mask: np.ndarray, z: int, source: str) -> Figure:
    """Put the four modalities side by side, with the tumour enlarged below each (paper figure 24)."""
    box = brain_box(*volumes.values())
    close = panels.zoom_box(mask, z, box)
    width, height = panels.box_ratio(box)
    names = list(volumes)
    fig, axes = panels.sheet([width] * len(names), [height, width], source, captioned=[0])
    panels.modality_panels(axes[0], volumes, z, box)
    for (full, enlarged), modality in zip(axes.T, names, strict=True):
        panels.frame(full, close)
        panels.mr_panel(enlarged, volumes[modality], z, close, letters=False)
    return fig


@styled
def phantom_beside_real(subjects: Mapping[str, tuple[Volumes, np.ndarray]], source: str) -> Figure:
    """Show a simulated patient beside a real one, or alone: a row per modality, a column per plane, to one scale.

    `subjects` are the volumes and the mask of each by name. The planes go through the largest area of each tumour.
    """
    names, planes = list(next(iter(subjects.values()))[0]), (AXIAL, CORONAL, SAGITTAL)
    boxes = [brain_box(*volumes.values(), margin=3) for volumes, _ in subjects.values()]
    # Boxes of one size, each around the middle of its own brain, and as high as they are deep, so that all panels are
    # of one height and to one scale.
    width, *depths = np.max([np.diff(box).ravel() for box in boxes], axis=0)
    sizes = np.array([width, max(depths), max(depths)])
    starts = [(np.sum(box, axis=1) - sizes) // 2 for box in boxes]
    boxes = [tuple(zip(start.tolist(), (start + sizes).tolist(), strict=True)) for start in starts]
    columns = [panels.box_ratio(boxes[0], plane)[0] for plane in planes] * len(subjects)
    heights, page = [sizes[1]] * len(names), style.WIDTH if len(subjects) > 1 else 6.8
    fig, axes = panels.sheet(columns, heights, source, notes=1, left=panels.LEFT, captioned=[0], width=page)
    places = iter(axes.T)
    for (who, (volumes, mask)), box in zip(subjects.items(), boxes, strict=True):
        for plane, column in zip(planes, places, strict=False):
            at = style.tumour_slice(mask, plane.axis)
            for ax, modality in zip(column, names, strict=True):
                panels.mr_panel(ax, volumes[modality], at, box, plane, letters=ax is column[0])
            panels.caption(column[0], who if plane is AXIAL else " ", plane.name)
    for ax, modality in zip(axes[:, 0], names, strict=True):
        panels.row_label(ax, modality_name(modality))
    return fig
