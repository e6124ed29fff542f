"""Labels and the numbers that stand for them in a mask file, which differ between data sets and programs.

`codes` is always a number in the file to a label of `brats_lib.labels`.
"""

import math
from contextlib import suppress

import numpy as np

from brats_lib.cases.layouts import LAYOUTS
from brats_lib.cases.nifti import Image
from brats_lib.errors import BratsError, some
from brats_lib.labels import LABELS, to_classes

# nibabel gives masks that were edited as floats and saved as uint8 a slope, and 1 comes back as 1.0039.
NEAR = 0.02
# Of the largest tumour of BraTS 2020, 360 mL, that leaves a wide berth; a brain has 900 mL and more.
LARGEST_ML, LARGEST_SHARE, FEWEST_VOXELS = 700.0, 0.6, 1000
HALF_A_BRAIN_ML, ALL_SHARE = 500.0, 0.95
# A brain fills a sixth of the field of view of BraTS, a large tumour a twenty-fifth.
SUSPECT_SHARE = 0.04


def whole_numbers(image: Image) -> tuple[np.ndarray, list[float]]:
    """The numbers of a mask in the stored axes, and which of them occur; fractions are among the latter as they are.

    They are scaled as the header says, and rounded where they are near to whole ones.
    """
    values = image.scaled()
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            found = f"{int((~np.isfinite(values)).sum())} voxels of the mask are NaN or infinite"
            advice = "Set them to 0 where there is no tumour, for example with fslmaths -nan"
            raise BratsError(image.path, found, "whole numbers", advice)
        rounded = np.rint(values)
        apart = np.abs(values - rounded) > NEAR
        if apart.any():
            return rounded, np.unique(values[apart]).tolist()
        values = rounded
    if values.min() < 0 or values.max() > 255:
        return values, np.unique(values).tolist()
    numbers = values.astype(np.uint8)
    return numbers, np.flatnonzero(np.bincount(numbers.ravel("K"))).astype(float).tolist()


def labels_of(image: Image, codes: dict[int, int]) -> np.ndarray:
    """Turn the numbers of a mask file into labels, uint8 (x, y, z) in LPS; numbers without a code are refused."""
    numbers, present = whole_numbers(image)
    if unknown := [value for value in present if value not in codes]:
        found = f"the mask holds {some(f'{value:g}' for value in unknown)}"
        expected = f"only {', '.join(map(str, sorted(codes)))}, the codes of this file naming"
        raise BratsError(image.path, found, expected, _advice(present, unknown))
    table = np.zeros(256, np.uint8)
    table[list(codes)] = list(codes.values())
    return np.array(image.grid.to_lps(table[numbers]), order="F")


def _advice(present: list[float], unknown: list[float]) -> str:
    if any(value != round(value) for value in unknown):
        return "Resample masks to the nearest neighbour, without interpolation, and save them as whole numbers"
    if 4 in unknown:
        return "In BraTS 2024 it is the resection cavity, which no network here knows; if it is ET, write 3"
    fitting = [f"{layout.title} ({layout.meaning})" for layout in LAYOUTS if set(present) <= set(layout.codes)]
    if not fitting:
        return "Check that this is a mask and that its file names fit the BraTS year whose codes it has"
    meant = " or ".join(fitting)
    return f"Such numbers go with {meant}: name the files as there, or write the numbers that are expected"


def numbers_of(mask: np.ndarray, codes: dict[int, int]) -> np.ndarray:
    """Turn labels into the numbers of a mask file, the inverse of `labels_of`; `codes` names every label once."""
    number_of = {label: number for number, label in codes.items()}
    return np.array([number_of[label] for label in LABELS], np.uint8)[to_classes(mask)]


def refuse_brain(labels: np.ndarray, case) -> None:
    """Refuse the mask of a `Case` that shows the brain, or tissues of it, and no tumour.

    That is one of more than 700 mL, or which covers 60 % of what is not 0 in the image, of a crop 95 %. An image is
    read only where the mask is suspiciously large.
    """
    marked = int(np.count_nonzero(labels))
    if marked <= max(SUSPECT_SHARE * labels.size, FEWEST_VOXELS):
        return
    voxel_ml, share, most = math.prod(case.spacing) / 1000, 0.0, LARGEST_SHARE
    millilitres = marked * voxel_ml
    for modality in case.modalities:
        with suppress(BratsError):  # whoever needs that image hears of it
            volume = case.volume(modality)
            if volume.shape == labels.shape and volume.any():
                share = np.count_nonzero(labels[volume != 0]) / np.count_nonzero(volume)
                # In a crop around it, a tumour may be most of what there is.
                if np.count_nonzero(volume) * voxel_ml < HALF_A_BRAIN_ML:
                    most = ALL_SHARE
                break
    if millilitres > LARGEST_ML or share > most:
        found = f"it marks {millilitres:.0f} mL, {100 * share:.0f} % of what is not 0 in the image"
        advice = "This looks like a mask of the brain: put the tumour's mask in its place, or move it away"
        raise BratsError(case.mask_file, found, "the mask of a tumour", advice)
