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

# What makes one entry of a cache: contents of its files by how their names end, in the order of writing.
Maker = Callable[[], dict[str, np.ndarray | str]]
# How long the header is that `numpy.save` puts before the voxels.
HEADER_BYTES = 128


def need_labelled(cohort: Cohort) -> Cohort:
    """The cases of a cohort that have a mask, of which there must be one."""
    labelled = cohort.labelled()
    if not len(labelled):
        raise BratsError(cohort.root, "no case has a mask", "at least one case with a mask", "Give labelled cases")
    return labelled


def write_entries(folder: Path, makers: Mapping[str, Maker], workers: int | None, what: str) -> None:
    """Write the entries of a cache, by the stem of their files' names; whatever stops it, finished ones are kept."""
    if makers:
        make_folder(folder)
    for_each(functools.partial(_write_entry, folder), list(makers.items()), workers, what)


def _write_entry(folder, entry):
    stem, make = entry
    for ending, content in make().items():
        if isinstance(content, np.ndarray):
            file = io.BytesIO()
            np.save(file, np.ascontiguousarray(content))
            content = file.getvalue()
        write_whole(folder / f"{stem}.{ending}", content)


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
        self._labels = np.dtype((np.uint8, (recipe.size, recipe.size)))
        self._images = np.dtype((np.float16, (recipe.size, recipe.size, len(recipe.modalities))))

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
        return self.folder / f"{stem}.images.npy", self.folder / f"{stem}.labels.npy", self.folder / f"{stem}.flair.txt"

    def flair_hash(self, name: str) -> str:
        """`voxel_hash` of a case's FLAIR image; empty where the recipe does without."""
        return read_text(self.files(name)[2], "a hash of the slice cache", f"Delete {self.folder}; it is made again")

    def read(self, name: str, positions: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some slices of a case, by positions from 0 to slices - 1, best ascending.

        Images are float16 (n, size, size, channels) in 0-1, labels are class indices, uint8 (n, size, size).
        """
        images, labels, _ = self.files(name)
        return _read_slices(images, self._images, positions), _read_slices(labels, self._labels, positions)

    def is_complete(self, name: str) -> bool:
        """Whether a case's files are there, its arrays with the right shapes and types."""
        images, labels, flair = self.files(name)
        arrays = (images, self._images), (labels, self._labels)
        return flair.is_file() and all(_is_sound(path, self.recipe.slices, slice_type) for path, slice_type in arrays)


def _is_sound(path, slices, slice_type):
    """Whether a file holds an array of so many slices and nothing else."""
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, EOFError, ValueError):
        return False
    as_written = array.dtype == slice_type.base and array.shape == (slices, *slice_type.shape)
    return as_written and path.stat().st_size == HEADER_BYTES + array.nbytes


def _read_slices(path, slice_type, positions):
    """Slices of an array by position, one seek each.

    A batch touches few slices of many cases: that takes a third of the time of a memory map.
    """
    array = np.empty(len(positions), slice_type)
    with open(path, "rb", buffering=0) as file:
        for row, position in zip(array, positions, strict=True):
            file.seek(HEADER_BYTES + int(position) * slice_type.itemsize)
            if file.readinto(row) != slice_type.itemsize:
                advice = "Run again: damaged files are rebuilt"
                raise BratsError(path, "the file ends early", "a complete cached case", advice)
    return array


def build_cache(cohort: Cohort, recipe: Recipe, folder: str | Path, workers: int | None = None) -> SliceCache:
    """Prepare the slices of every labelled case, reusing what is there and sound.
    Files go to ``<recipe>-<hash of its slice settings>`` below the folder; a case takes 8.2 MB with the published
    recipe. Each of the `workers`, by default as many as there are cores, holds one case. Whatever stops the work,
    finished cases stay.
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
    write_entries(folder, makers, workers, "Preparing slices")
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
