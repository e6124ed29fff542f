"""Finding cases in a folder, however deep they are nested and whatever naming they have. Nothing is ever renamed."""

import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from brats_lib.cases.case import Case
from brats_lib.cases.layouts import (
    LAYOUT_OF_NAME,
    LAYOUTS,
    MODALITIES,
    MSD_IMAGE_FOLDERS,
    layout_of,
    names_a_tumour,
    recognise,
    stem,
)  # fmt: skip
from brats_lib.errors import BratsError, some
from brats_lib.files import read_json

logger = logging.getLogger(__name__)

MSD = LAYOUT_OF_NAME["msd"]
# What MSD's dataset.json must say about the channels for them to be ours.
MSD_CHANNELS = ["flair", "t1w", "t1gd", "t2w"]

# What was passed over: a path and why, as a clause.
Skipped = list[tuple[Path, str]]


def natural(name: str) -> list:
    """Sorting key that puts case 2 before case 10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name)]


def find_cases(root: Path) -> tuple[list[Case], list[Path], Skipped]:
    """Find every case below a folder, the tables `name_mapping*.csv` anywhere in it, and what was passed over.

    `root` holds cases or folders of cases, or is one case. Cases come in natural order of their names, grades still
    unknown except where a folder is named HGG or LGG. A folder without cases, or with one twice, is refused.
    """
    if not os.path.exists(root):
        raise BratsError(root, "there is no such folder", "a folder of cases", "Check the path, or see data/README.md")
    if not os.path.isdir(root):
        raise BratsError(root, "it is a file", "a folder of cases", "Give the folder that the file is in")
    cases: dict[str, Case] = {}
    tables: list[Path] = []
    skipped: Skipped = []
    files_seen = 0
    for folder, entries in _walk(root, skipped):
        files_seen += len(entries)
        tables += [path for path in entries if re.fullmatch(r"name_mapping.*\.csv", path.name, re.IGNORECASE)]
        images = [path for path in entries if stem(path)]
        trained = folder.parent / MSD_IMAGE_FOLDERS[0]
        if folder.name == MSD.mask and os.path.isdir(trained):
            alone = [path for path in images if not os.path.lexists(trained / path.name)]
            skipped += [(path, f"no image of its name is in {trained.name}") for path in alone]
            continue
        find = _msd_cases if folder.name in MSD_IMAGE_FOLDERS else _folder_cases
        for case in find(folder, images, skipped):
            if not case.name.isprintable():
                skipped.append((folder, f"the name of case {case.name!r} is not printable text in UTF-8"))
                continue
            if case.name in cases:
                where = f"in {cases[case.name].folder} and in {folder}"
                advice = "Give the folder of one copy; a patient in two places could be trained and tested on"
                raise BratsError(root, f"case {case.name} is there twice, {where}", "every case once", advice)
            cases[case.name] = case
    for path, why in skipped:
        logger.warning("left out %s: %s", path, why)
    if not cases:
        examples = " or ".join(layout.example for layout in LAYOUTS if layout.example)
        found = f"no case is in it ({files_seen} files of other names)"
        found += "".join(f"; {path}: {why}" for path, why in skipped[:1])
        advice = (
            "Give the folder of your download, or get one: `brats fetch`, `brats phantom`, data/README.md;"
            " `brats prepare` makes a case of DICOM"
        )
        raise BratsError(root, found, f"files like {examples}", advice)
    return sorted(cases.values(), key=lambda case: natural(case.name)), tables, skipped


def holds_images(root: Path) -> bool:
    """Whether `find_cases` would find any NIfTI file in a folder, of whatever name."""
    return os.path.isdir(root) and any(stem(path) for _, entries in _walk(root, []) for path in entries)


def _walk(root: Path, skipped: Skipped) -> Iterator[tuple[Path, list[Path]]]:
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
            found = f"it cannot be read ({error.strerror})"
            if folder == root:
                advice = "Give yourself permission to read it (chmod u+rx), or choose another folder"
                raise BratsError(folder, found, "a readable folder", advice) from None
            skipped.append((folder, found))
            continue
        # os.path asks without raising, whatever an entry is and whoever may look at it.
        folders = {entry for entry in entries if os.path.isdir(entry) and not stem(entry)}
        waiting += [entry for entry in entries if entry in folders]
        yield folder, [entry for entry in entries if entry not in folders]


def _file(path: Path) -> Path:
    """Path to open for a name: some Kaggle copies have `X_flair.nii/` with the file in it, under any name."""
    if not os.path.isdir(path):
        return path
    try:
        inside = [entry for entry in path.iterdir() if stem(entry)]
    except OSError:
        return path
    # Anything but exactly one file is left for reading to complain about, with the folder's name.
    return inside[0] if len(inside) == 1 else path


def _folder_cases(folder: Path, images: list[Path], skipped: Skipped) -> list[Case]:
    """Cases of one folder by file name: one in the folder of its name, or several side by side."""
    here = folder.name or folder.resolve().name
    groups: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    words: dict[str, set[str]] = defaultdict(set)
    left = []
    for path in images:
        if read := recognise(path):
            word, name, role = read
            groups[name or here][role].append(path)
            words[name or here].add(word)
        else:
            left.append(path)
    # Masks on their own are somebody's predictions, unless the folder is the case's.
    for name in [name for name, roles in groups.items() if set(roles) == {"mask"}]:
        if name != here or not any(stem(path).startswith(name) for path in groups[name]["mask"]):
            left += groups.pop(name)["mask"]
    if not groups:
        if left:
            skipped.append((folder, f"its images have no names of a case's ({some(path.name for path in left)})"))
        return []
    only = next(iter(groups)) if len(groups) == 1 else ""
    odd: list[Path] = []
    if only and "mask" not in groups[only]:
        # As BraTS 2020 case 355: no mask of the case's name, but a file that says under another one that it is a mask.
        odd = [path for path in left if names_a_tumour(stem(path).removeprefix(only))]
        groups[only] |= {"mask": odd} if odd else {}
        for path in odd:
            logger.info("%s: no mask of its name; taking %s as its mask", only, path.name)
    ignored = defaultdict(list)
    for path in left:
        owner = only or max((name for name in groups if path.name.startswith(name)), key=len, default="")
        if not owner:
            skipped.append((path, "its name says neither whose image it is nor what it shows"))
        elif path not in odd:
            ignored[owner].append(path)
    # BraTS 2018 and 2019 keep their cases in folders HGG and LGG.
    grade = next((part.name for part in (folder, *folder.parents) if part.name in ("HGG", "LGG")), None)
    cases = []
    for name, roles in groups.items():
        files = {role: _file(paths[0]) for role, paths in roles.items()}
        rivals = {role: tuple(paths) for role, paths in roles.items() if len(paths) > 1}
        mask, layout = files.pop("mask", None), layout_of(words[name]).name
        cases.append(Case(name, files, mask, layout, grade, tuple(ignored[name]), rivals, bool(odd)))
    return cases


def _msd_cases(folder: Path, images: list[Path], skipped: Skipped) -> list[Case]:
    """Cases of an `imagesTr` or `imagesTs` folder: every file is one, its mask has the same name in `labelsTr`."""
    about = folder.parent / "dataset.json"
    if images and os.path.lexists(about):
        expected, advice = "the MSD description of its channels", "Unpack Task01_BrainTumour.tar again"
        channels = read_json(about, expected, advice, keys=["modality"])["modality"]
        if isinstance(channels, dict):
            channels = [str(name).lower() for _, name in sorted(channels.items())]
        if channels != MSD_CHANNELS:
            advice = "Give the folder Task01_BrainTumour; the other MSD tasks are no brain tumours"
            raise BratsError(about, f"its channels are {channels}", f"{MSD_CHANNELS}", advice)
    cases = []
    for path in images:
        mask = folder.parent / MSD.mask / path.name
        has_mask = folder.name == MSD_IMAGE_FOLDERS[0] and os.path.lexists(mask)
        cases.append(Case(stem(path), dict.fromkeys(MODALITIES, path), mask if has_mask else None, MSD.name))
    return cases
