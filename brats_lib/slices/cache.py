"""A cache of ready-made slices on disk: one pair of arrays per case, read straight into batches.

Reading, scaling and resizing a case takes half a second, and an epoch would pay it for every case. So each
case is prepared once: float16 images and uint8 class indices in plain ``.npy`` files, whose names carry the case's
fingerprint. `batches.SliceBatches` reads single slices from them.

Files appear by renaming finished temporary ones, so that a killed build leaves nothing half-written under a final name,
and two builds at once only do work twice.
"""

import hashlib
import io
import json
import os
from pathlib import Path

import numpy as np

from brats_lib.cases.case import voxel_hash
from brats_lib.cases.parallel import for_each
from brats_lib.cases.resample import need_standard_grid
from brats_lib.errors import BratsError
from brats_lib.files import home_path, make_folder, read_text, write_whole
from brats_lib.slices.preprocess import case_labels, case_slices

__all__ = ["SliceCache", "build_cache"]


class _Store:
    """How one kind of array lies in its file: a fixed header, then the slices one after the other."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        header = io.BytesIO()
        layout = np.lib.format.header_data_from_array_1_0(np.empty(0, self.dtype)) | {"shape": self.shape}
        np.lib.format.write_array_header_1_0(header, layout)
        self.header = header.getvalue()
        self.slice_bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        self.file_bytes = len(self.header) + self.shape[0] * self.slice_bytes

    def is_sound(self, path):
        """Whether a file is there with the right header and size."""
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                return size == self.file_bytes and file.read(len(self.header)) == self.header
        except FileNotFoundError:
            return False

    def write(self, path, array):
        """Write an array whole."""
        write_whole(path, self.header + np.ascontiguousarray(array, self.dtype).tobytes())

    def read(self, path, positions):
        """Read slices by position, one seek each."""
        array = np.empty((len(positions), *self.shape[1:]), self.dtype)
        with open(path, "rb", buffering=0) as file:
            for row, position in zip(array, positions, strict=True):
                file.seek(len(self.header) + int(position) * self.slice_bytes)
                if file.readinto(row) != self.slice_bytes:
                    raise BratsError(
                        path, "the file ends early", "a complete cached case", "Run again: damaged files are rebuilt"
                    )
        return array

    def map(self, path):
        """Memory-map the whole array, read-only."""
        return np.load(path, mmap_mode="r")


def _stores(recipe):
    """The two stores of a case: float16 images in 0-1 and uint8 class indices."""
    shape = (recipe.slices, recipe.size, recipe.size)
    return _Store((*shape, len(recipe.modalities)), np.float16), _Store(shape, np.uint8)


class SliceCache:
    """Prepared slices of a cohort's labelled cases; made by `build_cache`.

    Parameters
    ----------
    folder : Path
        Where the files are.
    recipe : brats_lib.recipes.Recipe
        How the slices were made.
    fingerprints : dict of str to str
        Fingerprint of each case's data, by case name.

    Attributes
    ----------
    names : tuple of str
        The cases, in the cohort's order.
    fingerprint : str
        Changes whenever a case's data, the set of cases or the recipe's slice settings do.
    bytes_per_case : int
        What a case takes on disk.
    """

    def __init__(self, folder, recipe, fingerprints):
        self.folder, self.recipe = Path(folder), recipe
        self.names = tuple(fingerprints)
        self._fingerprints = dict(fingerprints)
        self._images, self._labels = _stores(recipe)
        content = json.dumps([recipe.slice_settings(), sorted(self._fingerprints.items())], sort_keys=True)
        self.fingerprint = hashlib.sha256(content.encode()).hexdigest()[:16]
        self.bytes_per_case = self._images.file_bytes + self._labels.file_bytes

    def __len__(self):
        return len(self.names)

    def __repr__(self):
        return f"SliceCache({len(self)} cases of {self.recipe.slices} slices, {self.folder})"

    def files(self, name):
        """Paths of a case's image and label arrays and of its `flair_hash`.

        Raises
        ------
        BratsError
            If the case is not in the cache.
        """
        if name not in self._fingerprints:
            raise BratsError(
                f"case '{name}'", "it is not in the slice cache", f"one of its {len(self)} labelled cases",
                "Check the split's names, and that the case has a mask",
            )  # fmt: skip
        stem = f"{name}-{self._fingerprints[name]}"
        return tuple(self.folder / f"{stem}.{kind}" for kind in ("images.npy", "labels.npy", "flair.txt"))

    def images(self, name):
        """A case's images: memory-mapped float16, shape (slices, size, size, channels), in 0-1."""
        return self._images.map(self.files(name)[0])

    def labels(self, name):
        """A case's class indices: memory-mapped uint8, shape (slices, size, size)."""
        return self._labels.map(self.files(name)[1])

    def flair_hash(self, name):
        """`voxel_hash` of a case's FLAIR image; empty where the recipe does without."""
        return read_text(self.files(name)[2], "a hash of the slice cache", f"Delete {self.folder}; it is made again")

    def read(self, name, positions):
        """Read some slices of a case into memory.

        Plain reads rather than a memory map: a batch touches few slices of many cases, and reads neither keep files
        open nor let the process grow with the cohort.

        Parameters
        ----------
        name : str
            Case name.
        positions : sequence of int
            Positions 0 to slices - 1, best ascending.

        Returns
        -------
        images : array of float16, shape (n, size, size, channels)
        labels : array of uint8, shape (n, size, size)

        Raises
        ------
        BratsError
            If the case is not in the cache or its files are damaged.
        """
        image_file, label_file, _ = self.files(name)
        return self._images.read(image_file, positions), self._labels.read(label_file, positions)

    def missing(self):
        """Names of the cases whose files are absent or have a wrong header or size."""
        pairs = ((name, self.files(name)) for name in self.names)
        return tuple(
            name
            for name, (images, labels, flair) in pairs
            if not (self._images.is_sound(images) and self._labels.is_sound(labels) and flair.is_file())
        )

    def prepare(self, case):
        """Compute a case's slices and write its files."""
        image_file, label_file, flair_file = self.files(case.name)
        volumes = case.volumes(self.recipe.modalities)
        self._images.write(image_file, case_slices(case, self.recipe, volumes))
        self._labels.write(label_file, case_labels(case, self.recipe))
        write_whole(flair_file, voxel_hash(volumes["flair"]).encode() if "flair" in volumes else b"")


