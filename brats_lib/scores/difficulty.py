"""What makes a case hard: how large its tumour is, and how much that differs from healthy brain."""

from collections.abc import Mapping, Sequence

import numpy as np

from brats_lib.labels import BACKGROUND, REGIONS, region


def lesion_contrast(volume: np.ndarray, mask: np.ndarray, name: str) -> float:
    """How far a region's mean intensity is from that of healthy brain, in standard deviations of healthy brain.

    The volume is in any unit, 0 outside the brain. Healthy brain is every voxel that is not zero and has no tumour
    label: grey and white matter and fluid, so its standard deviation is that between tissues as well as that of noise.
    Positive where the region is brighter; NaN where there is no such region, no healthy brain or no spread in it.
    """
    brain = volume != 0
    healthy, lesion = volume[brain & (mask == BACKGROUND)], volume[brain & region(mask, name)]
    spread = healthy.std(dtype=np.float64) if healthy.size else 0
    if not lesion.size or not spread:
        return float("nan")
    return float((lesion.mean(dtype=np.float64) - healthy.mean(dtype=np.float64)) / spread)


def difficulty(
    volumes: Mapping[str, np.ndarray], mask: np.ndarray, spacing: Sequence[float] = (1.0, 1.0, 1.0)
) -> dict[str, float]:
    """Size and contrast of a case's tumour, to set beside its scores.

    From the volumes ``"flair"`` and ``"t1ce"`` and the voxel size in mm: `wt_ml`, `tc_ml` and `et_ml` in mL,
    `wt_flair_contrast` and `et_t1ce_contrast` as `lesion_contrast` has them.
    """
    voxel_ml = float(np.prod(spacing)) / 1000
    sizes = {f"{name.lower()}_ml": float(region(mask, name).sum() * voxel_ml) for name in REGIONS}
    return sizes | {
        "wt_flair_contrast": lesion_contrast(volumes["flair"], mask, "WT"),
        "et_t1ce_contrast": lesion_contrast(volumes["t1ce"], mask, "ET"),
    }
