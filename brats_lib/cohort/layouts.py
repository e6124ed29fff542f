"""How each data set names its files and codes its masks: one table, and the lookups it needs."""

from dataclasses import dataclass
from pathlib import Path

from brats_lib.labels import BACKGROUND, ED, ET, LABELS, NCR

__all__ = ["LAYOUTS", "LAYOUT_OF_NAME", "MODALITIES", "MSD_IMAGE_FOLDERS", "Layout", "recognise", "stem"]

MODALITIES = ("flair", "t1", "t1ce", "t2")

SUFFIXES = (".nii.gz", ".nii")


@dataclass(frozen=True)
class Layout:
    """One way to keep cases on disk.

    Parameters
    ----------
    name : str
        What `Case.layout` says.
    title : str
        What a person reads.
    images : dict of str to str or int
        Modality to what its file name ends with, or to its channel in the case's one 4D image.
    mask : str
        What the mask's file name ends with, or the folder that masks are in.
    codes : dict of int to int
        Number in a mask file to label of `brats_lib.labels`.
    example : str
        Where a FLAIR image would be, relative to the cohort's folder.
    """

    name: str
    title: str
    images: dict[str, str | int]
    mask: str
    codes: dict[int, int]
    example: str

    @property
    def in_one_image(self) -> bool:
        """Whether the modalities are the channels of one 4D image."""
        return all(isinstance(place, int) for place in self.images.values())


LAYOUTS = (
    Layout(
        name="brats2020",
        title="BraTS 2018-2021 naming",
        images={"flair": "_flair", "t1": "_t1", "t1ce": "_t1ce", "t2": "_t2"},
        mask="_seg",
        codes={label: label for label in LABELS},
        example="BraTS20_Training_001/BraTS20_Training_001_flair.nii.gz",
    ),
    Layout(
        name="brats2023",
        title="BraTS 2023 naming",
        images={"flair": "-t2f", "t1": "-t1n", "t1ce": "-t1c", "t2": "-t2w"},
        mask="-seg",
        codes={0: BACKGROUND, 1: NCR, 2: ED, 3: ET},
        example="BraTS-GLI-00000-000/BraTS-GLI-00000-000-t2f.nii.gz",
    ),
    Layout(
        name="msd",
        title="MSD Task01 naming",
        images={"flair": 0, "t1": 1, "t1ce": 2, "t2": 3},
        mask="labelsTr",
        codes={0: BACKGROUND, 1: ED, 2: NCR, 3: ET},
        example="imagesTr/BRATS_001.nii.gz",
    ),
)
LAYOUT_OF_NAME = {layout.name: layout for layout in LAYOUTS}

# The folders of the Medical Segmentation Decathlon; only the first has masks, in its sibling `labelsTr`.
MSD_IMAGE_FOLDERS = ("imagesTr", "imagesTs")


def stem(path: Path) -> str | None:
    """File name without `.nii` or `.nii.gz`; None where it is no NIfTI name or a `._*` left by macOS."""
    if path.name.startswith("."):
        return None
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix) and len(path.name) > len(suffix):
            return path.name[: -len(suffix)]
    return None


def recognise(path: Path) -> tuple[str, str, str] | None:
    """Read a file name as case, layout and role.

    Parameters
    ----------
    path : Path
        A file, or a folder that is named as one.

    Returns
    -------
    (str, str, str) or None
        Layout name, case name, and a modality or ``"mask"``; None where no layout has such a name.
    """
    name = stem(path)
    for layout in LAYOUTS:
        if name is None or layout.in_one_image:
            continue
        for role, ending in {**layout.images, "mask": layout.mask}.items():
            if name.lower().endswith(ending) and len(name) > len(ending):
                return layout.name, name[: -len(ending)], role
    return None
