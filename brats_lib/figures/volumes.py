"""What the scans look like; the figures of masks, which are in `masks`, can be had from here too."""

import numpy as np

from brats_lib.figures.masks import isolated_classes, mask_overlay, mask_slice, montage, regions_on_modalities
from brats_lib.figures.panels import (
    box_ratio,
    caption,
    frame,
    key,
    mask_panel,
    mr_panel,
    note,
    outline_labels,
    row_label,
    sheet,
    zoom_box,
)
from brats_lib.figures.style import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    TUMOUR,
    WIDTH,
    axial,
    brain_box,
    in_order,
    modality_name,
    styled,
    tumour_slice,
    window,
)
from brats_lib.labels import BACKGROUND, COLOURS, ED, ET, LABEL_NAMES, LONG_NAMES, NCR

__all__ = [
    "cohort_examples", "isolated_classes", "mask_overlay", "mask_slice", "modalities_side_by_side",
    "modalities_with_mask", "modality_guide", "montage", "phantom_beside_real", "regions_on_modalities",
    "three_planes",
]  # fmt: skip

SHOWS = {
    "flair": "edema is bright, free fluid\nis suppressed to black",
    "t1": "anatomy: white matter\nbrighter than grey matter",
    "t1ce": "the enhancing rim lights up\nwhere contrast agent leaks",
    "t2": "fluid is brightest: ventricles,\nedema and necrosis",
}


# mm between the two patients of `phantom_beside_real`.
_SPACER = 4


def _box(volumes, margin=7):
    return brain_box(*volumes.values(), margin=margin)


@styled
def cohort_examples(cases, source, title=None):
    """Show the four modalities of a few patients, one patient a row (paper figure 1).

    Parameters
    ----------
    cases : sequence of (str, dict, int)
        Name, volumes (modality -> array (x, y, z) LPS) and the axial slice to show.
    source : str
        Where the images come from; printed at the foot.
    title : str, optional

    Returns
    -------
    Figure
    """
    box = brain_box(*(volume for _, volumes, _ in cases for volume in volumes.values()))
    width, height = box_ratio(box)
    names = in_order(cases[0][1])
    fig, axes = sheet([width] * len(names), [height] * len(cases), source=source, title=title, notes=0, left=0.22,
                      captions=[True] + [False] * (len(cases) - 1))  # fmt: skip
    for row, (name, volumes, z) in zip(axes, cases, strict=True):
        for ax, modality in zip(row, names, strict=True):
            mr_panel(ax, volumes[modality], z, box, letters=ax is axes[0, 0])
        row_label(row[0], name)
        note(row[-1], 0.02, 0.985, f"z = {z}", va="top")
    for ax, modality in zip(axes[0], names, strict=True):
        caption(ax, modality_name(modality))
    return fig


@styled
def modality_guide(volumes, z, source, title=None):
    """Show one slice in the four weightings, each with what it is good for (paper figure 4).

    Parameters
    ----------
    volumes : dict of str to array (x, y, z)
    z : int
        Axial slice.
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    box = _box(volumes)
    width, height = box_ratio(box)
    fig, axes = sheet([width] * 2, [height] * 2, source=source, title=title, notes=2, width=8.6)
    for ax, modality in zip(axes.flat, in_order(volumes), strict=False):
        mr_panel(ax, volumes[modality], z, box)
        caption(ax, modality_name(modality), SHOWS[modality])
    return fig


@styled
def modalities_with_mask(volumes, mask, z, source, title=None):
    """Show the four modalities of a slice, its mask, and the key to the mask (paper figure 16).

    Parameters
    ----------
    volumes : dict of str to array (x, y, z)
    mask : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    z : int
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    box = _box(volumes)
    width, height = box_ratio(box)
    fig, axes = sheet([width] * 3, [height] * 2, source=source, title=title, notes=0)
    for ax, modality in zip(axes.flat, in_order(volumes), strict=False):
        mr_panel(ax, volumes[modality], z, box)
        caption(ax, modality_name(modality))
    mask_panel(axes[1, 1], mask, z, box)
    caption(axes[1, 1], "Mask")
    _key_of_slice(axes[1, 2], mask, z)
    return fig


def _key_of_slice(ax, mask, z):
    rows = []
    for label in (ED, ET, NCR, BACKGROUND):
        name = LABEL_NAMES[label]
        long = "everything else" if label == BACKGROUND else LONG_NAMES[name]
        rows.append((COLOURS[label], name, f"{long}\n{(axial(mask, z) == label).sum():,} pixels, label {label}"))
    key(ax, rows, f"Slice z = {z}")


