"""Brains put back into heads, and heads as a scanner has them: turned, shifted, in thick slices."""

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

__all__ = ["SHELLS", "pose", "scan_of", "with_skull"]

# Signal of liquid, bone and scalp as a share of the brain's median; bone gives hardly any in any modality.
SHELLS = {"flair": (0.3, 0.12, 0.9), "t1": (0.4, 0.12, 1.4), "t1ce": (0.4, 0.12, 1.4), "t2": (2.0, 0.12, 0.9)}


def with_skull(volumes, liquid=2, bone=5, scalp=4, seed=0):
    """Put brains into a head: shells of liquid, bone and scalp.

    Parameters
    ----------
    volumes : dict of str to array, shape (x, y, z)
        Modality to intensities in voxels of 1 mm, 0 outside the brain.
    liquid, bone, scalp : int
        How thick each is, in mm.
    seed : int
        Of the noise within the shells.

    Returns
    -------
    dict of str to array of float32
        Larger by the thickness of all three and 2 voxels on every side.
    """
    rng = np.random.default_rng(seed)
    pad = liquid + bone + scalp + 2
    brain = np.pad(ndimage.binary_fill_holes(np.any([volume != 0 for volume in volumes.values()], axis=0)), pad)
    distance = ndimage.distance_transform_edt(~brain)
    edges = np.cumsum([0, liquid, bone, scalp])
    heads = {}
    for modality, volume in volumes.items():
        head = np.pad(np.asarray(volume, np.float32), pad)
        median = np.median(head[brain])
        for near, far, share in zip(edges[:-1], edges[1:], SHELLS[modality], strict=True):
            shell = (distance > near) & (distance <= far)
            head[shell] = median * share * (1 + 0.2 * rng.random(shell.sum()))
        heads[modality] = head
    return heads


def pose(degrees, shift, centre):
    """Matrix (4, 4) that turns by Euler angles around a point, then shifts, RAS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = np.array(centre) + shift - matrix[:3, :3] @ centre
    return matrix


def scan_of(volume, affine, moved, spacing, shape, middle, order=1):
    """Scan a volume that lies where its affine says, after the patient was moved by a matrix.

    Parameters
    ----------
    volume : array, shape (x, y, z)
    affine, moved : array of float, shape (4, 4)
        RAS mm.
    spacing : tuple of float
        Of the scan's voxels, mm. Thick slices are means over their thickness.
    shape : tuple of int
    middle : array of float
        The point that the scan's grid lies around.
    order : int
        Of the interpolation; 0 for masks, without means.

    Returns
    -------
    tuple of array
        Values and affine; axes to the left, the back and up.
    """
    grid = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    grid[:3, 3] = np.array(middle) - grid[:3, :3] @ ((np.array(shape) - 1) / 2)
    to_volume = np.linalg.inv(moved @ affine) @ grid
    size = np.linalg.norm(affine[:3, :3], axis=0)
    if order:
        volume = ndimage.gaussian_filter(volume, 0.3 * np.array(spacing) / size)
    values = ndimage.affine_transform(volume, to_volume[:3, :3], to_volume[:3, 3], shape, order=order)
    return values, grid
