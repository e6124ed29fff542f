"""From probabilities of the overlapping regions to one label per voxel."""

import numpy as np
from scipy import ndimage

from brats_lib.labels import BACKGROUND, ED, ET, LABELS, NCR, REGIONS
from brats_lib.recipes import DecisionRule


def region_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities (..., 3) of WT, TC and ET from those of the classes (..., 4): a region is the sum of its labels."""
    sums = [probabilities[..., [LABELS.index(label) for label in codes]].sum(-1) for codes in REGIONS.values()]
    return np.stack(sums, axis=-1)


def large_pieces(mask: np.ndarray, share: float, links: np.ndarray | None = None) -> np.ndarray:
    """The connected pieces of a mask (voxels that share a face) that are not small beside the largest.

    Pieces of fewer voxels than this share of the largest's are dropped, 0-1; 1 keeps the largest alone. Voxels of
    `links` connect pieces without belonging to them.
    """
    pieces, count = ndimage.label(mask if links is None else mask | links)
    if count < 2:
        return mask
    sizes = np.bincount(pieces.ravel(), weights=mask.ravel())
    sizes[0] = 0
    return mask & (sizes >= share * sizes.max())[pieces]


def regions_to_mask(probabilities: np.ndarray, rule: DecisionRule, voxel_ml: float = 0.001) -> np.ndarray:
    """Choose labels 0, 1, 2, 4, uint8 (x, y, z), from the probabilities of WT, TC and ET, (x, y, z, 3).

    Each region is where its probability is high enough (the core: one half), the smaller in the larger.
    """
    whole, core, enhancing = np.moveaxis(np.asarray(probabilities) > (rule.wt_above, 0.5, rule.et_above), -1, 0)
    if rule.smallest_piece:
        whole = large_pieces(whole, rule.smallest_piece, np.asarray(probabilities)[..., 0] > rule.linked_above)
    core = core & whole
    enhancing = enhancing & core
    # In a patient without enhancement a single voxel turns a Dice of 1 into 0.
    if enhancing.sum() < max(rule.smallest_et_ml / voxel_ml, rule.smallest_et_share * core.sum()):
        enhancing = np.zeros_like(enhancing)
    mask = np.where(whole, np.uint8(ED), np.uint8(BACKGROUND))
    mask[core] = NCR
    mask[enhancing] = ET
    return mask
