"""The picture at the head of the book."""

from brats_lib.figures.panels import box_ratio, caption, mr_panel, overlay, sheet
from brats_lib.figures.style import brain_box, styled
from brats_lib.labels import ED, ET, NCR

__all__ = ["hero"]


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
    fig, axes = sheet([width] * 4, [height], source=source, title=title, notes=0, legend=(NCR, ED, ET))
    for ax, modality in zip(axes[0], ("flair", "t1ce", "t1ce", "t1ce"), strict=True):
        mr_panel(ax, volumes[modality], z, box)
    overlay(axes[0, 2], truth, z)
    overlay(axes[0, 3], prediction, z)
    for ax, heading in zip(axes[0], ("FLAIR", "T1ce", "Expert", "Network"), strict=True):
        caption(ax, heading)
    return fig
