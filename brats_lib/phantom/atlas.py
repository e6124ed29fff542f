"""The MNI152 head that every phantom is deformed from, and the grid that phantoms are drawn on.

The maps are the ICBM 2009a nonlinear symmetric averages (Fonov et al. 2011) at 1 mm, which nilearn carries in its
package, so that nothing is fetched. They are turned to LPS, the orientation of BraTS arrays.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

GRID = (240, 240, 155)
# The part of the grid that a head can reach; everything else is background, so nothing is computed there.
BOX = (slice(42, 202), slice(26, 220), slice(0, 155))
BOX_SHAPE = tuple(s.stop - s.start for s in BOX)
# BraTS aligns heads with the SRI24 atlas (Bakas et al. 2017): its head is centred here, in voxels of the grid, and
# smaller than MNI152's by these factors (skull-stripped volume about 1450 mL instead of 1880 mL).
HEAD_CENTRE = (119.5, 122.0, 73.5)
SCALES = (0.945, 0.95, 0.915)
# Around the maps, in voxels, so that sampling just outside them finds zeros.
PADDING = 6


@dataclass(frozen=True)
class Atlas:
    """Maps of one average head, float32 of one shape, LPS, 1 mm."""

    # Shares of white matter, grey matter and cerebrospinal fluid, 0-1; they add up to 1 inside the brain.
    white: np.ndarray
    grey: np.ndarray
    fluid: np.ndarray
    detail: np.ndarray  # the average T1 image less what the tissues explain of it: deep nuclei, cerebellar folia
    depth: np.ndarray  # distance to the surface of the brain mask, mm; negative outside
    ventricle: np.ndarray  # share, 0-1, of fluid in the ventricles and the cisterns between the hemispheres
    centre: tuple[float, ...]  # voxel in the middle of the brain's bounding box
    origin: tuple[float, ...]  # voxel of the anterior commissure, the zero of MNI coordinates


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """Load the maps, once per process."""
    # nilearn imports scikit-learn, seconds that only those who simulate should wait for.
    from nilearn import datasets

    image = datasets.load_mni152_brain_mask(resolution=1)
    loaders = datasets.load_mni152_gm_template, datasets.load_mni152_wm_template, datasets.load_mni152_template
    grey, white, t1 = (_in_lps(load(resolution=1)) for load in loaders)
    brain = _in_lps(image) > 0
    fluid = np.clip(1 - grey - white, 0, 1) * brain
    bounds = [(where.min(), where.max()) for where in np.nonzero(brain)]
    crop = tuple(slice(low, high + 1) for low, high in bounds)
    grey, white, fluid, t1 = (
        np.ascontiguousarray(np.pad((volume * brain)[crop], PADDING), np.float32) for volume in (grey, white, fluid, t1)
    )
    # The maps end where the average is cut, through the brainstem: no brain surface there.
    inside = np.pad(brain[crop], PADDING)
    inside[:, :, :PADDING] = inside[:, :, PADDING : PADDING + 1]
    depth = _depth(inside)
    zero = np.linalg.solve(image.affine, (0, 0, 0, 1))[:3]
    lps_zero = (brain.shape[0] - 1 - zero[0], brain.shape[1] - 1 - zero[1], zero[2])
    origin = tuple(float(v - low + PADDING) for v, (low, _) in zip(lps_zero, bounds, strict=True))
    return Atlas(
        white=white,
        grey=grey,
        fluid=fluid,
        detail=_unexplained(t1, white, grey, fluid),
        depth=depth.astype(np.float32),
        ventricle=_ventricle(fluid, depth, origin),
        centre=tuple((low + high) / 2 - low + PADDING for low, high in bounds),
        origin=origin,
    )


def _in_lps(image):
    return np.asarray(image.dataobj, np.float32)[::-1, ::-1]


def _depth(mask):
    """Signed distance to the surface of a mask whose notches up to 16 mm wide are filled: fluid bridges the sulci."""
    # Every second voxel is eight times faster and good to half a millimetre.
    reach, step = 8, 2
    margin = reach // step + 1
    coarse = np.pad(mask[::step, ::step, ::step], margin, mode="edge")
    closed = ndimage.distance_transform_edt(~coarse) * step <= reach
    closed = ndimage.distance_transform_edt(closed) * step > reach
    closed = closed[(slice(margin, -margin),) * 3] | mask[::step, ::step, ::step]
    depth = (ndimage.distance_transform_edt(closed) - ndimage.distance_transform_edt(~closed)) * step
    at = np.meshgrid(*(np.arange(n, dtype=np.float32) / step for n in mask.shape), indexing="ij")
    return ndimage.map_coordinates(depth.astype(np.float32), at, order=1, mode="nearest")


def _unexplained(t1, white, grey, fluid):
    """What is left of the T1 image when each voxel's tissue mixture is taken away, by least squares."""
    inside = (white + grey + fluid > 0.5) & (t1 > 0)
    mixture = np.stack([white[inside], grey[inside], fluid[inside]], axis=1)
    means, *_ = np.linalg.lstsq(mixture.astype(np.float64), t1[inside].astype(np.float64), rcond=None)
    rest = np.zeros_like(t1)
    rest[inside] = np.clip(t1[inside] - mixture @ means.astype(np.float32), -0.15, 0.15)
    return ndimage.gaussian_filter(rest, 0.7)


def _ventricle(fluid, depth, origin):
    """The fluid deep inside the brain: large connected pieces at least 15 mm below the surface, the insula's not."""
    x, y, _ = (a - o for a, o in zip(np.ogrid[tuple(slice(n) for n in fluid.shape)], origin, strict=True))
    lateral = np.abs(x)
    central = (lateral < 26) | ((lateral < 38) & (y > 25))
    labels, _ = ndimage.label((fluid > 0.4) & (depth > 15) & central)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    main = np.isin(labels, np.flatnonzero(sizes > 300))
    return ndimage.gaussian_filter(main.astype(np.float32), 0.8)


def box_coordinates() -> tuple[np.ndarray, ...]:
    """Voxel indices of `BOX` in the grid, of shapes (x, 1, 1), (1, y, 1) and (1, 1, z)."""
    return np.ogrid[tuple(slice(float(s.start), float(s.stop)) for s in BOX)]
