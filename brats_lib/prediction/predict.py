"""Cases to mask files with a record of how they came about, one after the other; what is done stays done."""

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from brats_lib import __version__, installed_versions
from brats_lib.cases.case import Case, voxel_hash
from brats_lib.cases.intake import receive
from brats_lib.cases.layouts import recognise, stem
from brats_lib.cases.resample import is_standard
from brats_lib.cases.scanner.original import is_prepared, mask_on_scan
from brats_lib.errors import BratsError
from brats_lib.files import home_path, read_json, set_aside, write_whole
from brats_lib.labels import CLASS_NAMES, LABELS, REGIONS, SCORED
from brats_lib.prediction.cards import INTENDED_USE
from brats_lib.prediction.inference import segment_case
from brats_lib.prediction.ledger import own_folder, replace_mask, sha256_of
from brats_lib.prediction.networks import OpenedNetwork, learnt_from_warning

# What a record looks like; a record of another number is made again.
RECORD = 2
_VOLUMES = {"labels": CLASS_NAMES[1:], "regions": tuple(REGIONS)}
_PACKAGES = ("numpy", "scipy", "nibabel", "keras", "tensorflow", "openvino")
NO_TUMOUR = "No voxel was labelled: the network found no tumour"


@dataclass
class Outcome:
    """What became of the cases, by their names."""

    records: dict[str, dict] = field(default_factory=dict)  # the content of its JSON file, of each that has one now
    kept: list[str] = field(default_factory=list)  # those that were there already
    failed: dict[str, str] = field(default_factory=dict)  # a message each
    notes: dict[str, list[str]] = field(default_factory=dict)  # on what lay in the folder before


def loose_case(files: Mapping[str, str | Path], name: str | None = None) -> Case:
    """Make a case of single files, by modality, and call it as the first of them unless it is given a name."""
    paths = {modality: home_path(path) for modality, path in files.items()}
    for path in paths.values():
        if not stem(path):
            raise BratsError(
                path, "the name has another ending", "a .nii or .nii.gz file", "`brats prepare` takes DICOM"
            )
    if name is None:
        first = next(iter(paths.values()))
        recognised = recognise(first)
        name = (recognised and recognised[1]) or stem(first)
    if not name or name.startswith(".") or name != Path(name).name or "\\" in name or not name.isprintable():
        raise BratsError(f"--name {name}", "it is no file name", "a name without slashes", "Choose a plain name")
    return Case(name, paths)


def volumes_ml(mask: np.ndarray, voxel_ml: float) -> dict[str, dict[str, float]]:
    """Volumes in mL of the `labels` and `regions` of a mask of 0, 1, 2, 4 with voxels of so many mL."""
    counts = np.bincount(mask.ravel("K"), minlength=max(LABELS) + 1)
    return {
        kind: {name: float(sum(counts[label] for label in SCORED[name]) * voxel_ml) for name in names}
        for kind, names in _VOLUMES.items()
    }


def predict_one(case: Case, network: OpenedNetwork) -> tuple[np.ndarray, dict]:
    """Check a case, on any grid, segment it and describe what came out.

    Returns the mask (labels 0, 1, 2, 4, axes LPS) and what the JSON file holds, but for the mask's hash. A case is
    refused if a modality is missing, unreadable or elsewhere than the other, or if it is no brain without its skull.
    """
    modalities = network.recipe.modalities
    volumes, warnings = receive(case, modalities)
    mask = segment_case(case, network, volumes).mask
    if not mask.any():
        warnings.append(NO_TUMOUR)
    flair_hash = voxel_hash(volumes["flair"]) if "flair" in volumes else ""
    if learnt := learnt_from_warning(network.card, case, flair_hash):
        warnings.append(learnt)
    record = {
        "record": RECORD,
        "case": case.name,
        "volumes_ml": volumes_ml(mask, abs(float(np.linalg.det(case.affine[:3, :3]))) / 1000),
        "warnings": warnings,
        "network": network.card.identity,
        "engine": {"name": network.engine, "precision": network.precision},
        "input": {
            "fingerprint": _fingerprint(case, network),
            "files": {modality: case.files[modality].name for modality in modalities},
            "shape": [int(length) for length in case.shape],
            "spacing_mm": [float(size) for size in case.spacing],
            "resampled": not is_standard(case.affine, case.shape),
        },
        "versions": {"brats_lib": __version__, "python": platform.python_version()} | installed_versions(*_PACKAGES),
        "intended_use": INTENDED_USE,
    }
    return mask, record


