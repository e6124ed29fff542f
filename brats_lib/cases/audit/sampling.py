"""A case's images on a coarse grid, which is enough to compare them and takes a fraction of a second."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
from scipy import ndimage

FINE_MM, COARSE_MM = 2.0, 4.0
# Less than half a brain, as in a crop around a tumour, shows too little to be judged.
SMALLEST_ML = 500.0
# Below the surface lie no remains of the skull's removal.
CORE_MM = 8.0


@dataclass(frozen=True)
class Sample:
    """Images of one grid, every second millimetre of them, in the box around the brain.

    This is the fine grid; the coarse one has means over 4 mm. Spacings are in mm.
    """

    images: dict[str, np.ndarray]  # modality to intensities (float32), less what the background has
    box: tuple[slice, ...]  # what was taken of the original grid
    spacing: tuple[float, ...]

    @cached_property
    def outlines(self) -> dict[str, np.ndarray]:
        """Modality to where the image is not background."""
        return {modality: image != 0 for modality, image in self.images.items()}

    @cached_property
    def inside(self) -> np.ndarray:
        """Where no image is background."""
        return np.logical_and.reduce(list(self.outlines.values()))

    @cached_property
    def typical(self) -> str:
        """The modality whose outline agrees best with the others'."""
        outlines = self.outlines
        return max(outlines, key=lambda m: sum(dice(outlines[m], other) for other in outlines.values()))

    @property
    def brain(self) -> np.ndarray:
        """The outline that agrees best with the others."""
        return self.outlines[self.typical]

    def millilitres(self, mask: np.ndarray) -> float:
        """Volume of a mask on the fine grid."""
        return np.count_nonzero(mask) * float(np.prod(self.spacing)) / 1000

    @cached_property
    def factors(self) -> tuple[int, ...]:
        """How many voxels make one of the coarse grid."""
        return tuple(max(1, round(COARSE_MM / size)) for size in self.spacing)

    @property
    def coarse_spacing(self) -> np.ndarray:
        """Distance of the coarse grid's voxels."""
        return np.multiply(self.factors, self.spacing)

    @cached_property
    def depth(self) -> np.ndarray:
        """Distance to the surface of the brain on the coarse grid, mm; 0 outside."""
        filled = ndimage.binary_fill_holes(self.coarse(self.brain) > 0.5)
        return ndimage.distance_transform_edt(np.pad(filled, 1), sampling=self.coarse_spacing)[1:-1, 1:-1, 1:-1]

    def deeper(self, millimetres: float) -> np.ndarray:
        """Voxels of the fine grid at least so far below the surface that every image has."""
        deep = self.depth >= millimetres
        for axis, factor in enumerate(self.factors):
            deep = np.repeat(deep, factor, axis)
        return deep & self.inside

    @cached_property
    def core(self) -> np.ndarray:
        """The brain without its outermost 8 mm."""
        return self.deeper(CORE_MM)

    @cached_property
    def scaled(self) -> dict[str, np.ndarray]:
        """Modality to intensities, 0 and 1 at the 2nd and the 98th percentile of the core and cut off there."""
        scaled = {}
        for modality, image in self.images.items():
            low, high = np.percentile(image[self.core], (2, 98)) if self.core.any() else (0, 1)
            scaled[modality] = (np.clip(image, low, high) - low) / (max(high - low, 1e-6))
        return scaled

    def take(self, volume: np.ndarray, beyond: float = 0) -> np.ndarray:
        """The same voxels of another array on the original grid, and a value where it ends before the box."""
        part = volume[self.box]
        shape = [-(-(along.stop - along.start) // along.step) for along in self.box]
        missing = [(0, whole - n) for whole, n in zip(shape, part.shape, strict=True)]
        return np.pad(part, missing, constant_values=beyond)

    def without(self, modalities: Container[str]) -> "Sample":
        """The sample of the other images."""
        kept = {modality: image for modality, image in self.images.items() if modality not in modalities}
        # What was computed is kept where nothing is left out.
        return self if len(kept) == len(self.images) else Sample(kept, self.box, self.spacing)

    def coarse(self, volume: np.ndarray) -> np.ndarray:
        """Means over the voxels of the coarse grid."""
        # A sum of strided views is several times faster than means over axes of 2.
        total = np.zeros([n // factor for n, factor in zip(volume.shape, self.factors, strict=True)], np.float32)
        for offsets in product(*map(range, self.factors)):
            total += volume[tuple(slice(o, None, factor) for o, factor in zip(offsets, self.factors, strict=True))]
        return total / prod(self.factors)


def take_sample(volumes: dict[str, np.ndarray], spacing: Sequence[float]) -> Sample | None:
    """Take every second millimetre of the part of the images that is not background; None if all of it is."""
    steps = [max(1, round(FINE_MM / size)) for size in spacing]
    strided = tuple(slice(None, None, step) for step in steps)
    backgrounds = {modality: background_of(volume) for modality, volume in volumes.items()}
    used = np.logical_or.reduce([volumes[m][strided] != background for m, background in backgrounds.items()])
    if not used.any():
        return None
    fine = tuple(float(step * size) for step, size in zip(steps, spacing, strict=True))
    box = []
    for axis, (step, size) in enumerate(zip(steps, fine, strict=True)):
        along = np.flatnonzero(used.any(tuple({0, 1, 2} - {axis})))
        # Whole voxels of the coarse grid.
        factor = max(1, round(COARSE_MM / size))
        length = -(-(along[-1] + 1 - along[0]) // factor) * factor
        box.append(slice(int(along[0]) * step, int(along[0] + length) * step, step))
    sample = Sample({}, tuple(box), fine)
    for modality, background in backgrounds.items():
        part = sample.take(volumes[modality], background)
        sample.images[modality] = np.ascontiguousarray(part, np.float32) - background
    return sample


def background_of(volume: np.ndarray) -> float:
    """The value that all eight corners have, else 0."""
    corners = volume[np.ix_(*([0, -1] for _ in range(3)))]
    return float(corners.flat[0]) if corners.min() == corners.max() else 0.0


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Overlap of two outlines, 0-1."""
    size = np.count_nonzero(one) + np.count_nonzero(other)
    return 2 * np.count_nonzero(one & other) / size if size else 1.0
