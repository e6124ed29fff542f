"""Where the head of a scan lies on the grid of BraTS."""

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_li

from brats_lib.cases.scanner.atlas import AFFINE, MIDDLE, average_head, turned
from brats_lib.cases.scanner.registration import (
    information,
    pyramid,
    register,
    to_affine,
    to_itk,
    to_matrix,
    to_rigid,
)

# From the vertex down, a head is its brain's shell; below begin the face and the neck.
HEAD_MM = 150.0
# Starts: the front of the head is turned up by so many degrees from where BraTS has it.
NODS = (-40, -20, 0, 20, 40)
COARSE, FINE = (8.0,), (6.0, 3.0)  # mm, of voxels


def head_middle(values: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Middle of the uppermost 150 mm of a head, RAS mm."""
    step = [max(1, round(4 / size)) for size in np.linalg.norm(affine[:3, :3], axis=0)]
    sampled = values[tuple(slice(None, None, s) for s in step)]
    labels, _ = ndimage.label(sampled > threshold_li(sampled))
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    points = (np.argwhere(labels == counts.argmax()) * step) @ affine[:3, :3].T + affine[:3, 3]
    upper = points[points[:, 2] > np.percentile(points[:, 2], 99.5) - HEAD_MM]
    return np.percentile(upper, [1, 99], axis=0).mean(axis=0)


def align(values: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, float]:
    """Affine matrix (RAS mm) from the average head, as it lies in BraTS, to a scan; and their mutual information."""
    head = average_head()
    fixed, moving = to_itk(head.t1, AFFINE), to_itk(values, affine)
    known = to_itk(head.known.astype(np.uint8), AFFINE)
    middle = head_middle(values, affine)
    small, small_moving = (pyramid(image, COARSE) for image in (fixed, moving))
    starts = []
    for nod in NODS:
        matrix = np.eye(4)
        matrix[:3, :3] = turned(nod)
        matrix[:3, 3] = middle - matrix[:3, :3] @ MIDDLE
        start = register(small, small_moving, to_rigid(matrix, MIDDLE), known)
        starts.append((information(small[-1], small_moving[-1], start, known), to_matrix(start)))
    _, best = max(starts, key=lambda start: start[0])
    transform = register(pyramid(fixed, FINE), pyramid(moving, FINE), to_affine(best, MIDDLE), known)
    return to_matrix(transform), information(small[-1], small_moving[-1], transform, known)
