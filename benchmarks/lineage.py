"""How the public notebooks that the paper follows load a batch, with the fastest parts at hand.

One volume per batch, from NIfTI every time: three files by nibabel as float64, two bilinear resizes per slice, one-hot
labels resized bilinearly, everything divided by the largest value of the batch. They resize with OpenCV, which is no
dependency here; two small matrix products per slice give the same numbers as fast as anything installed. That part
is a few per cent of the time.
"""

import gzip

import nibabel as nib
import numpy as np

from brats_lib.labels import ET, LABELS

__all__ = ["decode", "lineage_batch"]


def _linear(source, target):
    """Weights (target, source) of linear interpolation with half-pixel centres."""
    at = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(source)))


def lineage_batch(modality_files, mask_file, recipe):
    """Load the slices of one volume.

    Parameters
    ----------
    modality_files : sequence of Path
        NIfTI files of the input channels.
    mask_file : Path
        NIfTI file of the labels.
    recipe : Recipe
        Says which slices, and their size.

    Returns
    -------
    images : array of float64, shape (slices, size, size, channels)
    targets : array, shape (slices, size, size, 4)
        Soft one-hot labels.
    """
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


def decode(*files):
    """Bytes of files, decompressed where they are `.gz`."""
    return [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in files]
