"""A cohort in the raw format of nnU-Net v2, and nnU-Net's predictions told from other masks.

The format is that of nnU-Net's `documentation/dataset_format.md` and `region_based_training.md`; the codes are those of
its own BraTS conversion, `nnunetv2/dataset_conversion/Dataset137_BraTS21.py`.
"""

import functools
import hashlib
import json
import os
import re
from dataclasses import asdict
from pathlib import Path

from brats_lib.cases import MODALITIES, Case, Cohort, Split
from brats_lib.cases.parallel import for_each
from brats_lib.errors import BratsError
from brats_lib.files import home_path, read_json, read_text, write_whole
from brats_lib.labels import BACKGROUND, ED, ET, NCR

# nnU-Net needs consecutive numbers. Its regions below are nested, so the most comprehensive one has to come first.
CODES = {0: BACKGROUND, 1: ED, 2: NCR, 3: ET}
REGIONS = {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [2, 3], "enhancing tumor": [3]}
# What nnU-Net writes where it found a region, in the order of `REGIONS`; later ones overwrite earlier ones.
CLASS_ORDER = [1, 2, 3]
# Names other than "CT" make nnU-Net normalise each scan by itself, as MRI needs.
CHANNELS = dict(zip("0123", ("FLAIR", "T1", "T1ce", "T2"), strict=True))
ABOUT, FOLDS = "dataset.json", "splits_final.json"


def export(
    cohort: Cohort,
    split: Split,
    out: str | Path,
    dataset_id: int = 501,
    name: str = "BraTS",
    workers: int | None = None,
) -> Path:
    """Write a cohort so that nnU-Net trains on our training cases and validates on our validation cases as its fold 0.

    Cases of the training and validation subsets go to `imagesTr` and `labelsTr`, those of the test subset to `imagesTs`
    and `labelsTs`, and those without a mask to `imagesTs` alone. Files that are there already are left alone, and each
    appears complete or not at all, so that an interrupted export goes on where it stopped.

    `out` gets `nnUNet_raw` and `nnUNet_preprocessed`. Cases with a mask that the split does not name are left out.
    Refused are a case that lacks a modality or cannot be read, and an `out` with other cases or another split. Returns
    the folder `nnUNet_raw/Dataset<id>_<name>`, with the split in `split.json`.
    """
    out, dataset = home_path(out), _dataset_name(dataset_id, name)
    raw, prepared = out / "nnUNet_raw" / dataset, out / "nnUNet_preprocessed" / dataset
    if out.resolve().is_relative_to(cohort.root.resolve()):
        advice = "Choose a folder elsewhere, or the copies would be taken for more cases"
        raise BratsError(out, f"it is in {cohort.root}, where the cases are", "a folder of its own", advice)
    learned = split.train + split.val
    used = cohort.subset([*split.names, *(case.name for case in cohort if not case.has_mask)])
    for case in used:
        case.need()
    identity = repr((used.fingerprint(), split.train, split.val, split.test))
    fingerprint = hashlib.sha256(identity.encode()).hexdigest()[:16]
    about = {
        "channel_names": CHANNELS,
        "labels": REGIONS,
        "regions_class_order": CLASS_ORDER,
        "numTraining": len(learned),
        "file_ending": ".nii.gz",
        "name": name,
        "description": used.source,
        "fingerprint": fingerprint,
    }
    folds = [{"train": list(split.train), "val": list(split.val)}]
    for folder in (raw, prepared):
        _refuse_other_export(folder, fingerprint, folds)
    # First, because they say whose files these are when the export goes on after an interruption.
    for path, content in ((raw / ABOUT, about), (prepared / FOLDS, folds), (raw / "split.json", asdict(split))):
        if not path.is_file():
            write_whole(path, json.dumps(content, indent=2) + "\n")
    for_each(functools.partial(_export_case, raw, learned), used, workers, description=f"writing {dataset}")
    return raw