def predict_cases(cases: Iterable[Case], out: str | Path, network: OpenedNetwork) -> Outcome:
    """Segment cases into a folder: `<case>_seg.nii.gz`, and `<case>.json` once the mask is there.

    A case of `brats prepare` also gets `<case>_seg_original.nii.gz`, the mask on the grid of its T1ce as scanned.

    A case whose two files are there, made of the same images by the same network, decision rule and engine, is kept as
    it is. Files of those names that an earlier call did not leave so are kept under other names. A case that cannot be
    used is left out, and the others go on.
    """
    cases, outcome = list(cases), Outcome()
    # Where predictions lay among the images, they would pass for true masks.
    out = own_folder(out, cases)
    with tqdm(cases, desc="Segmenting", unit="case") as bar:
        for case in bar:
            bar.set_postfix_str(case.name)
            mask_file, record_file = out / f"{case.name}_seg.nii.gz", out / f"{case.name}.json"
            try:
                earlier = _earlier(record_file)
                why = _why_again(earlier, case, network, mask_file) if earlier else None
                if earlier and why is None:
                    outcome.kept.append(case.name)
                    outcome.records[case.name] = earlier
                    continue
                mask, record = predict_one(case, network)
            except (BratsError, MemoryError) as error:
                outcome.failed[case.name] = str(too_large(case) if isinstance(error, MemoryError) else error)
                continue
            notes = _write(case, mask, record, mask_file, record_file)
            outcome.notes[case.name] = [f"It was predicted again: {why}"] * bool(why) + notes
            outcome.records[case.name] = record
    return outcome


def too_large(case: Case) -> BratsError:
    """What to say of a case that does not fit into memory."""
    found, expected = f"its images of shape {case.shape} do not fit into memory", "smaller images"
    return BratsError(f"case {case.name}", found, expected, "Crop them, or use a machine with more memory")


def _why_again(record, case, network, mask_file):
    """Why a case is not done yet, as a clause; None where its record vouches for a mask of these images as it is."""
    try:
        engine, texts = record["engine"], [*record["warnings"], record["intended_use"]]
        volumes = [record["volumes_ml"][kind][name] for kind, names in _VOLUMES.items() for name in names]
        whole = all(type(volume) is float for volume in volumes) and all(isinstance(text, str) for text in texts)
        holds = {
            "its record is of another version of this package": record["record"] == RECORD,
            "another network or decision rule made it": record["network"]["sha256"] == network.card.identity["sha256"],
            f"it was made on {engine['name']} ({engine['precision']})": (
                engine == {"name": network.engine, "precision": network.precision}
            ),
            "its images have changed": record["input"]["fingerprint"] == _fingerprint(case, network),
            "its mask was removed or changed": str(record["mask"]["sha256"]) == sha256_of(mask_file)
            and (not is_prepared(case) or _written_on_scan(record) == sha256_of(_on_scan(mask_file))),
            "its record is damaged": whole,
        }
    except (KeyError, TypeError):
        return "its record is damaged"
    return next((why for why, fine in holds.items() if not fine), None)


def _earlier(record_file):
    """The record of an earlier call, empty where the file is none."""
    try:
        return read_json(record_file, "a record", "Move it away", ("record", "mask"))
    except BratsError:
        return {}


def _write(case, mask, record, mask_file, record_file):
    """Write mask and record. Files of these names that no call left so are kept under others; says which."""
    # Read again: while this case was computed, another process may have finished it.
    earlier = _earlier(record_file)
    owned = earlier.get("mask")
    # The record last: where a kill comes in between, no record has the mask's hash, and the case is done again.
    digest, kept_mask = replace_mask(case, mask, mask_file, owned.get("sha256") if isinstance(owned, dict) else None)
    kept_record = set_aside(record_file) if record_file.exists() and not earlier else None
    record["mask"] = {"file": mask_file.name, "sha256": digest}
    on_scan = _on_scan(mask_file)
    there, known = sha256_of(on_scan), _written_on_scan(earlier)
    kept_on_scan = set_aside(on_scan) if there and there != known and is_prepared(case) else None
    if mask_on_scan(mask_file, case, on_scan):
        record["mask"]["on_scan"] = sha256_of(on_scan)
    write_whole(record_file, json.dumps(record, indent=1) + "\n")
    return [
        f"{path.name} was not written by this command, or changed since; it is kept as {kept.name}"
        for path, kept in ((mask_file, kept_mask), (record_file, kept_record), (on_scan, kept_on_scan))
        if kept
    ]


def _on_scan(mask_file):
    """Where the mask of a prepared case goes on the grid of the scan that the case was made of."""
    return mask_file.with_name(mask_file.name.replace("_seg.nii.gz", "_seg_original.nii.gz"))


def _written_on_scan(record):
    """The hash of that mask in a record; None where there is none."""
    mask = record.get("mask")
    return mask.get("on_scan") if isinstance(mask, dict) else None


def _fingerprint(case, network):
    """Of the images that the network reads and of nothing else."""
    case.need(network.recipe.modalities)
    used = {modality: case.files[modality] for modality in network.recipe.modalities}
    return Case(case.name, used, layout=case.layout).fingerprint()
