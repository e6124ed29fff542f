"""One patient's images and mask."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from brats_lib.cases.codes import labels_of, numbers_of, refuse_brain
from brats_lib.cases.grids import GRID_TOLERANCE_MM
from brats_lib.cases.hashes import file_hash, voxel_hash
from brats_lib.cases.layouts import LAYOUT_OF_NAME, MODALITIES, OWN_CODES, Layout, recognise
from brats_lib.cases.nifti import Grid, read_grid, read_image, write_mask, write_volume
from brats_lib.errors import BratsError
from brats_lib.files import home_path
from brats_lib.labels import LABELS

__all__ = ["Case", "voxel_hash"]


@dataclass(frozen=True)
class Case:
    """One patient's files. Arrays come out as float32 or uint8, shape (x, y, z), axes LPS.

    Axis 0 grows to the patient's left, axis 1 to the back, axis 2 up, whatever order the files have.

    Parameters
    ----------
    name : str
        Such as ``"BraTS20_Training_001"``.
    files : dict of str to Path
        Modality to file, for the modalities that are there; one file for all in the MSD layout.
    mask_file : Path, optional
        None where the case is for prediction only.
    layout : {"brats2020", "brats2023", "msd"}
        How files are named and masks are coded.
    grade : {"HGG", "LGG"}, optional
        High- or low-grade glioma, where the data set says.
    ignored : tuple of Path
        Images beside its files whose names are those of no modality and no tumour mask; they are left alone.
    rivals : dict of str to tuple of Path
        Modality or ``"mask"`` to the files that could all be it, where there are several; `files` and `mask_file` have
        the first of them, and reading is refused.
    """

    name: str
    files: dict[str, Path] = field(hash=False)
    mask_file: Path | None = None
    layout: str = "brats2020"
    grade: str | None = None
    ignored: tuple[Path, ...] = ()
    rivals: dict[str, tuple[Path, ...]] = field(default_factory=dict, hash=False)

    def __reduce__(self):
        # Workers read headers afresh rather than receive what is cached here.
        return Case, tuple(getattr(self, each.name) for each in fields(self))

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that are there, in the order of `MODALITIES`."""
        return tuple(modality for modality in MODALITIES if modality in self.files)

    @property
    def folder(self) -> Path:
        """The folder that its first file is in."""
        return next(iter(self.files.values()), self.mask_file).parent

    @property
    def has_mask(self) -> bool:
        """Whether there is a mask."""
        return self.mask_file is not None

    @property
    def has_odd_mask(self) -> bool:
        """Whether the mask was adopted although its name is none of its layout's, as in BraTS 2020 case 355."""
        if self.mask_file is None or self._layout.in_one_image:
            return False
        # A folder may stand for the file: X_seg.nii/anything.nii.
        read = [recognise(path) for path in (self.mask_file, self.mask_file.parent)]
        return not any(found and found[2] == "mask" and found[1] in ("", self.name) for found in read)

    @property
    def _layout(self) -> Layout:
        return LAYOUT_OF_NAME[self.layout]

    @cached_property
    def _grid(self) -> Grid:
        return read_grid(next((self.files[modality] for modality in self.modalities), self.mask_file))

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

    def volume(self, modality: str) -> np.ndarray:
        """Read one modality.

        Parameters
        ----------
        modality : {"flair", "t1", "t1ce", "t2"}
            Which.

        Returns
        -------
        array of float32, shape (x, y, z)
            Scanner units, axes LPS.

        Raises
        ------
        BratsError
            If the file is missing, damaged or of another shape, or holds NaN or infinite values.
        """
        return self.volumes((modality,))[modality]

    def volumes(self, modalities=MODALITIES, remarks: list | None = None) -> dict[str, np.ndarray]:
        """Read several modalities; as `volume`, but a file that holds several is read once.

        `remarks` gets a sentence, without its full stop, for everything that was put right, such as NaN taken as 0.
        """
        read = list(self._images(modalities))
        said = {image.path: [clause for _, clause in image.grid.remarks] for _, image, _ in read}
        with ThreadPoolExecutor(len(read) or 1) as threads:
            arrays = threads.map(lambda each: each[1].values(each[2], said[each[1].path]), read)
            volumes = dict(zip(modalities, arrays, strict=True))
        if remarks is not None:
            remarks += [f"{path.name}: {clause}" for path, clauses in said.items() for clause in clauses]
        return volumes

    def need(self, modalities=MODALITIES) -> None:
        """Say which modality is missing, or there more than once.

        Raises
        ------
        BratsError
            If one is not there, or two files could be it.
        """
        for modality in modalities:
            if modality not in self.files:
                there = ", ".join(self.modalities) or "no modality"
                advice = f"Put the {modality} image of {self.name} there, or leave this case out"
                if self.ignored:
                    some = ", ".join(path.name for path in self.ignored[:3])
                    advice += f"; it has images of other names ({some}), which you may rename if one of them is it"
                raise BratsError(self.folder, f"case {self.name} has {there}", f"also {modality}", advice)
            self.refuse_rivals(modality)

    def refuse_rivals(self, role: str) -> None:
        """Refuse a modality or ``"mask"`` that several files could be."""
        if role in self.rivals:
            names = " and ".join(path.name for path in self.rivals[role])
            found = f"{names} could both be the {role} of case {self.name}"
            advice = "Move away those that are not meant, or rename them"
            raise BratsError(self.rivals[role][0].parent, found, f"one {role} file", advice)

    def _images(self, modalities):
        """Yield modality, file content and the channel of it; a file that holds several is read once."""
        self.need(modalities)
        paths = list(dict.fromkeys(self.files[modality] for modality in modalities))
        # Python lets go of its lock while zlib decompresses, so files are read side by side.
        with ThreadPoolExecutor(len(paths) or 1) as readers:
            images = dict(zip(paths, readers.map(read_image, paths), strict=True))
        for modality in modalities:
            path = self.files[modality]
            self._check(images[path].grid)
            yield modality, images[path], self._layout.images[modality] if self._layout.in_one_image else None

    def save_volumes(self, paths: dict[str, Path]) -> None:
        """Write modalities as gzipped 3D files of their own, all on the stored axes and in the place of the first.

        Numbers, type and scaling stay as they are; see `nifti.write_volume`.

        Parameters
        ----------
        paths : dict of str to Path
            Modality to a path that ends with `.nii.gz`. Each file appears complete or not at all.

        Raises
        ------
        BratsError
            As `volume`, or if a path cannot be written.
        """
        for modality, image, channel in self._images(paths):
            write_volume(image, channel, self._grid, paths[modality])

    def mask(self) -> np.ndarray:
        """Read the mask.

        Returns
        -------
        array of uint8, shape (x, y, z)
            Labels 0, 1, 2, 4 whatever the layout codes them as, axes LPS.

        Raises
        ------
        BratsError
            If there is none or more than one, it is damaged, of another shape, holds other numbers than its layout's
            codes or marks the brain.
        """
        if self.mask_file is None:
            advice = "Use Cohort.labelled() where masks are needed; without one a case can only be predicted"
            expected = f"a file *_{self._layout.mask}.nii.gz"
            raise BratsError(self.folder, f"case {self.name} has no mask", expected, advice)
        self.refuse_rivals("mask")
        image = read_image(self.mask_file)
        self._check(image.grid, mask=True)
        labels = labels_of(image, self._layout.codes)
        refuse_brain(labels, self)
        return labels

    def _check(self, grid: Grid, mask: bool = False) -> None:
        """Refuse a file whose voxels cannot be those of the case."""
        layout = self._layout
        grid.refuse_others_than(self._grid, 4 if layout.in_one_image and not mask else 1, layout.title)

    def save_mask(self, mask: np.ndarray, path: str | Path, codes: dict[int, int] = OWN_CODES) -> Path:
        """Write a mask on this case's own grid: orientation, affine and header geometry of its images.

        Parameters
        ----------
        mask : array of int, shape `shape`
            Labels 0, 1, 2, 4, axes LPS.
        path : str or Path
            Ends with `.nii.gz` or `.nii`; the file appears complete or not at all.
        codes : dict of int to int
            Number in the file to label. By default labels are written as they are, in every layout.

        Returns
        -------
        Path

        Raises
        ------
        BratsError
            If shape or labels do not fit, or the path cannot be written.
        """
        path, mask = home_path(path), np.asarray(mask)
        if mask.shape != self.shape:
            expected = f"{self.shape}, the shape of case {self.name}"
            raise BratsError(path, f"the mask to write has shape {mask.shape}", expected, "Pass it in LPS axes")
        if not np.isin(mask, LABELS).all():
            found = f"the mask to write holds {sorted(set(np.unique(mask)[:9].tolist()) - set(LABELS))}"
            raise BratsError(path, found, f"labels {LABELS}", "Turn classes into labels with labels.to_labels")
        write_mask(numbers_of(mask, codes), self._grid, path)
        return path

    def read_mask_file(self, path: str | Path, codes: dict[int, int] = OWN_CODES) -> np.ndarray:
        """Read a mask that somebody predicted for this case.

        Parameters
        ----------
        path : str or Path
            A mask on this case's grid.
        codes : dict of int to int
            Number in the file to label; by default labels 0, 1, 2, 4 stand for themselves.

        Returns
        -------
        array of uint8, shape (x, y, z)
            Labels, axes LPS.

        Raises
        ------
        BratsError
            If it is on another grid or holds other numbers.
        """
        image = read_image(home_path(path))
        if image.grid.channels != 1 or image.grid.shape != self.shape:
            expected = f"{self.shape} as case {self.name}"
            advice = "Score masks on the grid of the input images, not resized ones"
            raise BratsError(path, f"its shape is {image.grid.shape}", expected, advice)
        apart = image.grid.offset_mm(self._grid)
        if apart > GRID_TOLERANCE_MM:
            expected = f"the place of {self._grid.path.name}"
            advice = "Write predictions with the affine of the input, as Case.save_mask does"
            raise BratsError(path, f"its affine puts it {apart:.1f} mm away", expected, advice)
        return labels_of(image, codes)

    def fingerprint(self) -> str:
        """Hash of the case's name and of all bytes of its files, 16 hexadecimal digits.

        Files that are as they were are not read again; see `hashes.file_hash`.

        Raises
        ------
        BratsError
            If a file cannot be read.
        """
        paths = {**self.files, **({"mask": self.mask_file} if self.mask_file else {})}
        held = {path: file_hash(path) for path in set(paths.values())}
        lines = [self.name, *(f"{role} {held[path]}" for role, path in sorted(paths.items()))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
