"""What can be said of a scan before a network answers: whether it is a brain without its skull, and what is unusual.

A network answers to anything, and it does not say so where the image is none that it could know.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from brats_lib.cases.audit.images import look
from brats_lib.cases.audit.likeness import copies
from brats_lib.cases.audit.sampling import background_of
from brats_lib.cases.audit.skull import SHELL_RATIO, shell_ratio
from brats_lib.cases.brain import brain_box
from brats_lib.cases.case import Case
from brats_lib.cases.nifti import read_grid
from brats_lib.errors import BratsError

# A brain of 8 BraTS 2021 cases has 1294 to 1631 mL and one of a phantom about the same, sulci and ventricles counted.
BRAIN_ML = (900.0, 1900.0)
# More than that is no brain alone: a head, or a background that is not 0.
LARGEST_ML = 2400.0
# Extent of what is not 0 along each axis, above which it is no head, and a grid of 1 mm around it takes gigabytes.
LONGEST_MM = 400.0
# Extent of the brain in mm along each axis, below which part of it is missing; the 8 cases have 132 mm and more.
SMALLEST_MM = 100.0
# A mask of the brain or of a tumour has so many values that are not 0.
FEWEST_VALUES = 4
THICKEST_MM = 3.0
SKULL = "Remove the skull first: `brats prepare` does, also HD-BET and SynthStrip; keep 0 outside the brain"


def receive(case: Case, modalities: Sequence[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read a case, refuse what no network can use, and say what is unusual about the rest.

    Returns the volumes as `Case.volumes` does, and a sentence for everything unusual, without its full stop. Refused
    are modalities that are missing, unreadable, elsewhere than the others or a copy of another one, and what `examine`
    refuses.
    """
    case.need_one_grid(modalities)
    warnings: list[str] = []
    volumes = case.volumes(modalities, warnings)
    for one, other in copies(volumes):
        found = f"it has the same content as {case.files[one].name}, which is the {one} image"
        advice = f"Give the {other} image of this patient"
        raise BratsError(case.files[other], found, f"an image of its own for {other}", advice)
    warnings += examine(case.name, volumes, case.spacing)
    unit = read_grid(case.files[modalities[0]]).unit
    if unit not in ("mm", "unknown"):
        warnings.append(f"The header gives lengths in {unit}; they were read as mm")
    return volumes, warnings


def examine(name: str, volumes: dict[str, np.ndarray], spacing: tuple[float, float, float]) -> list[str]:
    """Refuse images that are no brain without its skull, and give a sentence for everything unusual about the others.

    Refused are images without any signal, with a background that is not 0, of the wrong size for a head, with a skull,
    and masks. All are on one grid with a voxel size in mm; messages call them case `name`.
    """

    def refuse(found: str, expected: str, advice: str) -> None:
        raise BratsError(f"case {name}", found, expected, advice)

    for modality, volume in volumes.items():
        # Where the field of view ends within the brain some corners may be brain, but they are not all alike.
        if background := background_of(volume):
            found = f"the background of its {modality} image is {background:.4g}"
            refuse(found, "0 outside the brain", "Set the background to 0; `brats prepare` does, and removes the skull")
        if not volume.any():
            refuse(f"every voxel of its {modality} image is 0", "a brain", "Check how the image was written")
    box = brain_box(*volumes.values())
    cropped = {modality: volume[box] for modality, volume in volumes.items()}
    inside = np.any([volume != 0 for volume in cropped.values()], axis=0)
    extent = np.multiply(inside.shape, spacing)
    if extent.max() > LONGEST_MM:
        found = f"what is not 0 is {extent.max():.0f} mm long"
        refuse(found, f"a brain, less than {LONGEST_MM:.0f} mm long", "Check the voxel size, and stray voxels")
    millilitres = float(np.count_nonzero(inside)) * float(np.prod(spacing)) / 1000
    if millilitres > LARGEST_ML:
        expected = f"a brain without its skull: at most {LARGEST_ML:.0f} mL that are not 0"
        refuse(f"{millilitres:.0f} mL of its voxels are not 0", expected, SKULL)
    ratio = shell_ratio(list(cropped.values()), spacing)
    if ratio < SHELL_RATIO:
        found = f"a dark layer lies below its bright surface, at {100 * ratio:.0f} % of the brightness, as bone does"
        refuse(found, "a brain without its skull", SKULL)
    for modality, volume in cropped.items():
        values = volume[volume != 0]
        levels = np.unique(values[:: max(1, values.size // 10000)])
        if levels.size < FEWEST_VALUES:
            found = f"its {modality} image has no other values than 0, {', '.join(f'{level:.4g}' for level in levels)}"
            refuse(found, "an image and not a mask", f"Give the {modality} image itself")
    field = np.multiply(next(iter(volumes.values())).shape, spacing)
    seen = [remark.sentence for remark in look(volumes, spacing)]
    return [*_size_warnings(millilitres, extent, field, spacing), *_intensity_warnings(cropped), *seen]


def _size_warnings(
    millilitres: float, extent: np.ndarray, field: np.ndarray, spacing: tuple[float, float, float]
) -> Iterator[str]:
    low, high = BRAIN_ML
    if not low <= millilitres <= high:
        yield (
            f"{millilitres:.0f} mL are not 0, where a brain has about {low:.0f} to {high:.0f} mL;"
            " check the removal of the skull and the voxel size"
        )
    if min(extent) < SMALLEST_MM:
        yield (
            f"What is not 0 measures {' x '.join(f'{size:.0f}' for size in extent)} mm, so part of the brain is missing"
            f" (field of view {' x '.join(f'{size:.0f}' for size in field)} mm)"
        )
    if max(field) > LONGEST_MM:
        yield f"The field of view is {max(field):.0f} mm long; check the voxel size"
    if max(spacing) > THICKEST_MM:
        yield (
            f"Voxels are {max(spacing):.2g} mm long along one axis; the networks learnt from 1 mm, and what lies"
            " between thick slices is interpolated"
        )


def _intensity_warnings(volumes: dict[str, np.ndarray]) -> Iterator[str]:
    for modality, volume in volumes.items():
        values = volume[::2, ::2, ::2]
        values = values[values != 0]
        negative = float((values < 0).sum()) / max(values.size, 1)
        if negative > 0.05:
            yield (
                f"{100 * negative:.0f} % of the brain's {modality} values are negative: the image looks standardised"
                " already, which does no harm only if it was one factor and one offset for the whole brain"
            )
        elif volume.max() <= 1:
            yield f"The {modality} image reaches {volume.max():.2g} at most: it looks scaled to 0-1 already"
