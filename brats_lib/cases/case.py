"""One patient's images and mask, and what tells them apart by their content."""

import functools
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from brats_lib.cases.codes import labels_of, numbers_of, refuse_brain
from brats_lib.cases.layouts import LAYOUT_OF_NAME, MODALITIES, OWN_CODES, Layout, stem
from brats_lib.cases.nifti import Grid, Image, opened, read_grid, read_image, write_mask, write_volume
from brats_lib.errors import BratsError, some
from brats_lib.files import home_path


@dataclass(frozen=True)
class Case:
    """One patient's files. Volumes come out as float32, masks as uint8 labels 0, 1, 2, 4; shape (x, y, z), axes LPS.

    Axis 0 grows to the patient's left, axis 1 to the back, axis 2 up, whatever order the files have.

    """

    name: str  # such as "BraTS20_Training_001"
    files: dict[str, Path] = field(hash=False)  # by modality, of those that are there; one file for all in MSD's layout
    mask_file: Path | None = None
    layout: str = "brats2020"  # how files are named and masks are coded, a name of `brats_lib.cases.layouts`
    grade: str | None = None  # "HGG" or "LGG", high- or low-grade glioma, where the data set says
    ignored: tuple[Path, ...] = ()  # images beside its files whose names are of no modality and no tumour mask
    # Where several files could be a modality or "mask": all of them. The first is in `files`, and reading is refused.
    rivals: dict[str, tuple[Path, ...]] = field(default_factory=dict, hash=False)
    has_odd_mask: bool = False  # adopted although its name is not its layout's, as in BraTS 2020 case 355

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that are there, in the order of `MODALITIES`."""
        return tuple(modality for modality in MODALITIES if modality in self.files)

    @property
    def folder(self) -> Path:
        """The folder that its files are in; an image may itself be a folder of its name."""
        folder = self._first_file.parent
        return folder.parent if stem(folder) else folder

    @property
    def has_mask(self) -> bool:
        """Whether there is a mask."""
        return self.mask_file is not None

    @property
    def _first_file(self) -> Path:
        files = [self.files[modality] for modality in self.modalities]
        return next(path for path in (*files, self.mask_file) if path is not None)

    @property
    def _layout(self) -> Layout:
        return LAYOUT_OF_NAME[self.layout]

    @functools.cached_property
    def _grid(self) -> Grid:
        return read_grid(self._first_file)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size (x, y, z) in LPS; (240, 240, 155) in BraTS."""
        return self._grid.shape

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size along x, y, z in mm."""
        return self._grid.spacing

    @property
    def affine(self) -> np.ndarray:
        """LPS voxel indices to millimetres (NIfTI's RAS+ world), float64 (4, 4)."""
        return self._grid.affine

    def need(self, modalities: Sequence[str] = MODALITIES) -> None:
        """Refuse a case in which one of the modalities is missing, or there more than once."""
        for modality in modalities:
            if modality not in self.files:
                there = ", ".join(self.modalities) or "no modality"
                advice = f"Put the {modality} image of {self.name} there, or leave this case out"
                if self.ignored:
                    names = some(path.name for path in self.ignored)
                    advice += f"; it has images of other names ({names}), which you may rename if one of them is it"
                raise BratsError(self.folder, f"case {self.name} has {there}", f"also {modality}", advice)
            self.refuse_rivals(modality)

    def refuse_rivals(self, role: str) -> None:
        """Refuse a modality or ``"mask"`` that several files could be."""
        if role in self.rivals:
            names = " and ".join(path.name for path in self.rivals[role])
            found = f"{names} could both be the {role} of case {self.name}"
            advice = "Move away those that are not meant, or rename them"
            raise BratsError(self.rivals[role][0].parent, found, f"one {role} file", advice)

    def need_one_grid(self, modalities: Sequence[str]) -> None:
        """Refuse images whose voxels are not in the same places, by their headers alone.

        Reading a case compares shapes. A network that reads two modalities side by side has no use for two scans that
        show different places either.
        """
        self.need(modalities)
        first, *others = (read_grid(self.files[modality]) for modality in modalities)
        for grid in others:
            advice = (
                "Register the images of this patient to one grid first, as `brats prepare` does for scans with skull"
            )
            grid.need_place_of(first, advice)

    def volume(self, modality: str) -> np.ndarray:
        """Read one modality, in scanner units; what is missing, damaged, of another shape or not finite is refused."""
        return self.volumes((modality,))[modality]

    def volumes(
        self, modalities: Sequence[str] = MODALITIES, remarks: list[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Read several modalities; as `volume`, but a file that holds several is read once.

        `remarks` gets a sentence, without its full stop, for everything that was put right, such as NaN taken as 0.
        """
        images = self._images(modalities)
        clauses = {image.path: [clause for _, clause in image.grid.remarks] for image, _ in images}
        arrays = [image.values(channel, clauses[image.path]) for image, channel in images]
        if remarks is not None:
            remarks += [f"{path.name}: {clause}" for path, said in clauses.items() for clause in said]
        return dict(zip(modalities, arrays, strict=True))

    def _images(self, modalities: Sequence[str]) -> list[tuple[Image, int | None]]:
        """For each modality the content of its file and which channel of that it is; every file is read once."""
        self.need(modalities)
        paths = list(dict.fromkeys(self.files[modality] for modality in modalities))
        # Python lets go of its lock while zlib decompresses, so files are read side by side.
        with ThreadPoolExecutor() as threads:
            images = dict(zip(paths, threads.map(read_image, paths), strict=True))
        channels = self._layout.channels
        for image in images.values():
            self._check(image.grid, len(channels) or 1)
        return [(images[self.files[modality]], channels.get(modality)) for modality in modalities]

    def _check(self, grid: Grid, channels: int) -> None:
        """Refuse a file whose voxels cannot be those of the case."""
        if grid.channels != channels:
            found = f"it holds {grid.channels} volumes, shape {grid.stored_shape}"
            raise BratsError(grid.path, found, f"{channels} in {self._layout.title}", "Check where the file is from")
        if grid.shape != self._grid.shape or grid.axes != self._grid.axes:
            grid.need_place_of(self._grid, "Copy this case again: its files must have been registered to one grid")

    def mask(self) -> np.ndarray:
        """Read the mask, whatever its layout codes labels as; one of the whole brain or with other codes is refused."""
        if self.mask_file is None:
            advice = "Use Cohort.labelled() where masks are needed; without one a case can only be predicted"
            expected = f"a file *_{self._layout.mask}.nii.gz"
            raise BratsError(self.folder, f"case {self.name} has no mask", expected, advice)
        self.refuse_rivals("mask")
        image = read_image(self.mask_file)
        self._check(image.grid, 1)
        labels = labels_of(image, self._layout.codes)
        refuse_brain(labels, self)
        return labels

    def read_mask_file(self, path: str | Path, codes: dict[int, int] = OWN_CODES) -> np.ndarray:
        """Read a mask that somebody predicted for this case, on its own grid, coded as number in the file to label."""
        image = read_image(home_path(path))
        advice = "Score masks on the grid of the input images and with their affine, as Case.save_mask writes them"
        image.grid.need_place_of(self._grid, advice)
        self._check(image.grid, 1)
        return labels_of(image, codes)

    def save_mask(self, mask: np.ndarray, path: str | Path, codes: dict[int, int] = OWN_CODES) -> Path:
        """Write a mask on this case's own grid: orientation, affine and header geometry of its images.

        The mask holds labels 0, 1, 2, 4 (else a ValueError), axes LPS; the file, `.nii.gz` or `.nii`, appears complete
        or not at all. `codes` is number in the file to label; by default labels are written as they are.
        """
        path, mask = home_path(path), np.asarray(mask)
        if mask.shape != self.shape:
            expected = f"{self.shape}, the shape of case {self.name}"
            raise BratsError(path, f"the mask to write has shape {mask.shape}", expected, "Pass it in LPS axes")
        write_mask(numbers_of(mask, codes), self._grid, path)
        return path

    def save_volumes(self, paths: dict[str, Path]) -> None:
        """Write modalities as gzipped 3D files, all on the stored axes and in the place of the first; see `nifti`."""
        for (image, channel), path in zip(self._images(list(paths)), paths.values(), strict=True):
            write_volume(image, channel, self._grid, path)

    def fingerprint(self) -> str:
        """Hash of the case's name and of all bytes of its files, 16 hexadecimal digits."""
        paths = self.files | ({"mask": self.mask_file} if self.mask_file else {})
        lines = [self.name, *(f"{role} {file_hash(path)}" for role, path in sorted(paths.items()))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def voxel_hash(volume: np.ndarray) -> str:
    """Hash of an image's voxels in LPS, 16 hexadecimal digits: the same for any name, packing and stored type.

    Networks list the FLAIR images that they learnt from by it.
    """
    voxels = np.asarray(volume, np.float32)
    digest = hashlib.blake2b(repr(voxels.shape).encode(), digest_size=8)
    digest.update(np.asfortranarray(voxels).T.data)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Hash of all bytes of a file, 32 hexadecimal digits.

    A file is read again unless its size, times, inode and device are as they were. The time of change counts too, which
    a program that restores the time of writing cannot set.
    """
    with opened(path) as stream:
        status = os.fstat(stream.fileno())
    stamp = status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev
    return _read_hash(path, stamp)


@functools.cache
def _read_hash(path: Path, stamp: tuple[int, ...]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with opened(path) as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()
