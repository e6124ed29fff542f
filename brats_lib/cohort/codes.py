"""Labels and the numbers that stand for them in a mask file, which differ between data sets and programs."""

import numpy as np

from brats_lib.cohort.nifti import Image
from brats_lib.errors import BratsError
from brats_lib.labels import LABELS

__all__ = ["OWN_CODES", "labels_of", "numbers_of"]

# Of the masks that this package writes: every label stands for itself.
OWN_CODES = {label: label for label in LABELS}


def labels_of(image: Image, codes: dict[int, int]) -> np.ndarray:
    """Turn the numbers of a mask file into labels.

    Parameters
    ----------
    image : Image
        The mask file.
    codes : dict of int to int
        Number in the file to label.

    Returns
    -------
    array of uint8, shape (x, y, z)
        Labels 0, 1, 2, 4 in LPS.

    Raises
    ------
    BratsError
        If the file holds another number.
    """
    values = image.values(dtype=image.stored.dtype)
    low, high = values.min(), values.max()
    whole = values.dtype.kind in "iub" or not np.mod(values, 1).any()
    if whole and 0 <= low and high <= 255:
        present = np.flatnonzero(np.bincount(values.astype(np.uint8).ravel("K")))
    else:
        present = np.unique(values)
    unknown = [f"{value:g}" for value in present if value not in codes]
    if unknown:
        more = f" and {len(unknown) - 5} other values" if len(unknown) > 5 else ""
        raise BratsError(
            image.path,
            f"the mask holds {', '.join(unknown[:5])}{more}",
            f"only {', '.join(map(str, sorted(codes)))}, the codes of this file naming",
            "Check that this is a mask and that its file names fit the BraTS year whose codes it has",
        )
    table = np.zeros(256, np.uint8)
    table[list(codes)] = list(codes.values())
    return table[values.astype(np.uint8)]


def numbers_of(mask: np.ndarray, codes: dict[int, int]) -> np.ndarray:
    """Turn labels into the numbers of a mask file, the inverse of `labels_of`.

    Parameters
    ----------
    mask : array of int, any shape
        Labels 0, 1, 2, 4.
    codes : dict of int to int
        Number in the file to label; names every label once.

    Returns
    -------
    array of uint8, same shape
    """
    table = np.zeros(max(LABELS) + 1, np.uint8)
    table[list(codes.values())] = list(codes)
    return table[mask.astype(np.uint8)]