def _dataset_name(dataset_id: int, name: str) -> str:
    if not 1 <= dataset_id <= 999:
        advice = "Choose one above 500; nnU-Net's own data sets have small ones"
        raise BratsError("dataset id", f"it is {dataset_id}", "a number from 1 to 999", advice)
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise BratsError("name", f"it is '{name}'", "letters, digits, _ and - only", "Choose one like BraTS")
    return f"Dataset{dataset_id:03d}_{name}"


def _refuse_other_export(folder: Path, fingerprint: str, folds: list) -> None:
    """Do not mix two exports: a test case of one could be a training case of the other."""
    number = folder.name.split("_")[0]
    others = [path.name for path in folder.parent.glob(f"{number}_*") if path.name != folder.name]
    if others:
        advice = "Choose another --dataset-id, or delete the other data set"
        raise BratsError(folder.parent, f"{others[0]} has this number", "one data set per number", advice)
    about, there = _read_json(folder / ABOUT), _read_json(folder / FOLDS)
    if isinstance(about, dict):
        same = about.get("fingerprint") == fingerprint
    else:
        # nnU-Net may have left its own files in the folder of preprocessed cases, where we write only the folds.
        same = folder.parent.name == "nnUNet_preprocessed" or not any(folder.glob("[!.]*"))
    if (folder / FOLDS).is_file():
        same = same and isinstance(there, list) and there[:1] == folds
    if not same:
        found = "it holds an export of other cases, or of another split"
        advice = "Delete it to export anew, or choose another OUT or --dataset-id"
        raise BratsError(folder, found, "nothing, or what an earlier export of the same left", advice)


def _read_json(path: Path) -> object:
    """Content of a JSON file; None where it is missing or damaged."""
    try:
        return json.loads(read_text(path, "JSON", "Export again"))
    except (BratsError, ValueError, RecursionError):
        return None


def _export_case(raw: Path, learned: tuple[str, ...], case: Case) -> None:
    case.need_one_grid(MODALITIES)  # nnU-Net stacks arrays as they are stored, wherever headers put them
    subset = "Tr" if case.name in learned else "Ts"
    images = {m: raw / f"images{subset}" / f"{case.name}_{i:04d}.nii.gz" for i, m in enumerate(MODALITIES)}
    mask = raw / f"labels{subset}" / f"{case.name}.nii.gz"
    case.save_volumes({modality: path for modality, path in images.items() if not path.is_file()})
    if case.has_mask and not mask.is_file():
        case.save_mask(case.mask(), mask, CODES)


def has_our_codes(folder: str | Path) -> bool:
    """Whether nnU-Net predicted into a folder masks `<case>.nii.gz` coded as in `CODES`.

    nnU-Net puts a copy of the data set's `dataset.json` beside its predictions; False where none is. One that gives the
    numbers another meaning is refused. The numbers in a mask cannot tell: BraTS 2023 has 0, 1, 2, 3 too, with another
    meaning.
    """
    path = home_path(folder) / ABOUT
    if not os.path.lexists(path):
        return False
    advice = "Predict again, or say what the masks hold with --labels"
    about = read_json(path, "nnU-Net's description of the labels", advice)
    if "channel_names" not in about:
        return False
    # Order counts: nnU-Net places its class order along the regions as they are listed.
    if _regions(about.get("labels")) != _regions(REGIONS) or about.get("regions_class_order") != CLASS_ORDER:
        found = f"its labels are {about.get('labels')}, placed as {about.get('regions_class_order')}"
        advice = (
            "Say --labels brats2023 if the masks hold 1 = NCR, 2 = ED, 3 = ET, --labels nnunet if they hold 1 = ED,"
            " 2 = NCR, 3 = ET; else convert them first"
        )
        raise BratsError(path, found, f"{REGIONS}, placed as {CLASS_ORDER}", advice)
    return True


def _regions(labels: object) -> list | None:
    """Names and numbers in order, in one spelling: nnU-Net takes 3 for [3] and has examples with `_` for a space."""
    if not isinstance(labels, dict):
        return None
    return [(name.lower().replace("_", " "), [n] if isinstance(n, int) else n) for name, n in labels.items()]
