"""How large tumours are and where they lie: what is drawn before a single voxel is simulated.

The constants summarise BraTS 2020 training labels, 368 cases (Menze et al. 2015; Bakas et al. 2017, 2018): quantiles
and rank correlations, no case's own row. Volumes are drawn through a Gaussian copula, so that both the quantiles
of each quantity and the correlations between them are those of the patients.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

# BraTS 2020 training labels, 368 cases: quantiles at these probabilities.
PROBABILITIES = (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1)
WHOLE_ML = (7, 15, 20.8, 28.3, 43.2, 57.9, 75.9, 89.7, 106.3, 129.4, 153.1, 176.1, 200.4, 225, 290)
CORE_ML = (0.5, 1.6, 3.35, 6.25, 10.4, 17.1, 24.9, 33.4, 42.1, 53.2, 65.6, 92, 111, 131, 189)
ENHANCING_SHARE = (0.001, 0.008, 0.025, 0.11, 0.44, 0.53, 0.59, 0.643, 0.70, 0.77, 0.825, 0.90, 0.94, 0.976, 0.995)
# Rank correlations of (whole volume, core volume, enhancing share of the core) where there is enhancement.
CORRELATION = ((1, 0.78, -0.21), (0.78, 1, -0.38), (-0.21, -0.38, 1))
# Even a tumour that is nearly all core keeps some edema.
LARGEST_CORE_SHARE = 0.95
WITHOUT_ET = 0.0734
# Where ET has at most 0.05 mL (28 cases) the core takes .20, .41, .54, .68 and .76 of the whole (quantiles .1, .25, .5,
# .75, .9): the parameters of a beta distribution.
CORE_SHARE_WITHOUT_ET = (2.5, 2.3)

# Centroids of the same 368 cases in voxels of the 240 x 240 x 155 grid: distance from the midplane (x = 120), y and z,
# with their means, standard deviations and correlations. Left and right are equally frequent (189 : 179).
CENTROID_MEAN = (28.6, 130.4, 79.5)
CENTROID_SD = (10.3, 24.9, 16.8)
CENTROID_CORRELATION = ((1, 0.23, -0.51), (0.23, 1, -0.10), (-0.51, -0.10, 1))
# Extents along x, y, z relative to their geometric mean, medians of the same cases.
EXTENT = (0.88, 1.19, 0.94)

# BraTS 2020 has 293 HGG and 76 LGG; which of them lack enhancement is not in the labels, most are LGG.
LGG_WITH_ET, LGG_WITHOUT_ET = 0.15, 0.85

# What `variety.WIDE` draws instead: every other tumour of any size alike on a logarithmic scale, all of them anywhere
# that the anatomy allows.
WIDE_WHOLE_ML = (3.0, 260.0)
WIDE_CORE_SHARE = (0.03, 0.9)
WIDE_WITHOUT_ET = 0.25
WIDE_CENTROIDS = (0, 50, 25), (62, 195, 125)

# How many places are drawn, of which anatomy takes the first that lies in the brain.
CANDIDATES = 60


@dataclass(frozen=True)
class Tumour:
    """One drawn tumour: volumes of WT, TC and ET in mL, and where it may lie."""

    whole_ml: float
    core_ml: float
    enhancing_ml: float  # 0 in 7 % of the draws, of wide ones in 25 %
    grade: str  # "HGG" or "LGG"
    centres: tuple[tuple[float, float, float], ...]  # centroids in voxels of the grid, in the order of preference
    stretch: tuple[float, float, float]  # relative extents along x, y, z; their product is 1

    def parameters(self) -> dict:
        """The drawn numbers, as JSON can hold them; candidate centres are left out."""
        values = vars(self) | {"stretch": list(self.stretch)}
        return {name: value for name, value in values.items() if name != "centres"}


def draw_tumour(rng: Generator, wide: bool = False) -> Tumour:
    """Draw a tumour's volumes, grade, shape and candidate positions."""
    normal = np.linalg.cholesky(np.array(CORRELATION, float)) @ rng.standard_normal(3)
    uniform = [NormalDist().cdf(v) for v in normal]
    enhancing = rng.random() >= WITHOUT_ET
    whole, core = (
        float(np.exp(np.interp(u, PROBABILITIES, np.log(volumes))))
        for u, volumes in zip(uniform[:2], (WHOLE_ML, CORE_ML), strict=True)
    )
    share = float(np.interp(uniform[2], PROBABILITIES, ENHANCING_SHARE))
    if wide:
        if rng.random() < 0.5:
            whole = float(np.exp(rng.uniform(*np.log(WIDE_WHOLE_ML))))
            core = whole * float(np.exp(rng.uniform(*np.log(WIDE_CORE_SHARE))))
            share = float(rng.beta(1.2, 0.8))
        enhancing = rng.random() >= WIDE_WITHOUT_ET
    if not enhancing:
        core = whole * float(rng.beta(*CORE_SHARE_WITHOUT_ET))
    core = min(core, LARGEST_CORE_SHARE * whole)
    grade = "LGG" if rng.random() < (LGG_WITH_ET if enhancing else LGG_WITHOUT_ET) else "HGG"

    root = np.linalg.cholesky(np.array(CENTROID_CORRELATION, float))
    lateral, y, z = (np.array(CENTROID_MEAN) + rng.standard_normal((CANDIDATES, 3)) @ root.T * CENTROID_SD).T
    if wide:
        lateral, y, z = rng.uniform(*WIDE_CENTROIDS, (CANDIDATES, 3)).T
    x = 120 + (1 if rng.random() < 0.5 else -1) * np.abs(lateral)
    stretch = np.array(EXTENT) * np.exp(rng.normal(0, 0.12, 3))
    stretch /= np.prod(stretch) ** (1 / 3)
    return Tumour(
        whole_ml=whole,
        core_ml=core,
        enhancing_ml=core * share if enhancing else 0.0,
        grade=grade,
        centres=tuple(zip(x.tolist(), y.tolist(), z.tolist(), strict=True)),
        stretch=tuple(stretch.tolist()),
    )
