"""How a mask lies on the image: where along a lesion's rising signal its outline was drawn, and what encloses what.

A phantom's truth is exact, a reader's is a habit. A network that learnt from masks drawn half way up a blurred edge
outlines real lesions too tightly, for readers begin where the signal begins.
"""

import numpy as np
from scipy import ndimage

from brats_lib.labels import ED, ET, region

__all__ = ["describe_outline"]

# Distances to the nearest voxel outside: the outermost layer has 1, what counts as inside has at least the others.
OUTERMOST, WITHIN_RIM, WITHIN_EDEMA, FAR = 1, 2, 4, 8


def describe_outline(volumes, mask):
    """Describe how a tumour was outlined.

    Parameters
    ----------
    volumes : dict of str to array, shape (x, y, z)
        With ``"flair"`` and ``"t1ce"``, 0 outside the brain, any unit; voxels of 1 mm.
    mask : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.

    Returns
    -------
    dict
        `core_surface_enhancing`, the share of the core's outermost voxels that are labelled ET; `et_outermost`, the
        median T1ce signal of the outermost voxels of ET as a share of the way from edema (0) to ET at least 2 voxels
        deep (1); `wt_outermost`, likewise on FLAIR, of the whole tumour's outermost voxels between brain at least 8
        voxels away and edema at least 4 deep. NaN where a region is empty or nowhere that deep.
    """
    volumes = {name: np.asarray(volumes[name], np.float32) for name in ("flair", "t1ce")}
    mask = np.asarray(mask)
    brain, whole, core, enhancing = volumes["flair"] != 0, *(region(mask, name) for name in ("WT", "TC", "ET"))
    surface = _depth(core) == OUTERMOST
    into_et, into_wt = _depth(enhancing), _depth(whole)
    return {
        "core_surface_enhancing": float(enhancing[surface].mean()) if surface.any() else float("nan"),
        "et_outermost": _rise(
            volumes["t1ce"], mask == ED, into_et == OUTERMOST, (mask == ET) & (into_et >= WITHIN_RIM)
        ),
        "wt_outermost": _rise(
            volumes["flair"], brain & (_depth(~whole) >= FAR), into_wt == OUTERMOST,
            (mask == ED) & (into_wt >= WITHIN_EDEMA),
        ),
    }  # fmt: skip


def _depth(inside):
    """Distance of each voxel of a region to the nearest one outside, 0 outside."""
    return ndimage.distance_transform_edt(inside)


def _rise(volume, foot, where, top):
    """How far the median intensity of voxels lies on the way from that of `foot` to that of `top`."""
    if not (foot.any() and where.any() and top.any()):
        return float("nan")
    low, middle, high = (float(np.median(volume[voxels])) for voxels in (foot, where, top))
    return (middle - low) / (high - low) if high != low else float("nan")
