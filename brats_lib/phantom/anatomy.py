"""One head out of the average one: deformation, mass effect, and tissue drawn from the average's uncertainty.

An average of many heads has blurred sulci. Sharpening its tissue shares alone gives every phantom the same few folds;
so each share is read as a probability, a smooth random field is added to its logarithm where folds differ between
people (the cortex), and the result is sharpened: every patient gets gyri and sulci of his own, in plausible places.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from brats_lib.phantom.atlas import BOX_SHAPE, HEAD_CENTRE, SCALES, box_coordinates, load_atlas
from brats_lib.phantom.noise import sheets, smooth_field


@dataclass
class Anatomy:
    """Tissue of one head before there is a tumour: float32 of shape `BOX_SHAPE`, but for the mask."""

    brain: np.ndarray  # the mask of the skull stripping, bool
    # Shares, 0-1; they add up to 1 in the brain.
    white: np.ndarray
    grey: np.ndarray
    fluid: np.ndarray
    detail: np.ndarray  # what the template's T1 image shows beyond the three tissues
    ventricle: np.ndarray  # share of fluid that lies in the ventricles, 0-1
    depth: np.ndarray  # distance to the head's surface before mass effect, mm
    mni: tuple[np.ndarray, ...]  # mm to the left, back and up of the anterior commissure, in the average head


class Head:
    """The deformation that makes one head: drawn here, applied by `draw`."""

    def __init__(self, rng: Generator, wide: bool = False):
        self.atlas = load_atlas()
        spread = 1.8 if wide else 1.0
        angles = np.radians(rng.normal(0, 6.0 if wide else 3.0, 3))
        scale = np.array(SCALES) * rng.normal(1, spread * 0.02) * rng.normal(1, spread * 0.025, 3)
        self.matrix = np.linalg.inv(_rotation(angles) * scale)
        self.shift = rng.normal(0, (1.5, 2.5, 2.5))
        self.parameters = {
            "rotation_degrees": np.degrees(angles).round(2).tolist(),
            "scale": scale.round(4).tolist(),
            "shift_mm": self.shift.round(2).tolist(),
            # Displacement at three scales: shape of the head, of lobes, of gyri (mm, standard deviation).
            "warp_mm": [round(spread * rng.uniform(*limits), 2) for limits in ((1.2, 2.4), (0.8, 1.7), (0.5, 0.9))],
            "atrophy": round(float(rng.beta(*((1.0, 1.3) if wide else (1.5, 2.8)))), 3),
            "ventricles": round(float(rng.normal(0, spread)), 3),
            "margin_mm": round(float(rng.normal(-0.9, 0.5)), 2),
        }

    def lies_in_tissue(self, point: np.ndarray, depth_mm: float) -> bool:
        """Whether a point of the grid (voxels) lies at least `depth_mm` inside the brain, and not in a ventricle."""
        at = np.round(self.matrix @ (point - HEAD_CENTRE - self.shift) + self.atlas.centre).astype(int)
        if np.any(at < 0) or np.any(at >= self.atlas.depth.shape):
            return False
        voxel = tuple(at)
        return bool(self.atlas.depth[voxel] >= depth_mm and self.atlas.fluid[voxel] < 0.3)

    def draw(self, rng: Generator, push: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]) -> Anatomy:
        """Deform the average head; `push` is the mass effect: from coordinates to displacements of tissue (mm)."""
        axes = box_coordinates()
        warp = [np.zeros(BOX_SHAPE, np.float32) for _ in range(3)]
        large, *small = zip((36, 17, 9), self.parameters["warp_mm"], strict=True)
        _add_noise(rng, warp, [large])
        depth = ndimage.map_coordinates(self.atlas.depth, self._coordinates(axes, warp), order=1, mode="nearest")
        # Gyri wander under a skull that is smooth; the stripping tool follows it with a slightly ragged edge.
        _add_noise(rng, warp, small)
        ragged = 0.45 * smooth_field(rng, BOX_SHAPE, 4) + 0.7 * smooth_field(rng, BOX_SHAPE, 15)
        brain = _largest_piece(depth > ragged - self.parameters["margin_mm"] + 0.5)
        # The skull does not move: the mask stays, the tissue in it is displaced, its sulci are pressed shut.
        for component, moved in zip(warp, push(axes), strict=True):
            component -= moved
        at = np.stack([a[brain] for a in self._coordinates(axes, warp)])
        maps = {
            name: ndimage.map_coordinates(getattr(self.atlas, name), at, order=1, mode="nearest")
            for name in ("white", "grey", "fluid", "detail", "ventricle", "depth")
        }
        maps |= self._tissue(rng, brain, maps)
        maps["ventricle"] *= maps["fluid"]
        box = {name: fill(brain, maps[name]) for name in ("white", "grey", "fluid", "detail", "ventricle")}
        mni = tuple(fill(brain, a - o) for a, o in zip(at, self.atlas.origin, strict=True))
        return Anatomy(brain, depth=depth, mni=mni, **box)

    def _coordinates(self, axes, warp):
        """Template coordinates of the box's voxels, displaced by `warp` (mm)."""
        offset = np.array(HEAD_CENTRE) + self.shift
        moved = [a.astype(np.float32) - np.float32(o) + w for a, o, w in zip(axes, offset, warp, strict=True)]
        return np.stack(
            [
                sum(np.float32(m) * v for m, v in zip(row, moved, strict=True)) + np.float32(c)
                for row, c in zip(self.matrix, self.atlas.centre, strict=True)
            ]
        )

    def _tissue(self, rng, brain, maps):
        """Draw tissue shares of the voxels in the brain from the average's, see the module's text."""
        atrophy = self.parameters["atrophy"]

        def field(*spacing):
            return sum(smooth_field(rng, BOX_SHAPE, s)[brain] for s in spacing) / np.float32(np.sqrt(len(spacing)))

        depth = maps["depth"]
        cortical = 1 / (1 + np.exp((depth - 24) / 3))
        # Folds: thin sheets that dive from the surface, wider and deeper in an atrophic brain.
        fold = sheets(field(13), 0.08 + 0.07 * atrophy) + 0.8 * sheets(field(8), 0.07)
        fold *= cortical * np.clip(1.2 - maps["white"], 0, 1)
        surface = np.exp(-np.clip(depth, 0, None) / (1.0 + 1.2 * atrophy))
        fluid = (
            np.log(maps["fluid"] * (0.5 + 1.8 * atrophy) + 0.004)
            + 1.6 * fold
            + 0.8 * cortical * field(4, 8)
            + (0.6 + 1.0 * atrophy) * surface
            + (1.0 + self.parameters["ventricles"]) * 1.2 * maps["ventricle"]
        )
        grey = np.log(maps["grey"] + 0.01)
        white = np.log(maps["white"] + 0.002) + 0.8 * cortical * field(4, 8) + 0.35
        sharp = 1.0 + 1.4 * cortical
        top = np.maximum(np.maximum(fluid, grey), white)
        shares = [np.exp(sharp * (v - top)) for v in (white, grey, fluid)]
        total = sum(shares)
        return {name: v / total for name, v in zip(("white", "grey", "fluid"), shares, strict=True)}


def _add_noise(rng, warp, scales):
    """Add smooth displacements to a warp, in place; `scales` are pairs of spacing and amplitude in mm."""
    for spacing, amplitude in scales:
        for component in warp:
            component += amplitude * smooth_field(rng, BOX_SHAPE, spacing)


def _largest_piece(mask):
    """The largest connected piece of a mask."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def fill(brain: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Spread the values of the brain's voxels over the box, zero elsewhere."""
    box = np.zeros(brain.shape, np.float32)
    box[brain] = values
    return box


def _rotation(angles):
    """Rotation matrix of three angles about x, y and z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [i for i in range(3) if i != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix
