"""Scores of the BraTS challenge: per case and region, on the case's own grid.

Conventions
-----------
No case is ever left out of a mean, so every score is a number, whatever is empty:

============================  ====  ===  ===========  =========  ===========  ========
prediction / truth            dice  iou  sensitivity  precision  specificity  hd95_mm
============================  ====  ===  ===========  =========  ===========  ========
both empty                    1     1    1            1          1            0
prediction only empty         0     0    0            0          1            373.13
truth only empty              0     0    0            0          below 1      373.13
============================  ====  ===  ===========  =========  ===========  ========

Dice and HD95 follow the rule that the winner of BraTS 2020 reimplemented from the challenge's ranking (Isensee et
al. 2020, arXiv 2011.00848). For the other ratios the challenge has no printed rule; ours is that a ratio whose
denominator is zero is 1 where prediction and truth are identical and 0 elsewhere. An average that drops such cases
(nanmean) gets better the more tumours are missed.

Everywhere, `spacing` is the voxel size along each axis in mm. Shapes that differ and values that are no BraTS label are
refused as `ValueError`.
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree

from brats_lib.labels import LABELS, SCORED, to_classes

COLUMNS = ("case", "region", "dice", "iou", "sensitivity", "specificity", "precision", "hd95_mm")
# The diagonal of the BraTS grid, 240 x 240 x 155 at 1 mm: what a missed or invented region costs.
WORST_HD95_MM = float(np.sqrt(240**2 + 240**2 + 155**2))


def hd95(a: np.ndarray, b: np.ndarray, spacing: Sequence[float] | np.ndarray) -> float:
    """95th percentile, in mm, of the distances between the surfaces of two objects, in either order.

    The distances from every surface voxel of `a` to the nearest surface voxel of `b` and the other way round are
    pooled, and the percentile of the pool is taken, as `medpy.metric.binary.hd95` does. (The maximum of the two
    directed percentiles is another measure of the same name.) A surface voxel is one of the object with at least
    one of its face neighbours outside the object or outside the array.
    """
    a, b = np.asarray(a, bool), np.asarray(b, bool)
    _check_shapes(a, b)
    box = _bounding_box(a | b)
    # Nothing outside the joint box can be a surface voxel, so cropping to it changes no distance.
    a, b = a[box], b[box]
    if not a.size:
        return 0.0
    if not (a.any() and b.any()):
        return WORST_HD95_MM
    a, b = _surface(a), _surface(b)
    return float(np.percentile(np.concatenate([_distances(a, b, spacing), _distances(b, a, spacing)]), 95))


def score_region(
    prediction: np.ndarray, truth: np.ndarray, spacing: Sequence[float] | np.ndarray, outside: int = 0
) -> dict[str, float]:
    """Scores of one region of one case, given as arrays of bool: five ratios in 0-1, and hd95_mm.

    Of voxels that were cropped away, where neither has anything, `outside` is the number.
    """
    tp = np.count_nonzero(prediction & truth)
    fp = np.count_nonzero(prediction) - tp
    fn = np.count_nonzero(truth) - tp
    tn = truth.size + outside - tp - fp - fn

    def ratio(part, whole):
        return part / whole if whole else float(fp + fn == 0)

    return {
        "dice": ratio(2 * tp, 2 * tp + fp + fn),
        "iou": ratio(tp, tp + fp + fn),
        "sensitivity": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
        "precision": ratio(tp, tp + fp),
        "hd95_mm": hd95(prediction, truth, spacing),
    }


def score_mask(
    prediction: np.ndarray, truth: np.ndarray, spacing: Sequence[float] | np.ndarray
) -> list[dict[str, str | float]]:
    """Score every region of one case, given as labels 0, 1, 2, 4 on the case's own grid.

    One row per region in the order WT, TC, ET, NCR, ED: `region` and the scores of `score_region`.
    """
    _check_shapes(prediction, truth)
    voxels, box = truth.size, _bounding_box((prediction != 0) | (truth != 0))
    prediction, truth = to_classes(prediction[box]), to_classes(truth[box])
    rows: list[dict[str, str | float]] = []
    for name, labels in SCORED.items():
        found, true = (np.isin(mask, [LABELS.index(label) for label in labels]) for mask in (prediction, truth))
        rows.append({"region": name, **score_region(found, true, spacing, outside=voxels - truth.size)})
    return rows


def _check_shapes(a, b):
    if a.shape != b.shape:
        raise ValueError(f"prediction and truth have shapes {a.shape} and {b.shape}")


def _bounding_box(mask):
    """Slices of the smallest box with all true voxels, empty where there are none."""
    hits = [mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)) for axis in range(mask.ndim)]
    ends = [np.flatnonzero(hit)[[0, -1]] + (0, 1) if hit.any() else (0, 0) for hit in hits]
    return tuple(slice(*end) for end in ends)


def _surface(mask):
    inner = mask.copy()
    for axis in range(mask.ndim):
        source, target = np.moveaxis(mask, axis, 0), np.moveaxis(inner, axis, 0)
        target[1:] &= source[:-1]
        target[:-1] &= source[1:]
        target[0] = target[-1] = False
    return mask & ~inner


def _distances(origin, target, spacing):
    """Distance in mm from every true voxel of `origin` to the nearest true voxel of `target`, in any order."""
    apart = origin & ~target
    # A search tree over the surface instead of a distance transform of the box: the same numbers in half the time, and
    # in a tenth where a few stray voxels make the box as large as the volume. Splitting cells at their middle suits
    # points on a grid better than splitting at the median, and builds faster.
    tree = KDTree(np.argwhere(target) * spacing, balanced_tree=False, compact_nodes=False)
    distances, _ = tree.query(np.argwhere(apart) * spacing)
    shared = np.count_nonzero(origin) - len(distances)
    return np.concatenate([np.zeros(shared), distances])