@styled
def three_planes(volume, mask, source, title=None, spacing=(1.0, 1.0, 1.0), name="T1ce"):
    """Cut a volume through its tumour in the three planes, all to one scale (paper figure 17).

    The coronal cut stands above the axial one, so that left and right line up, and beside the sagittal one, so that
    heights line up. Lines show where the other two planes cut.

    Parameters
    ----------
    volume : array of float, shape (x, y, z)
    mask : array of int, shape (x, y, z), or None
        Labels: the planes go through its largest area along each axis; through the brain's middle without one.
    source : str
    title : str, optional
    spacing : (float, float, float)
        Voxel size in mm along x, y, z.
    name : str
        What the volume is, for the key.

    Returns
    -------
    Figure
    """
    box = brain_box(volume)
    if mask is None:
        at = [(start + stop) // 2 for start, stop in box]
    else:
        at = [tumour_slice(mask, axis) for axis in range(3)]
    x_mm, y_mm, z_mm = ((stop - start) * step for (start, stop), step in zip(box, spacing, strict=True))
    labels = None if mask is None else TUMOUR
    fig, axes = sheet([x_mm, y_mm], [z_mm, y_mm], source=source, title=title, notes=0, legend=labels, width=8.6)
    for ax, plane in ((axes[0, 0], CORONAL), (axes[0, 1], SAGITTAL), (axes[1, 0], AXIAL)):
        mr_panel(ax, volume, at[plane.axis], box, plane, levels=window(volume), spacing=spacing)
        caption(ax, plane.name.capitalize())
        if mask is not None:
            outline_labels(ax, plane.cut(mask, at[plane.axis]))
        column, line = plane.in_plane
        ax.axvline(at[column], color="#56B4E9", lw=0.9, ls=(0, (6, 5)), gid="crosshair")
        ax.axhline(at[line], color="#56B4E9", lw=0.9, ls=(0, (6, 5)), gid="crosshair")
    _plane_key(axes[1, 1], name, at, spacing)
    return fig


def _plane_key(ax, name, at, spacing):
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.text(0.06, 0.93, f"{name} through the tumour", color="white", fontsize=13, fontweight="bold", va="top")
    lines = (
        f"coronal at y = {at[1]}", f"sagittal at x = {at[0]}", f"axial at z = {at[2]}", "",
        "Dashed: where the other planes cut.", f"Voxels of {' × '.join(f'{step:g}' for step in spacing)} mm.",
    )  # fmt: skip
    ax.text(0.06, 0.80, "\n".join(lines), color="#D8D8D8", fontsize=11, va="top", linespacing=1.6)


@styled
def modalities_side_by_side(volumes, mask, z, source, title=None):
    """Put the four modalities side by side, with the tumour enlarged below each (paper figure 24).

    Parameters
    ----------
    volumes : dict of str to array (x, y, z)
    mask : array of int, shape (x, y, z)
        Labels; says where to enlarge.
    z : int
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    box = _box(volumes)
    close = zoom_box(mask, z, box)
    width, height = box_ratio(box)
    names = in_order(volumes)
    fig, axes = sheet([width] * len(names), [height, width], source=source, title=title, notes=0,
                      captions=[True, False])  # fmt: skip
    for (whole, enlarged), modality in zip(axes.T, names, strict=True):
        levels = window(volumes[modality])
        mr_panel(whole, volumes[modality], z, box, levels=levels)
        frame(whole, close)
        mr_panel(enlarged, volumes[modality], z, close, levels=levels, letters=False)
        caption(whole, modality_name(modality))
    return fig


@styled
def phantom_beside_real(
    phantom_volumes, real_volumes, source, title=None, phantom_mask=None, real_mask=None, outlined=False
):
    """Compare a simulated patient, on the left, with a real one: a row per modality, a column per plane.

    Parameters
    ----------
    phantom_volumes : dict of str to array (x, y, z)
    real_volumes : dict of str to array (x, y, z), or None
        Without it, the phantom is shown alone.
    source : str
    title : str, optional
    phantom_mask, real_mask : array of int, shape (x, y, z), optional
        Labels: the planes go through the largest tumour area; through the brain's middle without them.
    outlined : bool
        Draw the borders of the labels.

    Returns
    -------
    Figure
        All panels are to one scale.
    """
    subjects = [("Phantom", phantom_volumes, phantom_mask)]
    if real_volumes is not None:
        subjects.append(("Patient", real_volumes, real_mask))
    names, planes = in_order(phantom_volumes), (AXIAL, CORONAL, SAGITTAL)
    boxes = [_box(volumes, margin=3) for _, volumes, _ in subjects]
    # Boxes of one size, each around the middle of its own brain, and as high as they are deep, so that all panels are
    # of one height and to one scale.
    width, *depths = np.max([[stop - start for start, stop in box] for box in boxes], axis=0)
    sizes = (width, max(depths), max(depths))
    boxes = [tuple(_around(span, size) for span, size in zip(box, sizes, strict=True)) for box in boxes]
    columns = [box_ratio(boxes[0], plane)[0] for plane in planes]
    widths = columns if len(subjects) == 1 else [*columns, _SPACER, *columns]
    fig, axes = sheet(widths, [sizes[1]] * len(names), source=source, title=title, notes=1, left=0.22,
                      legend=TUMOUR if outlined else None, captions=[True] + [False] * (len(names) - 1),
                      width=6.8 if len(subjects) == 1 else WIDTH)  # fmt: skip
    for number, ((who, volumes, mask), box) in enumerate(zip(subjects, boxes, strict=True)):
        first = number * (len(planes) + 1)
        for plane, column in zip(planes, axes.T[first : first + len(planes)], strict=True):
            at = sum(box[plane.axis]) // 2 if mask is None else tumour_slice(mask, plane.axis)
            for ax, modality in zip(column, names, strict=True):
                mr_panel(ax, volumes[modality], at, box, plane, letters=ax is column[0])
                if outlined and mask is not None:
                    outline_labels(ax, plane.cut(mask, at), 0.9)
            caption(column[0], who if plane is AXIAL else " ", plane.name)
    for ax, modality in zip(axes[:, 0], names, strict=True):
        row_label(ax, modality_name(modality))
    return fig


def _around(span, size):
    start = int(span[0] + span[1] - size) // 2
    return start, start + int(size)
