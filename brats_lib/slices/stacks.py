"""From a case to standardised volumes at full resolution, and to slices with their neighbours.

The paper shrinks slices to 128 x 128, where a rim of 2 mm is one pixel wide, and scales by each volume's brightest
voxels. Here the brain is cut out as it is and each modality is standardised by the brain's own mean and spread.
"""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brats_lib.cases import MODALITIES, Case, Cohort
from brats_lib.cases.brain import brain_box, zscore
from brats_lib.cases.case import voxel_hash
from brats_lib.errors import BratsError
from brats_lib.files import home_path, read_json
from brats_lib.phantom import PATIENTS, VERSION, Variety, simulate
from brats_lib.slices.cache import need_labelled, write_entries

# Standard deviations of the brain; what is kept is clipped here, a recipe may clip closer.
LIMITS = (-6.0, 10.0)


@dataclass(frozen=True)
class Stack:
    """The brain of one case, standardised."""

    name: str
    # Float16 (x, y, z, modalities), in the order asked for: standard deviations from the brain's mean, 0 outside it.
    images: np.ndarray
    labels: np.ndarray | None  # uint8 (x, y, z); None where the case has no mask
    box: tuple[slice, ...]  # where in the case's volume this is
    shape: tuple[int, ...]  # of that volume
    # `voxel_hash` of the first modality, FLAIR, by which a network knows whom it learnt from; empty without a mask.
    flair_hash: str = ""


def make_stack(name: str, volumes: Sequence[np.ndarray], mask: np.ndarray | None = None) -> Stack:
    """Standardise the volumes of a case, 0 outside the brain, and cut the brain out.

    What little of the mask lies outside the brain's box is lost, as no image shows it. A BratsError is raised where the
    volumes have no voxel above zero, or voxels that are no numbers; `name` is what it calls the case.
    """
    if not all(np.isfinite(volume).all() for volume in volumes):
        found, expected = "a volume holds NaN or infinite voxels", "finite intensities"
        raise BratsError(name, found, expected, "Download or convert this case again")
    try:
        box = brain_box(*volumes)
    except ValueError as error:
        raise BratsError(name, str(error), "a skull-stripped brain", "Check the images of this case") from error

    def standardise(volume):
        return np.clip(zscore(volume[box]), *LIMITS).astype(np.float16)

    # numpy lets go of Python's lock, so modalities are standardised side by side.
    with ThreadPoolExecutor(len(volumes)) as threads:
        images = np.stack(list(threads.map(standardise, volumes)), axis=-1)
    if mask is None:
        return Stack(name, images, None, box, np.shape(volumes[0]))
    labels = np.ascontiguousarray(mask[box], np.uint8)
    return Stack(name, images, labels, box, np.shape(volumes[0]), voxel_hash(volumes[0]))


def stack_case(case: Case, modalities: Sequence[str] = MODALITIES) -> Stack:
    """The stack of a case on disk, with or without a mask, of these modalities in this order."""
    mask = case.mask() if case.has_mask else None
    return make_stack(case.name, list(case.volumes(modalities).values()), mask)


def with_neighbours(padded: np.ndarray, neighbours: int) -> np.ndarray:
    """Give each slice the slices on either side as further channels.

    From (slices + 2 * neighbours, h, w, modalities), with what stands for the neighbours of the first and of the last
    slice, to (slices, h, w, (2 * neighbours + 1) * modalities): slice by slice from the lowest neighbour on.
    """
    count = len(padded) - 2 * neighbours
    return np.concatenate([padded[shift : shift + count] for shift in range(2 * neighbours + 1)], axis=-1)


def build_stacks(cohort: Cohort, folder: str | Path, workers: int | None = None) -> list[Stack]:
    """The stacks of every labelled case of a cohort, made or taken from a folder, as `cache.build_cache` does.

    They are memory-mapped, have all four modalities and the cohort's order; on disk a case takes about 35 MB.
    """
    makers = {
        f"{case.name}-{case.fingerprint()}": functools.partial(stack_case, case) for case in need_labelled(cohort)
    }
    return _from_folder(folder, makers, workers, "Standardising cases")


def simulate_stacks(
    seed: int, cases: int, folder: str | Path, varieties: Sequence[Variety] = (PATIENTS,), *,
    stream: str, workers: int | None = None,
) -> list[Stack]:  # fmt: skip
    """Simulate patients straight into stacks, as `build_stacks` gives them: no NIfTI files in between.

    `cases` of them, with indices from 0 on; the varieties take turns. Whoever asks has to say what they are for: the
    `stream`, a key of `brats_lib.phantom.STREAMS`.
    """
    makers = {}
    for case in range(cases):
        # Every case has an index of its own, so that no two of them share a head and a tumour.
        variety = varieties[case % len(varieties)]
        name = f"{variety.name}-{stream}-{seed}-{case:04d}"
        makers[f"{name}-v{VERSION}"] = functools.partial(_simulate, name, seed, case, variety, stream)
    return _from_folder(folder, makers, workers, "Simulating patients")


def _simulate(name, seed, index, variety, stream):
    phantom = simulate(seed, index, variety, stream)
    return make_stack(name, [phantom.volumes[modality] for modality in MODALITIES], phantom.mask)


def _from_folder(folder, makers: Mapping[str, Callable[[], Stack]], workers, description) -> list[Stack]:
    """The stacks of a folder by the stem of their files; those that are not there are made first."""
    folder = home_path(folder)
    missing = {
        stem: functools.partial(_make_files, make)
        for stem, make in makers.items()
        if not (folder / f"{stem}.json").is_file()
    }
    write_entries(folder, missing, workers, description)
    return [_read(folder, stem) for stem in makers]


def _make_files(make):
    stack = make()
    box = [[side.start, side.stop] for side in stack.box]
    about = {"name": stack.name, "box": box, "shape": list(stack.shape), "flair_hash": stack.flair_hash}
    # The text comes last, so that a case that has it is complete.
    return {"images.npy": stack.images, "labels.npy": stack.labels, "json": json.dumps(about)}


def _read(folder, stem):
    advice = f"Delete {folder}; it is made again"
    about = read_json(folder / f"{stem}.json", "a case of the stack cache", advice, ("name", "box", "shape"))
    arrays = []
    for file in (folder / f"{stem}.images.npy", folder / f"{stem}.labels.npy"):
        try:
            arrays.append(np.load(file, mmap_mode="r"))
        except (OSError, ValueError) as error:
            raise BratsError(file, f"it cannot be read ({error})", "an array of the stack cache", advice) from error
    box = tuple(slice(start, stop) for start, stop in about["box"])
    return Stack(about["name"], *arrays, box, tuple(about["shape"]), about.get("flair_hash", ""))
