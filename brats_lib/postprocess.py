"""From probabilities of the overlapping regions to one label per voxel."""

import numpy as np
from scipy import ndimage

from brats_lib.labels import BACKGROUND, ED, ET, LABELS, NCR, REGIONS

__all__ = ["LINKED_ABOVE", "largest_piece", "region_probabilities", "regions_to_mask"]

# A faint bridge between two parts of a lesion falls short of one half; without it the smaller part would be dropped.
LINKED_ABOVE = 0.3


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


def largest_piece(mask, links=None):
    """The largest connected piece of a mask (voxels that share a face); the mask itself where it is empty.

    Parameters
    ----------
    mask : array of bool
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
    return mask & (pieces == sizes.argmax())


def regions_to_mask(probabilities, threshold=0.5, keep_largest=False, smallest_et_voxels=0.0):
    """Choose labels: each region where its probability exceeds the threshold, the smaller inside the larger.

    Parameters
    ----------
    probabilities : array of float, shape (x, y, z, 3)
        Of WT, TC and ET.
    threshold : float
        In 0-1.
    keep_largest : bool
        Keep the largest piece of the whole tumour alone, what voxels above `LINKED_ABOVE` connect being one piece.
        A second focus is lost with it.
    smallest_et_voxels : float
        An enhancing tumour of fewer voxels becomes necrosis: in a patient without enhancement a single voxel
        turns a Dice of 1 into 0.

    Returns
    -------
    array of uint8, shape (x, y, z)
        Labels 0, 1, 2, 4.
    """
    whole, core, enhancing = np.moveaxis(np.asarray(probabilities) > threshold, -1, 0)
    if keep_largest:
        whole = largest_piece(whole, np.asarray(probabilities)[..., 0] > LINKED_ABOVE)
    core = core & whole
    enhancing = enhancing & core
    if enhancing.sum() < smallest_et_voxels:
        enhancing = np.zeros_like(enhancing)
    mask = np.where(whole, np.uint8(ED), np.uint8(BACKGROUND))
    mask[core] = NCR
    mask[enhancing] = ET
    return mask
