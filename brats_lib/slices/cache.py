"""Cases made ready once and kept on disk, and the cache of slices for the published recipe.

Reading, scaling and resizing a case takes half a second, and an epoch would pay it for every case. So what is made of a
case lies in plain files, whose names carry the case's fingerprint. They are written whole, so that a killed build
leaves nothing half-written under a final name, and two builds at once only do work twice. Any cache may be deleted at
any time; it is made again. `stacks` keeps its arrays by the same means.
"""

import functools
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from brats_lib.cases import Case, Cohort
from brats_lib.cases.case import voxel_hash
from brats_lib.cases.parallel import for_each
from brats_lib.cases.resample import need_standard_grid
from brats_lib.errors import BratsError
from brats_lib.files import home_path, make_folder, read_text, write_whole
from brats_lib.recipes import Recipe
from brats_lib.slices.preprocess import case_labels, case_slices

__all__ = ["SliceCache", "build_cache", "need_labelled", "write_entries"]

# What makes one entry of a cache: contents of its files by how their names end, in the order of writing.
Maker = Callable[[], dict[str, np.ndarray | str]]


def need_labelled(cohort: Cohort) -> Cohort:
    """The cases of a cohort that have a mask, of which there must be one."""
    labelled = cohort.labelled()
    if not len(labelled):
        raise BratsError(cohort.root, "no case has a mask", "at least one case with a mask", "Give labelled cases")
    return labelled


def write_entries(folder: Path, makers: Mapping[str, Maker], workers: int | None, progress: bool, what: str) -> None:
    """Write the entries of a cache, by the stem of their files' names; whatever stops it, finished ones are kept."""
    if makers:
        make_folder(folder)
    for_each(functools.partial(_write_entry, folder), list(makers.items()), workers, progress, what)


def _write_entry(folder, entry):
    stem, make = entry
    for ending, content in make().items():
        if isinstance(content, np.ndarray):
            file = io.BytesIO()
            np.save(file, np.ascontiguousarray(content))
            content = file.getvalue()
        write_whole(folder / f"{stem}.{ending}", content)


class _Layout:
    """How an array lies in its file: a header that is known beforehand, then the slices one after the other."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, np.dtype(dtype)
        header = io.BytesIO()
        about = np.lib.format.header_data_from_array_1_0(np.empty(0, dtype)) | {"shape": shape}
        np.lib.format.write_array_header_1_0(header, about)
        self.header = header.getvalue()
        self.slice_bytes = int(np.prod(shape[1:])) * self.dtype.itemsize

    def is_sound(self, path):
        """Whether a file is there with the right header and size."""
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                return size == len(self.header) + self.shape[0] * self.slice_bytes and (
                    file.read(len(self.header)) == self.header
                )
        except FileNotFoundError:
            return False

    def read(self, path, positions):
        """Slices by position, one seek each.

        A batch touches few slices of many cases: that is an eighth of the time of a memory map, and neither keeps files
        open nor lets the process grow with the cohort.
        """
        array = np.empty((len(positions), *self.shape[1:]), self.dtype)
        with open(path, "rb", buffering=0) as file:
            for row, position in zip(array, positions, strict=True):
                file.seek(len(self.header) + int(position) * self.slice_bytes)
                if file.readinto(row) != self.slice_bytes:
                    advice = "Run again: damaged files are rebuilt"
                    raise BratsError(path, "the file ends early", "a complete cached case", advice)
        return array


class SliceCache:
    """Prepared slices of a cohort's labelled cases; made by `build_cache`, of the fingerprints of their data by name.

    Attributes
    ----------
    names : tuple of str
        The cases, in the cohort's order.
    fingerprint : str
        Changes whenever a case's data, the set of cases or the recipe's slice settings do.
    """

    def __init__(self, folder: Path, recipe: Recipe, fingerprints: Mapping[str, str]):
        self.folder, self.recipe, self.names = folder, recipe, tuple(fingerprints)
        self._fingerprints = dict(fingerprints)
        self.fingerprint = _digest([recipe.slice_settings(), sorted(fingerprints.items())])[:16]
        shape = (recipe.slices, recipe.size, recipe.size)
        self._images = _Layout((*shape, len(recipe.modalities)), np.float16)
        self._labels = _Layout(shape, np.uint8)

    def stem(self, name: str) -> str:
        """How the names of a case's files begin."""
        if name not in self._fingerprints:
            expected = f"one of its {len(self.names)} labelled cases"
            advice = "Check the split's names, and that the case has a mask"
            raise BratsError(f"case '{name}'", "it is not in the slice cache", expected, advice)
        return f"{name}-{self._fingerprints[name]}"

    def files(self, name: str) -> tuple[Path, Path, Path]:
        """Paths of a case's image and label arrays and of its `flair_hash`."""
        stem = self.stem(name)
        return tuple(self.folder / f"{stem}.{ending}" for ending in ("images.npy", "labels.npy", "flair.txt"))

    def flair_hash(self, name: str) -> str:
        """`voxel_hash` of a case's FLAIR image; empty where the recipe does without."""
        return read_text(self.files(name)[2], "a hash of the slice cache", f"Delete {self.folder}; it is made again")

    def read(self, name: str, positions: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some slices of a case, by positions from 0 to slices - 1, best ascending.

        Images are float16 (n, size, size, channels) in 0-1, labels are class indices, uint8 (n, size, size).
        """
        images, labels, _ = self.files(name)
        return self._images.read(images, positions), self._labels.read(labels, positions)

    def is_complete(self, name: str) -> bool:
        """Whether a case's files are there with the right headers and sizes."""
        images, labels, flair = self.files(name)
        return self._images.is_sound(images) and self._labels.is_sound(labels) and flair.is_file()


def build_cache(
    cohort: Cohort, recipe: Recipe, folder: str | Path, workers: int | None = None, progress: bool = True
) -> SliceCache:
    """Prepare the slices of every labelled case, reusing what is there and sound.

    Parameters
    ----------
    cohort, recipe
        Cases without a mask are left out.
    folder
        Files go to ``<recipe>-<hash of its slice settings>`` below it. A case takes 8.2 MB with the published recipe.
    workers
        Processes, each of which holds one case; by default as many as there are cores.

    Raises
    ------
    BratsError
        If no case has a mask, a case cannot be prepared, a worker was killed or the disk is full; finished cases are
        kept.
    """
    labelled = need_labelled(cohort)
    folder = home_path(folder) / f"{recipe.name}-{_digest(recipe.slice_settings())[:8]}"
    cache = SliceCache(folder, recipe, {case.name: case.fingerprint() for case in labelled})
    todo = [case for case in labelled if not cache.is_complete(case.name)]
    for case in todo:
        # What predictions refuse is refused before anything is learnt from it.
        case.need_one_grid(recipe.modalities)
        need_standard_grid(case)
    makers = {cache.stem(case.name): functools.partial(_make_slices, case, recipe) for case in todo}
    write_entries(folder, makers, workers, progress, "Preparing slices")
    return cache


def _make_slices(case: Case, recipe: Recipe) -> dict[str, np.ndarray | str]:
    volumes = case.volumes(recipe.modalities)
    return {
        "images.npy": case_slices(case, recipe, volumes).astype(np.float16),
        "labels.npy": case_labels(case, recipe),
        "flair.txt": voxel_hash(volumes["flair"]) if "flair" in volumes else "",
    }


def _digest(content) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