def build_cache(cohort, recipe, folder, workers=None, progress=True):
    """Prepare the slices of every labelled case, reusing what is there and sound.

    Parameters
    ----------
    cohort : brats_lib.cases.Cohort
        Cases without a mask are left out.
    recipe : brats_lib.recipes.Recipe
    folder : str or Path
        Cache root; files go to ``<recipe>-<hash of its slice settings>`` below it. It may be deleted at any time.
        On disk a case takes 8.2 MB with the published recipe.
    workers : int, optional
        Processes; by default as many as there are cores, and never more than cases to prepare. Each holds one case.
    progress : bool
        Show a progress bar.

    Returns
    -------
    SliceCache

    Raises
    ------
    BratsError
        If no case has a mask, a case cannot be prepared, a worker was killed or the disk is full (what is finished is
        kept).
    """
    labelled = cohort.labelled()
    if not len(labelled):
        raise BratsError(cohort.root, "no case has a mask", "at least one case with a mask", "Give labelled cases")
    settings = json.dumps(recipe.slice_settings(), sort_keys=True)
    folder = home_path(folder) / f"{recipe.name}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"
    make_folder(folder)
    cache = SliceCache(folder, recipe, {case.name: case.fingerprint() for case in labelled})
    missing = set(cache.missing())
    todo = [case for case in labelled if case.name in missing]
    for case in todo:
        # What predictions refuse is refused before anything is learnt from it.
        case.need_one_grid(recipe.modalities)
        need_standard_grid(case)
    for_each(cache.prepare, todo, workers, progress, "Preparing slices")
    return cache
