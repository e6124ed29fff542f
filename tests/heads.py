"""Phantoms and files of any header, for tests of what people bring along."""

import functools
import gzip

import nibabel as nib
import numpy as np
from conftest import LPS_AFFINE

from brats_lib.phantom import simulate


@functools.cache
def phantom(index):
    """Simulated patients for tests; each takes ten seconds, so they are shared and never written to."""
    return simulate(seed=5, index=index)


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
