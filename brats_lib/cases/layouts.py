"""How each data set names its files and codes its masks: one table, and the lookups it needs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from brats_lib.labels import BACKGROUND, ED, ET, LABEL_NAMES, LABELS, NCR

MODALITIES = ("flair", "t1", "t1ce", "t2")

# Of BraTS since 2017, and of the masks that this package writes: every label stands for itself.
OWN_CODES = {label: label for label in LABELS}


@dataclass(frozen=True)
class Layout:
    """One way to store cases."""

    name: str  # what `Case.layout` says
    title: str  # what a person reads
    words: str  # last words of the names of FLAIR, T1, T1ce and T2; empty where they are the channels of one 4D image
    mask: str  # last word of the mask's file name, or the folder that masks are in
    codes: dict[int, int]  # number in a mask file to label of `brats_lib.labels`
    example: str = ""  # where a FLAIR image would be, relative to the cohort's folder

    @property
    def channels(self) -> dict[str, int]:
        """Modality to its place in the case's one 4D image; none where each modality has a file."""
        return {} if self.words else {modality: place for place, modality in enumerate(MODALITIES)}

    @property
    def roles(self) -> dict[str, str]:
        """Last word of a file name to modality or ``"mask"``; none where one image holds all."""
        return dict(zip([*self.words.split(), self.mask], [*MODALITIES, "mask"], strict=True)) if self.words else {}

    @property
    def meaning(self) -> str:
        """What the numbers in its masks mean: ``"1 = NCR, 2 = ED, 4 = ET"``."""
        return ", ".join(f"{code} = {LABEL_NAMES[label]}" for code, label in self.codes.items() if label)


LAYOUTS = (
    Layout(
        "brats2020", "BraTS 2018-2021 naming", "flair t1 t1ce t2", "seg", OWN_CODES,
        "BraTS20_Training_001/BraTS20_Training_001_flair.nii.gz",
    ),
    Layout(
        "brats2023", "BraTS 2023 naming", "t2f t1n t1c t2w", "seg", {0: BACKGROUND, 1: NCR, 2: ED, 3: ET},
        "BraTS-GLI-00000-000/BraTS-GLI-00000-000-t2f.nii.gz",
    ),
    Layout(
        "msd", "MSD Task01 naming", "", "labelsTr", {0: BACKGROUND, 1: ED, 2: NCR, 3: ET}, "imagesTr/BRATS_001.nii.gz",
    ),
    Layout("upenn", "UPENN-GBM naming", "flair t1 t1gd t2", "segm", OWN_CODES),
    Layout("ucsf", "UCSF-PDGM naming", "flair t1 t1c t2", "tumor_segmentation", OWN_CODES),
    Layout("tcga", "BraTS-TCGA naming", "flair t1 t1gd t2", "glistrboost_manuallycorrected", OWN_CODES),
    # Necrosis and the core without enhancement were apart until they became one label in 2017 (Bakas et al. 2018).
    Layout(
        "brats2015", "BraTS 2012-2015 naming", "flair t1 t1c t2", "ot", {0: BACKGROUND, 1: NCR, 2: ED, 3: NCR, 4: ET},
    ),
    Layout("bids", "BIDS naming", "flair t1w ce_t1w t2w", "seg", OWN_CODES),
)  # fmt: skip
LAYOUT_OF_NAME = {layout.name: layout for layout in LAYOUTS}

# What people write themselves; no data set's, so that they decide nothing but the role.
OTHER_WORDS = {
    **dict.fromkeys(("t2_flair", "t2flair"), "flair"),
    **dict.fromkeys(("t1_pre", "t1pre"), "t1"),
    **dict.fromkeys(("t1_ce", "t1_gd", "t1_post", "t1post", "t1wce", "t1_c"), "t1ce"),
    "tumour_segmentation": "mask",
}
ROLES = {word: role for layout in LAYOUTS for word, role in layout.roles.items()} | OTHER_WORDS
# Any of - _ . and space may part the words of a name; the case's name is as short as can be, so that X_T2_FLAIR is not
# the FLAIR of a case X_T2.
ENDING = re.compile(
    "(?:(?P<name>.+?)[-_. ])?(?P<word>" + "|".join(word.replace("_", "[-_. ]") for word in ROLES) + ")",
    re.IGNORECASE,
)
# Words of a name that say that a mask is a tumour's, and those that say that it is something else's or a program's.
TUMOUR_WORDS = set("seg segm segmentation tumor tumour lesion glistrboost truth groundtruth gt label labels ot".split())
OTHER_MASKS = set(
    "brain bet skull head tissue parenchyma gm wm csf aseg aparc pve pred prediction predicted predictions auto"
    " automated automatic prob probability probabilities uncertainty".split()
)

# The folders of the Medical Segmentation Decathlon; only the first has masks, in its sibling `labelsTr`.
MSD_IMAGE_FOLDERS = ("imagesTr", "imagesTs")


def stem(path: Path) -> str:
    """File name without `.nii` or `.nii.gz`; empty where it is no NIfTI name or a `._*` left by macOS."""
    name = re.fullmatch(r"([^.].*)\.nii(\.gz)?", path.name, re.IGNORECASE | re.DOTALL)
    return name[1] if name else ""


def recognise(path: Path) -> tuple[str, str, str] | None:
    """Read a file name as the word that tells its role, the case's name and the role, a modality or ``"mask"``.

    The name is empty where the file is called by its role alone. None where no data set has such a name.
    """
    found = ENDING.fullmatch(stem(path))
    if found is None:
        return None
    name, word = found["name"] or "", re.sub("[-. ]", "_", found["word"].lower())
    if name.startswith("sub-"):
        # BIDS: of the entities only subject and session say whose image it is, and `ce` that it has contrast.
        contrast = re.search(r"_ce-[a-z0-9]+", name, re.IGNORECASE)
        if contrast and ROLES[word] != "t1":
            return None
        word = f"ce_{word}" if contrast and f"ce_{word}" in ROLES else "t1_ce" if contrast else word
        name = re.sub(r"_(?!ses-)[a-z]+-[a-z0-9]+", "", name, flags=re.IGNORECASE)
    return word, name, ROLES[word]


def layout_of(words: Iterable[str]) -> Layout:
    """The data set whose names have most of these words; the first in `LAYOUTS` of several."""
    return max(LAYOUTS, key=lambda layout: len(layout.roles.keys() & set(words)))


def names_a_tumour(name: str) -> bool:
    """Whether a file's name, without the case's, says that it is a tumour's mask and not that of something else."""
    words = set(re.split("[^a-z0-9]+", name.lower()))
    return bool(words & TUMOUR_WORDS) and not words & OTHER_MASKS
