"""The same scan through nilearn: its four static plots in one figure, and a viewer to move through it.

nilearn works in the scanner's coordinates, in mm: an `affine` (4, 4) leads to them from the voxels of the arrays. Its
images exist in memory only.
"""

import html
import re
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from matplotlib.colors import ListedColormap
from nibabel.affines import apply_affine
from scipy import ndimage

from brats_lib.figures import panels
from brats_lib.figures.style import Figure, brain_box, label_colours, styled, tumour_slice, window
from brats_lib.labels import COLOURS, ET, LABELS

# Colours of the integers 1 to 4; no label 3 exists.
_COLOURS = ListedColormap([COLOURS[label] if label in LABELS else COLOURS[ET] for label in range(1, max(LABELS) + 1)])
# Every how many-th voxel the viewer keeps, so that the page stays below 1 MB.
_STEP = 2


def _images(volume, mask, affine):
    """Scan and labels as images, cropped to the brain: smaller ones are quicker to resample and to load."""
    box = tuple(slice(*side) for side in brain_box(volume, margin=4))
    return [nib.Nifti1Image(np.asarray(array, np.float32), affine).slicer[box] for array in (volume, mask)]


def _centre(labels):
    """Scanner coordinates of the largest tumour area along each axis; of the middle without a tumour."""
    at = [tumour_slice(labels.dataobj, axis) for axis in range(3)]
    return tuple(apply_affine(labels.affine, at).tolist())


@styled
def nilearn_panel(volume: np.ndarray, mask: np.ndarray, affine: np.ndarray, source: str) -> Figure:
    """Show a scan with nilearn's ``plot_anat``, ``plot_epi``, ``plot_img`` and ``plot_roi`` (paper figure 23)."""
    from nilearn import plotting

    low, high = window(volume)
    scan, labels = _images(volume, mask, affine)
    shared = {"cut_coords": _centre(labels), "radiological": True, "draw_cross": False}
    shared |= {"colorbar": False, "black_bg": True}
    grey, false_colour = ({"cmap": cmap, "vmin": low, "vmax": high} for cmap in ("gray", "inferno"))
    tinted = {"bg_img": scan, "cmap": _COLOURS, "vmin": 1, "vmax": max(LABELS), "alpha": 0.6, "dim": 0}
    rows = [
        ("plot_anat, for anatomy", plotting.plot_anat, scan, {"dim": 0, **grey}),
        ("plot_epi, for functional scans", plotting.plot_epi, scan, grey),
        ("plot_img, for any image (here in false colour)", plotting.plot_img, scan, false_colour),
        ("plot_roi, for regions over a scan", plotting.plot_roi, labels, tinted),
    ]
    fig, axes = panels.sheet([4.4], [1] * len(rows), source, legend=label_colours())
    for ax, (name, plot, image, options) in zip(axes.flat, rows, strict=True):
        panels.caption(ax, name)
        plot(image, **shared, **options, figure=fig, axes=ax)
    return fig


@dataclass
class InteractiveView:
    """A viewer that displays itself in a notebook or page: an ``<iframe>`` that needs no other file or address."""

    html: str

    def _repr_html_(self):
        return self.html


def interactive_view(volume: np.ndarray, mask: np.ndarray, affine: np.ndarray, title: str) -> InteractiveView:
    """Make a viewer of a scan with its mask, to click through in the page (paper figure 23).

    `title` says what it shows, for screen readers.
    """
    from nilearn import plotting

    _, high = window(volume)
    smooth = ndimage.uniform_filter(np.clip(volume, 0, high).astype(np.float32), _STEP)
    # nilearn's own radiological view (0.14) mirrors the pictures but neither the cut nor the coordinates. Measuring x
    # to the patient's left instead mirrors all of them; what is left to do are the letters.
    images = _images(smooth, mask, np.diag([-1.0, 1, 1, 1]) @ affine)
    scan, labels = (image.slicer[::_STEP, ::_STEP, ::_STEP] for image in images)
    view = plotting.view_img(
        labels, bg_img=scan, cut_coords=_centre(labels), cmap=_COLOURS, symmetric_cmap=False, vmin=1, vmax=max(LABELS),
        threshold=0.5, resampling_interpolation="nearest", opacity=0.6, colorbar=False, black_bg=True, dim=0,
        annotate=False,
    )  # fmt: skip
    view.html, changed = re.subn(r'("radiological":\s*)false', r"\1true", view.html)
    if changed != 1:
        raise RuntimeError("this version of nilearn names the viewer's settings otherwise; sides would be mislabelled")
    # nilearn links its icon from the web; a page must not need one.
    view.html = re.sub(r'<link rel="icon".*?>', "", view.html, flags=re.DOTALL)
    frame = view.get_iframe(width=760, height=400)
    opening = f'<iframe title="{html.escape(title)}" style="max-width: 100%" loading="lazy"'
    return InteractiveView(frame.replace("<iframe", opening, 1))
