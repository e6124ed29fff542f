"""Phantoms on other grids and with a skull, and files of any header, for tests of what people bring along."""

import functools
import gzip

import nibabel as nib
import numpy as np
from conftest import LPS_AFFINE
from scipy import ndimage

from brats_lib.phantom import simulate

# Signal of liquid, bone and scalp as a share of the brain's median; bone gives hardly any in either modality.
SHELLS = {"flair": (0.3, 0.12, 0.9), "t1ce": (0.4, 0.12, 1.4)}


@functools.cache
def phantom(index):
    """Simulated patients for tests; each takes ten seconds, so they are shared and never written to."""
    return simulate(seed=5, index=index)


def with_skull(volumes, liquid=2, bone=5, scalp=4, seed=0):
    """The volumes of a brain, in voxels of 1 mm, with shells of liquid, bone and scalp around it."""
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


def write_loose(folder, volumes, affine, dtype=np.float32):
    """Write volumes as single files and return modality to path."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for modality, volume in volumes.items():
        files[modality] = folder / f"scan_{modality}.nii.gz"
        image = nib.Nifti1Image(volume.astype(np.float32), affine)
        image.header.set_xyzt_units("mm", "sec")
        image.set_data_dtype(dtype)
        nib.save(image, files[modality])
    return files


def save(array, path, affine=LPS_AFFINE):
    """Write an image as nibabel does, with the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)


def write_nifti(path, array, sform=LPS_AFFINE, qform=LPS_AFFINE, **fields):
    """A file whose header says exactly this; None for a form that is not there."""
    header = nib.Nifti1Header(endianness=">" if array.dtype.byteorder == ">" else "<")
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape)
    header.set_qform(LPS_AFFINE if qform is None else qform, int(qform is not None))
    header.set_sform(None if sform is None else sform, int(sform is not None))
    header["magic"], header["vox_offset"], header["scl_slope"] = b"n+1", 352, 1
    for field, value in fields.items():
        header[field] = value
    content = header.binaryblock + bytes(4) + array.tobytes("F")
    path.write_bytes(gzip.compress(content, 1) if path.name.endswith(".gz") else content)
    return path
