"""Finding cases in a folder, however deep they are nested and whatever naming they have. Nothing is ever renamed."""

import json
import logging
import os
import re
from collections import defaultdict
from pathlib import Path

from brats_lib.cohort.case import Case
from brats_lib.cohort.layouts import LAYOUT_OF_NAME, LAYOUTS, MSD_IMAGE_FOLDERS, recognise, stem
from brats_lib.errors import BratsError

__all__ = ["find_cases", "holds_images", "natural"]

logger = logging.getLogger(__name__)

# What MSD's dataset.json must say about the channels for them to be ours.
MSD_CHANNELS = ["flair", "t1w", "t1gd", "t2w"]


def natural(name: str) -> list:
    """Sorting key that puts case 2 before case 10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)]


def find_cases(root: Path) -> tuple[list[Case], list[Path]]:
    """Find every case below a folder.

    Parameters
    ----------
    root : Path
        A folder of cases, of folders of cases, or one case.

    Returns
    -------
    list of Case
        In natural order of their names, grades still unknown except where a folder is named HGG or LGG.
    list of Path
        The tables `name_mapping*.csv` that lie anywhere in it.

    Raises
    ------
    BratsError
        If the folder is missing, unreadable or without cases, or one case is there twice.
    """
    if not root.exists():
        raise BratsError(root, "there is no such folder", "a folder of cases", "Check the path, or see data/README.md")
    if not root.is_dir():
        raise BratsError(root, "it is a file", "a folder of cases", "Give the folder that the file is in")
    cases: dict[str, Case] = {}
    tables, files_seen = [], 0
    for folder, entries in _walk(root):
        files_seen += len(entries)
        tables += [path for path in entries if re.fullmatch(r"name_mapping.*\.csv", path.name, re.IGNORECASE)]
        images = [path for path in entries if stem(path)]
        for case in _msd_cases(folder, images) if folder.name in MSD_IMAGE_FOLDERS else _folder_cases(folder, images):
            if case.name in cases:
                other = next(iter(cases[case.name].files.values()), cases[case.name].mask_file).parent
                where = f"in {other} and in {folder}"
                advice = "Give the folder of one copy; a patient in two places could be trained and tested on"
                raise BratsError(root, f"case {case.name} is there twice, {where}", "every case once", advice)
            cases[case.name] = case
    if not cases:
        examples = " or ".join(layout.example for layout in LAYOUTS)
        advice = "Give the folder of your download, or get one: `brats fetch`, `brats phantom`, data/README.md"
        raise BratsError(
            root, f"no case is in it ({files_seen} files of other names)", f"files like {examples}", advice
        )
    return sorted(cases.values(), key=lambda case: natural(case.name)), tables


def holds_images(root: Path) -> bool:
    """Whether `find_cases` would find any NIfTI file in a folder, of whatever name."""
    return root.is_dir() and any(stem(path) for _, entries in _walk(root) for path in entries)


def _walk(root: Path):
    """Yield every folder with its files; a folder that is named like an image counts as a file of that name."""
    waiting, visited = [root], set()
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder)
        if real in visited:  # links may lead back up
            continue
        visited.add(real)
        try:
            entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        except OSError as error:
            advice = "Give yourself permission to read it (chmod u+rx), or choose another folder"
            raise BratsError(folder, f"it cannot be read ({error.strerror})", "a readable folder", advice) from None
        inner = [entry.is_dir() and stem(entry) is None for entry in entries]
        waiting += [entry for entry, is_folder in zip(entries, inner, strict=True) if is_folder]
        yield folder, [entry for entry, is_folder in zip(entries, inner, strict=True) if not is_folder]


def _file(path: Path) -> Path:
    """Path to open for a name: some Kaggle copies have `X_flair.nii/` with the file in it, under any name."""
    if not path.is_dir():
        return path
    inside = [entry for entry in path.iterdir() if stem(entry)]
    # Anything but exactly one file is left for reading to complain about, with the folder's name.
    return inside[0] if len(inside) == 1 else path


def _folder_cases(folder: Path, images: list[Path]) -> list[Case]:
    """Cases of one folder by file name: one in the folder of its name, or several side by side."""
    roles: dict[tuple[str, str], dict[str, Path]] = defaultdict(dict)
    unknown = []
    for path in images:
        recognised = recognise(path)
        if recognised is None:
            unknown.append(path)
            continue
        layout, name, role = recognised
        if role in roles[layout, name]:
            logger.info("%s: %s of %s is there already, leaving %s unused", folder, role, name, path.name)
        roles[layout, name].setdefault(role, path)
    # Masks on their own are somebody's predictions, unless the folder is the case's.
    roles = {key: paths for key, paths in roles.items() if set(paths) != {"mask"} or key[1] == folder.name}
    cases = []
    for (layout, name), paths in roles.items():
        if "mask" not in paths and len(unknown) == len(roles) == 1:
            paths["mask"] = unknown[0]
            logger.info("%s: no *%s file; taking %s as its mask", name, LAYOUT_OF_NAME[layout].mask, unknown[0].name)
        files = {role: _file(path) for role, path in paths.items()}
        # BraTS 2018 and 2019 keep their cases in folders HGG and LGG.
        grade = next((part.name for part in (folder, *folder.parents) if part.name in ("HGG", "LGG")), None)
        cases.append(Case(name, files, files.pop("mask", None), layout, grade))
    return cases


def _msd_cases(folder: Path, images: list[Path]) -> list[Case]:
    """Cases of an `imagesTr` or `imagesTs` folder: every file is one, its mask has the same name in `labelsTr`."""
    about = folder.parent / "dataset.json"
    if images and about.is_file():
        try:
            channels = json.loads(about.read_text())["modality"]
            channels = [str(channels[key]).lower() for key in sorted(channels, key=int)]
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            advice = "Unpack Task01_BrainTumour.tar again"
            raise BratsError(about, "it cannot be read", "the MSD description of its channels", advice) from None
        if channels != MSD_CHANNELS:
            advice = "Give the folder Task01_BrainTumour; the other MSD tasks are no brain tumours"
            raise BratsError(about, f"its channels are {channels}", f"{MSD_CHANNELS}", advice)
    layout = LAYOUT_OF_NAME["msd"]
    cases = []
    for path in images:
        mask = folder.parent / layout.mask / path.name
        has_mask = folder.name == MSD_IMAGE_FOLDERS[0] and mask.is_file()
        cases.append(Case(stem(path), dict.fromkeys(layout.images, path), mask if has_mask else None, "msd"))
    return cases
