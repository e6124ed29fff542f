"""What may be one modality: a series of DICOM images or a NIfTI file, by its headers. No name, date or id is kept."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from brats_lib.cases.layouts import stem
from brats_lib.cases.nifti import read_grid, read_image
from brats_lib.errors import BratsError

# More files than any study has; a whole disk was meant otherwise.
MOST_FILES = 50_000
FEWEST_SLICES = 8


@dataclass(frozen=True, eq=False)
class Series:
    """Images that make one volume, and what their headers say of how they were made.

    Affines take voxel indices to NIfTI's millimetres; `stored_...` is the volume's own order of axes.
    """

    name: str  # "series 5", or the file's name
    words: str  # lower-case text that may say what it shows; it may hold anything, so it is never written or shown
    files: tuple[Path, ...]  # of each slice
    shape: tuple[int, ...]
    affine: np.ndarray
    stored_shape: tuple[int, ...]
    stored_affine: np.ndarray
    repetition: float | None = None  # TR, TE and TI in ms
    echo: float | None = None
    inversion: float | None = None
    agent: bool = False  # whether a contrast agent is named
    sequence: str = ""  # DICOM's codes, such as "SE" or "GR IR"
    problem: str = ""  # why it cannot be used, a clause
    is_dicom: bool = False
    frames: tuple[int, ...] = ()  # of each slice of DICOM, which image in its file it is
    syntax: str = ""  # of DICOM pixels, by its name

    @property
    def spacing(self) -> tuple[float, ...]:
        """Voxel sizes in mm."""
        return tuple(float(size) for size in np.linalg.norm(self.affine[:3, :3], axis=0))

    def load(self) -> np.ndarray:
        """Read the volume, float32, its axes as `affine` has them."""
        return self._pixels() if self.is_dicom else read_image(self.files[0]).values()

    def _pixels(self) -> np.ndarray:
        try:
            # Slices may be scaled each by its own factor.
            images = {path: sitk.ReadImage(str(path), sitk.sitkFloat32) for path in dict.fromkeys(self.files)}
            arrays = {path: sitk.GetArrayViewFromImage(image) for path, image in images.items()}
            slices = [arrays[path][frame] for path, frame in zip(self.files, self.frames, strict=True)]
            values = np.ascontiguousarray(np.stack(slices).T)
        except (RuntimeError, IndexError, ValueError):
            found = f"its pixels cannot be decoded ({self.syntax})"
            expected = "a transfer syntax that GDCM knows, and complete files"
            advice = "Export it uncompressed, or convert it with dcm2niix"
            raise BratsError(self.name, found, expected, advice) from None
        if values.shape != self.shape:
            found, expected = f"its images make a volume of {values.shape}", f"{self.shape} as the headers say"
            raise BratsError(self.name, found, expected, "Export or copy the series again, or name another one")
        return values


def nifti_series(path: Path) -> Series:
    """The volume that a NIfTI file holds, by its header."""
    grid = read_grid(path)
    problem = f"it has {min(grid.shape)} slices" if min(grid.shape) < FEWEST_SLICES else ""
    if grid.channels != 1:
        problem = f"it holds {grid.channels} volumes"
    return Series(
        path.name, stem(path).lower(), (path,), grid.shape, grid.affine, grid.stored_shape[:3], grid.stored_affine,
        problem=problem,
    )  # fmt: skip


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder that has no hidden name, in the order of their paths."""
    count = 0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith("."):
                continue
            count += 1
            if count > MOST_FILES:
                advice = "Give the folder of one examination"
                raise BratsError(folder, f"more than {MOST_FILES:,} files are in it", "one study", advice)
            yield Path(here, name)
