"""Whether the images of a case lie on one grid, told from their headers alone."""

from brats_lib.cases.case import Case
from brats_lib.cases.grids import GRID_TOLERANCE_MM
from brats_lib.cases.nifti import read_grid
from brats_lib.errors import BratsError

__all__ = ["check_agreement"]

ADVICE = "Register the images of this patient to one grid first, such as that of the T1ce"


def check_agreement(case: Case, modalities) -> None:
    """Refuse images whose voxels are not in the same places.

    Reading a case compares shapes. Here the affines are compared too, as a network that reads two modalities side by
    side has no use for two scans that show different places.

    Parameters
    ----------
    case : Case
    modalities : sequence of str
        Which images.

    Raises
    ------
    BratsError
        If one is missing or its header is damaged, or two differ in shape or by more than `GRID_TOLERANCE_MM`
        at any corner.
    """
    case.need(modalities)
    first, *others = (read_grid(case.files[modality]) for modality in modalities)
    for grid in others:
        if grid.shape != first.shape:
            found, expected = f"its shape is {grid.shape}", f"{first.shape} as in {first.path.name}"
        elif (apart := grid.offset_mm(first)) > GRID_TOLERANCE_MM:
            found, expected = f"its affine puts it {apart:.1f} mm away", f"the place of {first.path.name}"
        else:
            continue
        raise BratsError(grid.path, found, expected, ADVICE)
