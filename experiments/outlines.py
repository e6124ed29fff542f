"""How readers outline real lesions, and how phantoms are outlined: what the simulation was set by, made again.

A phantom's truth is exact, a reader's is a habit. A network that learnt from masks drawn half way up a blurred edge
outlines real lesions too tightly, for readers begin where the signal begins.
"""

import functools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import ndimage

from brats_lib.cases import MODALITIES
from brats_lib.labels import ED, ET, region
from brats_lib.phantom import MIXED
from experiments.record import save
from experiments.shipped import SEED, plain_mixture, training_phantoms

__all__ = ["compare_outlines", "describe_outline"]

CASES = 24
# Distances to the nearest voxel outside: the outermost layer has 1, what counts as inside has at least the others.
OUTERMOST, WITHIN_RIM, WITHIN_EDEMA, FAR = 1, 2, 4, 8


def compare_outlines(real):
    """One row per real case, phantom, and phantom without rims and outlines: `results/outlines.csv`."""
    kinds = {"phantoms": MIXED, "phantoms without rims and outlines": plain_mixture("rims", "outlines")}
    cohorts = {"patients": lambda: real}
    cohorts |= {name: functools.partial(training_phantoms, CASES, kind) for name, kind in kinds.items()}
    rows = []
    for data, stacks in cohorts.items():
        for stack in stacks():
            volumes = {name: np.asarray(stack.images[..., MODALITIES.index(name)]) for name in ("flair", "t1ce")}
            rows.append({"data": data, "case": stack.name, **describe_outline(volumes, np.asarray(stack.labels))})
    table = pd.DataFrame(rows)
    print(table.groupby("data", sort=False).median(numeric_only=True).round(2))
    save("outlines", table, phantoms=CASES, seed=SEED)


def describe_outline(volumes: Mapping[str, np.ndarray], mask: np.ndarray) -> dict[str, float]:
    """Describe where along a lesion's rising signal its outline was drawn, and what encloses what.

    Parameters
    ----------
    volumes
        With ``"flair"`` and ``"t1ce"``, shape (x, y, z), 0 outside the brain, any unit; voxels of 1 mm.
    mask
        Labels 0, 1, 2, 4.

    Returns
    -------
    dict
        `core_surface_enhancing`, the share of the core's outermost voxels that are labelled ET; `et_outermost`, the
        median T1ce signal of the outermost voxels of ET as a share of the way from edema (0) to ET at least 2 voxels
        deep (1); `wt_outermost`, likewise on FLAIR, of the whole tumour's outermost voxels between brain at least 8
        voxels away and edema at least 4 deep. NaN where a region is empty or nowhere that deep.
    """
    depth = ndimage.distance_transform_edt
    flair, t1ce = (np.asarray(volumes[name], np.float32) for name in ("flair", "t1ce"))
    whole, core, enhancing = (region(mask, name) for name in ("WT", "TC", "ET"))
    surface, into_et, into_wt = depth(core) == OUTERMOST, depth(enhancing), depth(whole)
    brain = (flair != 0) & (depth(~whole) >= FAR)
    return {
        "core_surface_enhancing": float(enhancing[surface].mean()) if surface.any() else float("nan"),
        "et_outermost": _rise(t1ce, mask == ED, into_et == OUTERMOST, (mask == ET) & (into_et >= WITHIN_RIM)),
        "wt_outermost": _rise(flair, brain, into_wt == OUTERMOST, (mask == ED) & (into_wt >= WITHIN_EDEMA)),
    }


def _rise(volume, foot, where, top):
    """How far the median intensity of voxels lies on the way from that of `foot` to that of `top`."""
    if not (foot.any() and where.any() and top.any()):
        return float("nan")
    low, middle, high = (float(np.median(volume[voxels])) for voxels in (foot, where, top))
    return (middle - low) / (high - low) if high != low else float("nan")
