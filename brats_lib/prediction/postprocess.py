"""From probabilities of the overlapping regions to one label per voxel."""

import numpy as np
from scipy import ndimage

from brats_lib.labels import BACKGROUND, ED, ET, LABELS, NCR, REGIONS
from brats_lib.recipes import DecisionRule

__all__ = ["PLAIN", "large_pieces", "region_probabilities", "regions_to_mask"]

# Every region from one half on, and nothing dropped.
PLAIN = DecisionRule(smallest_piece=0.0, linked_above=0.5, et_above=0.5)


def region_probabilities(probabilities):
    """Probabilities of WT, TC and ET from those of the classes: a region is the sum of its labels.

    Parameters
    ----------
    probabilities : array of float, shape (..., 4)
        Of the classes, in the order of `labels.LABELS`.

    Returns
    -------
    array, shape (..., 3)
        In the order of `labels.REGIONS`.
    """
    sums = [probabilities[..., [LABELS.index(label) for label in codes]].sum(-1) for codes in REGIONS.values()]
    return np.stack(sums, axis=-1)


def large_pieces(mask, share=1.0, links=None):
    """The connected pieces of a mask (voxels that share a face) that are not small beside the largest.

    Parameters
    ----------
    mask : array of bool
    share : float
        Pieces of fewer voxels than this share of the largest's are dropped, 0-1; 1 keeps the largest alone.
    links : array of bool, same shape, optional
        Voxels that connect pieces without belonging to them.

    Returns
    -------
    array of bool, same shape
    """
    pieces, count = ndimage.label(mask if links is None else mask | links)
    if count < 2:
        return mask
    sizes = np.bincount(pieces.ravel(), weights=mask.ravel())
    sizes[0] = 0
    return mask & (sizes >= share * sizes.max())[pieces]


def regions_to_mask(probabilities, rule=PLAIN, voxel_ml=0.001):
    """Choose labels: each region where its probability is high enough (the core: one half), the smaller in the larger.

    Parameters
    ----------
    probabilities : array of float, shape (x, y, z, 3)
        Of WT, TC and ET.
    rule : brats_lib.recipes.DecisionRule
    voxel_ml : float
        Volume of a voxel in mL.

    Returns
    -------
    array of uint8, shape (x, y, z)
        Labels 0, 1, 2, 4.
    """
    whole, core, enhancing = np.moveaxis(np.asarray(probabilities) > (rule.wt_above, 0.5, rule.et_above), -1, 0)
    if rule.smallest_piece:
        whole = large_pieces(whole, rule.smallest_piece, np.asarray(probabilities)[..., 0] > rule.linked_above)
    core = core & whole
    enhancing = enhancing & core
    # In a patient without enhancement a single voxel turns a Dice of 1 into 0.
    if enhancing.sum() < rule.smallest_et_ml / voxel_ml:
        enhancing = np.zeros_like(enhancing)
    mask = np.where(whole, np.uint8(ED), np.uint8(BACKGROUND))
    mask[core] = NCR
    mask[enhancing] = ET
    return mask
