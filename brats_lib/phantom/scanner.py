"""The scanner: field inhomogeneity, resolution, slice thickness, noise and gain.

Whether a modality was scanned in thick slices is drawn per modality: many BraTS volumes are 1 mm in the file only,
interpolated from slices 3-6 mm thick (Menze et al. 2015), some of them sagittal or coronal.
"""

import numpy as np
from numpy.random import Generator

from brats_lib.phantom.noise import along_axes, blur_matrix, smooth_field, thick_slice_matrix

# Mean intensity in the brain and its spread over scanners (log), of int16 volumes as BraTS distributes them.
GAIN = {"flair": (900.0, 0.45), "t1": (650.0, 0.45), "t1ce": (1500.0, 0.5), "t2": (500.0, 0.5)}
# Median of the noise's standard deviation, relative to white matter.
NOISE = {"flair": 0.032, "t1": 0.015, "t1ce": 0.028, "t2": 0.06}
# A coil element close to the head brightens what lies next to it, mostly at the back, on which the head rests.
COIL_SHARE, COIL_REACH_MM = 0.35, 35.0
THICK_SHARE = {"flair": 0.45, "t1": 0.4, "t1ce": 0.1, "t2": 0.45}


def draw_protocol(rng: Generator, modality: str, wide: bool = False) -> dict:
    """Draw how a modality was scanned; the direction of the coil is a unit vector, LPS."""
    median, spread = GAIN[modality]
    thick = bool(rng.random() < THICK_SHARE[modality])
    # Thick slices hold more signal.
    noise = NOISE[modality] * np.exp(rng.normal(0.25 if wide else 0.0, 0.6 if wide else 0.4)) * (0.7 if thick else 1)
    coil, towards = bool(rng.random() < COIL_SHARE), rng.standard_normal(3) + (0, 1.2, 0)
    return {
        "coil": round(rng.uniform(0.1, 0.7), 2) if coil else 0.0,
        "coil_direction": (towards / np.linalg.norm(towards)).round(2).tolist(),
        "gain": round(float(median * np.exp(rng.normal(0, spread))), 1),
        "blur_mm": round(rng.uniform(0.3, 1.1 if wide else 0.7), 2),
        "noise": round(float(np.clip(noise, 0.006, 0.15 if wide else 0.07)), 4),
        "bias": round(rng.uniform(0.03, 0.25 if wide else 0.14), 3),
        "thick_axis": int(rng.choice(3, p=[0.1, 0.1, 0.8])) if thick else None,
        "thickness_mm": round(rng.uniform(2.5, 6.5 if wide else 5.0), 2) if thick else 1.0,
    }


def scan(rng: Generator, image: np.ndarray, brain: np.ndarray, protocol: dict) -> np.ndarray:
    """Turn ideal intensities into what the file holds: int16, zero outside the brain and at least 1 in it.

    Outside the brain the image has what lies around it, for blur to draw on.
    """
    matrices = [blur_matrix(n, protocol["blur_mm"]) for n in image.shape]
    axis = protocol["thick_axis"]
    if axis is not None:
        matrices[axis] = thick_slice_matrix(image.shape[axis], protocol["thickness_mm"], rng.random()) @ matrices[axis]
    image = along_axes(image, *matrices)
    image *= np.exp(protocol["bias"] * (smooth_field(rng, image.shape, 75) + 0.5 * smooth_field(rng, image.shape, 40)))
    if protocol["coil"]:
        image *= 1 + protocol["coil"] * _near(image.shape, protocol["coil_direction"])
    image += protocol["noise"] * _grain(rng, image.shape, axis, protocol["thickness_mm"])
    counts = np.clip(np.rint(image * protocol["gain"]), 1, np.iinfo(np.int16).max)
    return np.where(brain, counts, 0).astype(np.int16)


def _near(shape, direction):
    """How close each voxel is to the wall of the box in a direction, 0-1."""
    bells = []
    for length, share in zip(shape, direction, strict=True):
        offset = np.arange(length, dtype=np.float32) - np.float32((1 + share) * length / 2)
        bells.append(np.exp(-0.5 * (offset / COIL_REACH_MM) ** 2))
    x, y, z = np.ix_(*bells)
    return x * y * z


def _grain(rng, shape, axis, thickness):
    """Noise of variance 1, correlated as resampling to 1 mm leaves it."""
    grain = rng.standard_normal(shape, dtype=np.float32)
    matrices = [blur_matrix(n, 0.5) for n in shape]
    if axis is not None:
        matrices[axis] = thick_slice_matrix(shape[axis], thickness, rng.random())
    norms = [np.float32(np.sqrt(np.mean(np.sum(m * m, axis=1)))) for m in matrices]
    return along_axes(grain, *(m / n for m, n in zip(matrices, norms, strict=True)))
