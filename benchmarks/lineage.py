"""How the public notebooks that the paper follows load a batch, with the fastest parts at hand.

One volume per batch, from NIfTI every time: three files by nibabel as float64, two bilinear resizes per slice, one-hot
labels resized bilinearly, everything divided by the largest value of the batch. They resize with OpenCV, which is no
dependency here; two small matrix products per slice give the same numbers as fast as anything installed. That part
is a few per cent of the time.
"""

import gzip
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from brats_lib.labels import ET, LABELS
from brats_lib.recipes import Recipe

__all__ = ["decode", "lineage_batch"]


def _linear(source, target):
    """Weights (target, source) of linear interpolation with half-pixel centres."""
    at = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(source)))


def lineage_batch(modality_files: Sequence[Path], mask_file: Path, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Slices of one volume, (n, size, size, channels) in float64, and their soft one-hot labels (n, size, size, 4)."""
    from keras import ops

    images = np.zeros((recipe.slices, recipe.size, recipe.size, len(modality_files)))
    for channel, path in enumerate(modality_files):
        volume = nib.load(path).get_fdata()
        left, right = _linear(volume.shape[0], recipe.size), _linear(volume.shape[1], recipe.size).T
        for z in range(recipe.slices):
            images[z, :, :, channel] = left @ volume[:, :, recipe.first_slice + z] @ right
    mask = nib.load(mask_file).get_fdata()
    classes = np.moveaxis(mask[:, :, recipe.first_slice : recipe.stop_slice], 2, 0).copy()
    classes[classes == ET] = LABELS.index(ET)
    targets = ops.image.resize(ops.one_hot(ops.cast(classes, "int32"), len(LABELS)), (recipe.size, recipe.size))
    return images / np.max(images), ops.convert_to_numpy(targets)


def decode(*files: Path) -> list[bytes]:
    """Bytes of files, decompressed where they are `.gz`."""
    return [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in files]
