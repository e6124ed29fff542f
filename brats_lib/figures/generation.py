"""Images that networks made, beside real ones."""

from collections.abc import Mapping, Sequence

import numpy as np

from brats_lib.figures import panels
from brats_lib.figures.style import MODALITY_NAMES, Figure, label_colours, label_image, styled
from brats_lib.labels import to_labels


def labelled_slices(groups: Mapping[str, tuple[np.ndarray, np.ndarray]], source: str) -> Figure:
    """Show slices in four modalities with their labels: a column per slice, a row per modality.

    A group has a heading over its first column, images (n, h, w, 4) in 0-1 and class indices (n, h, w).
    """
    images = np.concatenate([np.asarray(images, np.float32) for images, _ in groups.values()])
    classes = np.concatenate([classes for _, classes in groups.values()])
    rows = {name: images[..., channel] for channel, name in enumerate(MODALITY_NAMES.values())} | {"labels": classes}
    headings = [text for name, (group, _) in groups.items() for text in (name, *[""] * (len(group) - 1))]
    return picture_rows(rows, source, headings, legend=label_colours())


@styled
def picture_rows(
    rows: Mapping[str, Sequence[np.ndarray] | np.ndarray],
    source: str,
    headings: Sequence[str] = (),
    classes: np.ndarray | None = None,
    notes: Mapping[str, Sequence[str]] | None = None,
    legend: Sequence[tuple[str, str]] = (),
) -> Figure:
    """Show rows of single pictures (n, h, w): intensities in 0-1, with one grey scale in a row, or class indices.

    `headings` stand over the columns, and `notes` in the panels of a row, by its name. The borders of `classes`, class
    indices (n, h, w), are drawn over every row. The `legend` explains colours at the foot.
    """
    count, side = np.shape(next(iter(rows.values())))[:2]
    captioned = [0] if headings else []
    fig, axes = panels.sheet([side] * count, [side] * len(rows), source, left=0.35, captioned=captioned, legend=legend)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        pictures = np.asarray(pictures)
        white = np.percentile(pictures[pictures > 0], 99.5) if np.any(pictures > 0) else 1
        for column, (ax, picture) in enumerate(zip(line, pictures, strict=True)):
            if np.issubdtype(pictures.dtype, np.integer):
                ax.imshow(label_image(to_labels(picture.T)), origin="upper", interpolation="nearest")
            else:
                panels.picture_panel(ax, picture, (0, white), letters=ax is axes[0, 0])
            if classes is not None:
                panels.outline_labels(ax, to_labels(classes[column]).T)
            if notes and name in notes:
                ax.text(0.03, 0.03, notes[name][column], transform=ax.transAxes, color="white", fontsize=9.5)
        panels.row_label(line[0], name)
    if headings:
        panels.captions(axes[0], *headings)
    return fig
