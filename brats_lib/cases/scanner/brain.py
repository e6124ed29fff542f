"""Which voxels of a head are its brain: an average brain, whose surface is moved to where the head's own brain ends.

It is made for heads with tumours: surfaces bend smoothly and by a few millimetres, so nothing deep in the brain is ever
taken away, whatever it looks like. It is less exact than networks that learnt to do this.
"""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from brats_lib.errors import BratsError

# Surfaces are looked for at voxels of so many mm.
STEP = 2
# How far the surface may move, mm, outwards and inwards, first and then once more from there.
REACHES = (8, 5)
# The surface's neighbours that move with it; each stands for about 4 mm2.
NEIGHBOURS = 60
# Length of what is compared on both sides of the surface, mm.
SIDE_MM = 3
# What a move as far as can be costs, in the brightness by which a brain differs from bone.
COST = 0.5
# How far brightness is compared with the brain's own nearby, mm; more than so much of that is no brain.
NEARBY_MM, BRIGHTEST = 20.0, 1.2
# Below the average brain's surface, mm: what is always brain, to compare with; and where fat may be, which is brighter
# than brain in every modality.
CORE_MM, FAT_MM, FAT_COST = 10.0, 5.0, 8.0
MARGIN = 24
# Modalities in which liquid is as dark as bone.
DARK_LIQUID = ("flair", "t1", "t1ce")


def find_brain(heads: Mapping[str, np.ndarray], expected: np.ndarray) -> np.ndarray:
    """Find the brain in a head.

    `heads` are modalities on one grid of 1 mm, beyond their field of view as at its edge; `expected` is the average
    brain stretched to the head (bool). Liquid in sulci and ventricles counts as brain, as it does in BraTS.
    """
    box = tuple(slice(max(where.min() - MARGIN, 0), where.max() + MARGIN + 1) for where in np.nonzero(expected))
    coarse = (slice(None, None, STEP),) * 3
    brain = expected[box][coarse]
    images = [ndimage.gaussian_filter(heads[name][box], STEP / 2)[coarse] for name in DARK_LIQUID if name in heads]
    bright = _brightness(images, _signed_distance(brain))
    for reach in REACHES:
        brain = _moved(brain, bright, reach)
    pieces, _ = ndimage.label(brain)
    brain = ndimage.binary_fill_holes(pieces == np.bincount(pieces[brain]).argmax())
    smooth = ndimage.gaussian_filter(brain.astype(np.float32), 1)
    whole = np.zeros(expected.shape, bool)
    size = expected[box].shape
    whole[box] = ndimage.affine_transform(smooth, [1 / STEP] * 3, output_shape=size, order=1, mode="nearest") > 0.5
    return whole


def _brightness(images: list[np.ndarray], depth: np.ndarray) -> np.ndarray:
    """How much each voxel looks like brain: the mean of the modalities, as shares of the brain's brightness nearby.

    What is bright in all of them is fat, and counts as bone, unless it lies deep in the average brain.
    """
    core = depth > CORE_MM
    weight = ndimage.gaussian_filter(core.astype(np.float32), NEARBY_MM / STEP) + 1e-3
    shares = []
    for image in images:
        typical = np.median(image[core])
        capped = np.where(core, np.minimum(image, BRIGHTEST * typical), 0) + 1e-3 * typical
        shares.append(image * weight / ndimage.gaussian_filter(capped, NEARBY_MM / STEP))
    fat = np.where(depth < FAT_MM, np.maximum(np.min(shares, axis=0) - BRIGHTEST, 0), 0)
    return np.maximum(np.mean(np.minimum(shares, BRIGHTEST), axis=0) - FAT_COST * fat, 0)


def _signed_distance(mask: np.ndarray) -> np.ndarray:
    """Distance to a mask's surface in mm, negative outside."""
    inside, outside = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
    return STEP * (inside - outside + np.where(mask, -0.5, 0.5))


def _moved(brain: np.ndarray, bright: np.ndarray, reach: int) -> np.ndarray:
    """A brain whose surface is where it is bright on its inside and dark on its outside."""
    depth = ndimage.gaussian_filter(_signed_distance(brain), 1)
    surface = np.abs(depth) <= STEP / 2
    points = np.argwhere(surface)
    outwards = -np.stack([slope[surface] for slope in np.gradient(depth, STEP)], axis=1)
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True) + 1e-6
    offsets = np.arange(-reach - SIDE_MM, reach + SIDE_MM + 1)
    at = points.T[:, :, None] + outwards.T[:, :, None] * offsets / STEP
    profiles = ndimage.map_coordinates(bright, at, order=1, mode="nearest")
    sums = np.cumsum(np.pad(profiles, ((0, 0), (1, 0))), axis=1)
    sides = (sums[:, SIDE_MM:] - sums[:, :-SIDE_MM]) / SIDE_MM  # of so many mm from each offset on
    falls = sides[:, : -SIDE_MM - 1] - sides[:, SIDE_MM + 1 :]  # before an offset, less those after it
    moves = offsets[SIDE_MM:-SIDE_MM]
    near = KDTree(points).query(points, NEIGHBOURS)[1]
    falls = np.stack([fall[near].mean(axis=1) for fall in falls.T], axis=1)
    best = moves[np.argmax(falls - COST * (moves / reach) ** 2, axis=1)].astype(float)
    best = best[near].mean(axis=1)
    place = np.zeros(brain.shape, np.int64)
    place[surface] = np.arange(len(points))
    nearest = ndimage.distance_transform_edt(~surface, return_distances=False, return_indices=True)
    return depth > -best[place[tuple(nearest)]]


def find_brain_by_deepbet(heads: Mapping[str, np.ndarray], expected: np.ndarray) -> np.ndarray:
    """Find the brain with the network of deepbet (Fisch et al. 2024), in T1 where there is one, else in T1ce."""
    try:
        from deepbet.bet import BrainExtraction
    except ModuleNotFoundError as error:
        found, advice = f"the package {error.name} is missing", "Install deepbet, or leave the option out"
        raise BratsError("--brain deepbet", found, "the package deepbet", advice) from None

    network = BrainExtraction(no_gpu=True)
    head = heads.get("t1", heads["t1ce"])
    # It wants axes to the right, front and up.
    found = network.run_model(np.ascontiguousarray(head[::-1, ::-1])) > 0.5
    return network.postprocess(found)[::-1, ::-1] > 0
