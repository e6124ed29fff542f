"""From a case to standardised volumes at full resolution, and to slices with their neighbours in any plane.

The paper shrinks slices to 128 x 128, where a rim of 2 mm is one pixel wide, and scales by each volume's brightest
voxels. Here the brain is cut out as it is and each modality is standardised by the brain's own mean and spread.
"""

import functools
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from brats_lib.cases import MODALITIES
from brats_lib.cases.brain import brain_box, zscore
from brats_lib.cases.case import voxel_hash
from brats_lib.cases.parallel import for_each
from brats_lib.errors import BratsError
from brats_lib.files import home_path, read_json, write_whole
from brats_lib.phantom import PATIENTS, VERSION, simulate
from brats_lib.recipes import PLANES
from brats_lib.slices.preprocess import crop

__all__ = ["Stack", "build_stacks", "make_stack", "plane_slices", "simulate_stacks", "stack_case", "with_neighbours"]

# Standard deviations of the brain; what is kept is clipped here, a recipe may clip closer.
LIMITS = (-6.0, 10.0)
# Arrays of a stack, each in a file of its own.
KINDS = ("images", "labels")


@dataclass(frozen=True)
class Stack:
    """The brain of one case, standardised.

    Attributes
    ----------
    name : str
        Of the case.
    images : array of float16, shape (x, y, z, modalities)
        Intensities in standard deviations from the brain's mean, 0 outside the brain; all modalities that the case
        was asked for, in that order.
    labels : array of uint8, shape (x, y, z), or None
        Labels 0, 1, 2, 4; None where the case has no mask.
    box : tuple of slice
        Where in the case's volume this is.
    shape : tuple of int
        Shape of the case's volume.
    flair_hash : str
        `voxel_hash` of the first modality, which is FLAIR: by it a network knows whom it learnt from.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None
    box: tuple
    shape: tuple
    flair_hash: str = ""


def make_stack(name, volumes, mask=None):
    """Standardise the volumes of a case and cut the brain out.

    Parameters
    ----------
    name : str
        What messages call the case.
    volumes : sequence of arrays, shape (x, y, z)
        One per modality, 0 outside the brain.
    mask : array of uint8, shape (x, y, z), optional
        Labels. What little lies outside the brain's box is lost, as no image shows it.

    Returns
    -------
    Stack

    Raises
    ------
    BratsError
        If the volumes have no voxel above zero, or voxels that are no numbers.
    """
    if not all(np.isfinite(volume).all() for volume in volumes):
        found, expected = "a volume holds NaN or infinite voxels", "finite intensities"
        raise BratsError(name, found, expected, "Download or convert this case again")
    try:
        box = brain_box(*volumes)
    except ValueError as error:
        raise BratsError(name, str(error), "a skull-stripped brain", "Check the images of this case") from error

    def standardise(volume):
        return np.clip(zscore(crop(volume, box)), *LIMITS).astype(np.float16)

    # numpy lets go of Python's lock, so modalities are standardised side by side.
    with ThreadPoolExecutor(len(volumes)) as threads:
        images = list(threads.map(standardise, volumes))
    labels = None if mask is None else np.ascontiguousarray(crop(mask, box), np.uint8)
    # Without labels nothing is learnt from it.
    flair_hash = "" if mask is None else voxel_hash(volumes[0])
    return Stack(name, np.stack(images, axis=-1), labels, box, np.shape(volumes[0]), flair_hash)


def stack_case(case, modalities=MODALITIES):
    """Make the stack of a case on disk.

    Parameters
    ----------
    case : brats_lib.cases.Case
        With or without a mask.
    modalities : sequence of str
        Which ones, in which order.

    Returns
    -------
    Stack
    """
    mask = case.mask() if case.has_mask else None
    return make_stack(case.name, list(case.volumes(modalities).values()), mask)


def plane_slices(images, plane, neighbours=0):
    """All slices of a plane, each with the slices on either side as further channels.

    Parameters
    ----------
    images : array, shape (x, y, z, modalities)
    plane : {"axial", "coronal", "sagittal"}
    neighbours : int
        Slices on either side; beyond the first and the last slice there are zeros.

    Returns
    -------
    array of float32, shape (slices, h, w, (2 * neighbours + 1) * modalities)
        Channels slice by slice from the lowest neighbour to the highest, in each the modalities.
    """
    slices = np.moveaxis(np.asarray(images, np.float32), PLANES[plane], 0)
    return with_neighbours(np.pad(slices, [(neighbours, neighbours), (0, 0), (0, 0), (0, 0)]), neighbours)


def with_neighbours(padded, neighbours):
    """Give each slice the slices on either side as further channels, as in `plane_slices`.

    Parameters
    ----------
    padded : array, shape (slices + 2 * neighbours, h, w, modalities)
        In order, with what stands for the neighbours of the first and of the last slice.
    neighbours : int

    Returns
    -------
    array, shape (slices, h, w, (2 * neighbours + 1) * modalities)
    """
    count = len(padded) - 2 * neighbours
    return np.concatenate([padded[shift : shift + count] for shift in range(2 * neighbours + 1)], axis=-1)


def build_stacks(cohort, folder, workers=None, progress=True):
    """Make the stacks of every labelled case of a cohort, reusing those that are there.

    Parameters
    ----------
    cohort : brats_lib.cases.Cohort
        Cases without a mask are left out.
    folder : str or Path
        May be deleted at any time; a case takes about 35 MB.
    workers : int, optional
        Processes; by default as many as there are cores.
    progress : bool
        Show a progress bar.

    Returns
    -------
    list of Stack
        Memory-mapped, all four modalities, in the cohort's order.

    Raises
    ------
    BratsError
        If no case has a mask, a case cannot be prepared or the disk is full; finished cases are kept.
    """
    labelled = cohort.labelled()
    if not len(labelled):
        raise BratsError(cohort.root, "no case has a mask", "at least one case with a mask", "Give labelled cases")
    work = {f"{case.name}-{case.fingerprint()}": functools.partial(stack_case, case) for case in labelled}
    return _keep(work, folder, workers, progress, "Standardising cases")


def simulate_stacks(seed, cases, folder, varieties=(PATIENTS,), *, stream, workers=None, progress=True):
    """Simulate patients straight into stacks: no NIfTI files in between.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.
    cases : int
        How many patients, with indices from 0 on, the varieties taking turns.
    folder, workers, progress
        As in `build_stacks`.
    varieties : sequence of brats_lib.phantom.Variety
        Which patients.
    stream : str
        What they are for, a key of `brats_lib.phantom.STREAMS`: whoever asks has to say.

    Returns
    -------
    list of Stack
        Memory-mapped, all four modalities.
    """
    work = {}
    for case in range(cases):
        # Every case has an index of its own, so that no two of them share a head and a tumour.
        variety = varieties[case % len(varieties)]
        name = f"{variety.name}-{stream}-{seed}-{case:04d}"
        work[f"{name}-v{VERSION}"] = functools.partial(_simulated, name, seed, case, variety, stream)
    return _keep(work, folder, workers, progress, "Simulating patients")


def _simulated(name, seed, index, variety, stream):
    phantom = simulate(seed, index, variety, stream)
    return make_stack(name, [phantom.volumes[modality] for modality in MODALITIES], phantom.mask)


def _keep(work, folder, workers, progress, description):
    """The stacks of `work` (file stem to function), from the folder where it has them."""
    folder = home_path(folder)
    todo = [(stem, make) for stem, make in work.items() if not (folder / f"{stem}.json").is_file()]
    for_each(functools.partial(_write, folder), todo, workers, progress, description)
    return [_read(folder, stem) for stem in work]


def _write(folder, item):
    stem, make = item
    stack = make()
    for kind in KINDS:
        content = io.BytesIO()
        np.save(content, np.ascontiguousarray(getattr(stack, kind)))
        write_whole(folder / f"{stem}.{kind}.npy", content.getvalue())
    box = [[side.start, side.stop] for side in stack.box]
    about = {"name": stack.name, "box": box, "shape": list(stack.shape), "flair_hash": stack.flair_hash}
    # Last, so that a case with this file is complete.
    write_whole(folder / f"{stem}.json", json.dumps(about))


def _read(folder, stem):
    advice = f"Delete {folder}; it is made again"
    about = read_json(folder / f"{stem}.json", "a case of the stack cache", advice, ("name", "box", "shape"))
    arrays = {}
    for kind in KINDS:
        file = folder / f"{stem}.{kind}.npy"
        try:
            arrays[kind] = np.load(file, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise BratsError(file, f"it cannot be read ({error})", "an array of the stack cache", advice) from error
    box = tuple(slice(start, stop) for start, stop in about["box"])
    shape, flair_hash = tuple(about["shape"]), about.get("flair_hash", "")
    return Stack(about["name"], arrays["images"], arrays["labels"], box, shape, flair_hash)
