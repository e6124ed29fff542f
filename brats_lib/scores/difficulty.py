"""What makes a case hard: how large its tumour is, and how much that differs from healthy brain."""

import numpy as np

from brats_lib.labels import BACKGROUND, REGIONS, region

__all__ = ["difficulty", "lesion_contrast"]


def lesion_contrast(volume, mask, name="WT"):
    """How far a region's mean intensity is from that of healthy brain, in standard deviations of healthy brain.

    Healthy brain is every voxel that is not zero and has no tumour label: grey and white matter and fluid, so its
    standard deviation is that between tissues as well as that of noise.

    Parameters
    ----------
    volume : array of float, shape (x, y, z)
        Intensities in any unit, 0 outside the brain.
    mask : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    name : {"WT", "TC", "ET", "NCR", "ED"}
        Region or label.

    Returns
    -------
    float
        Positive where the region is brighter. NaN where there is no such region or no healthy brain.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    volume, mask = np.asarray(volume), np.asarray(mask)
    if volume.shape != mask.shape:
        raise ValueError(f"volume and mask have shapes {volume.shape} and {mask.shape}; they must agree")
    brain = volume != 0
    healthy, lesion = volume[brain & (mask == BACKGROUND)], volume[brain & region(mask, name)]
    if not healthy.size or not lesion.size:
        return float("nan")
    spread = healthy.std(dtype=np.float64)
    if not spread:
        return float("nan")
    return float((lesion.mean(dtype=np.float64) - healthy.mean(dtype=np.float64)) / spread)


def difficulty(volumes, mask, spacing=(1.0, 1.0, 1.0)):
    """Size and contrast of a case's tumour, to set beside its scores.

    Parameters
    ----------
    volumes : dict of str to array, shape (x, y, z)
        With ``"flair"`` and ``"t1ce"``; intensities as stored, 0 outside the brain.
    mask : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    spacing : sequence of float
        Voxel size in mm along x, y, z.

    Returns
    -------
    dict
        `wt_ml`, `tc_ml` and `et_ml`, volumes in mL; `wt_flair_contrast` and `et_t1ce_contrast` as `lesion_contrast`
        has them, NaN where the region is empty.
    """
    voxel_ml = float(np.prod(spacing)) / 1000
    sizes = {f"{name.lower()}_ml": float(region(mask, name).sum() * voxel_ml) for name in REGIONS}
    return sizes | {
        "wt_flair_contrast": lesion_contrast(volumes["flair"], mask, "WT"),
        "et_t1ce_contrast": lesion_contrast(volumes["t1ce"], mask, "ET"),
    }
