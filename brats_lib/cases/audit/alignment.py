"""Whether images of one case lie on each other, told from the outline of the brain and from the edges within."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy import fft

from brats_lib.cases.audit.sampling import Sample, dice

__all__ = ["FLIPS", "Move", "at_all_shifts", "best_move", "edge_moves", "outline_moves", "peak"]

REACH_MM, CLEAR_EDGES = 28.0, 0.55
FLIPS = tuple(product((False, True), repeat=3))


class Move(NamedTuple):
    """What is done to an image so that it fits others, and how well it fits before and after."""

    before: float
    after: float
    flips: tuple[bool, bool, bool] = FLIPS[0]
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def words(self) -> str:
        """Such as ``"mirrored left to right and shifted by (0, 4, 0) mm"``."""
        directions = ("mirrored left to right", "turned front to back", "turned upside down")
        words = [direction for direction, turned in zip(directions, self.flips, strict=True) if turned]
        # A head is not in the middle of its box, so a turned one is a little off.
        if not words or max(map(abs, self.shift_mm)) > 12:
            words.append(f"shifted by ({', '.join(f'{mm:+.0f}' for mm in self.shift_mm)}) mm")
        return " and ".join(words)


def best_move(image: np.ndarray, reference: np.ndarray, spacing: np.ndarray, flips=FLIPS) -> Move:
    """Turn and shift an image so that its correlation with a reference is largest.

    Parameters
    ----------
    image, reference : arrays of one shape (x, y, z)
        Of norm 1.
    spacing : array of float, shape (3,)
        Distance of voxels, mm.
    flips : sequence of 3 bool
        Axes to turn.

    Returns
    -------
    Move
    """
    products = at_all_shifts([reference], spacing)
    before = float(np.vdot(image, reference))
    best = Move(before, before)
    for turned in flips:
        (fit,) = products(np.flip(image, [axis for axis in range(3) if turned[axis]]))
        if fit.max() > best.after + 1e-6:
            best = Move(before, float(fit.max()), turned, peak(fit, spacing))
    return best


def at_all_shifts(references: list[np.ndarray], spacing: np.ndarray) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Prepare the sums of products of images with references, at all shifts of up to 28 mm along each axis.

    Parameters
    ----------
    references : list of arrays of one shape (x, y, z)
        What images are multiplied by.
    spacing : array of float, shape (3,)
        Distance of voxels, mm.

    Returns
    -------
    function
        From an image of the same shape to a list with an array for each reference: the sum for every shift of the
        image, that without a shift in the array's middle. What is shifted in is 0.
    """
    reach = np.maximum(1, np.round(REACH_MM / np.asarray(spacing))).astype(int)
    shape = [fft.next_fast_len(n + int(r), real=True) for n, r in zip(references[0].shape, reach, strict=True)]
    shifts = np.ix_(*(np.arange(-r, r + 1) for r in reach))
    transforms = [fft.rfftn(reference, shape) for reference in references]

    def products(image: np.ndarray) -> list[np.ndarray]:
        mirrored = np.conj(fft.rfftn(image, shape))
        return [fft.irfftn(transform * mirrored, shape)[shifts] for transform in transforms]

    return products


def peak(fit: np.ndarray, spacing: np.ndarray) -> tuple[float, float, float]:
    """Where values on a grid around no shift are largest, mm, by a parabola through the neighbours of the largest."""
    place = np.unravel_index(fit.argmax(), fit.shape)
    shift = []
    for axis, mm in enumerate(spacing):
        line = np.moveaxis(fit, axis, -1)[tuple(np.delete(place, axis))]
        at = place[axis]
        offset = 0.0
        if 0 < at < line.size - 1 and (bend := line[at - 1] - 2 * line[at] + line[at + 1]) < 0:
            offset = (line[at - 1] - line[at + 1]) / (2 * bend)
        shift.append(float((at - line.size // 2 + offset) * mm))
    return tuple(shift)


def outline_moves(sample: Sample, least: float) -> dict[str, Move]:
    """For each image whose outline overlaps with the typical one by less than `least`, what would bring it there."""
    moves = {}
    for modality, outline in sample.outlines.items():
        overlap = dice(outline, sample.brain)
        if overlap < least:
            coarse = [sample.coarse(o) for o in (outline, sample.brain)]
            sizes = [float(np.vdot(o, o)) for o in coarse]
            move = best_move(*(o / np.sqrt(size) for o, size in zip(coarse, sizes, strict=True)), sample.coarse_spacing)
            moves[modality] = move._replace(before=overlap)
    return moves


def edge_moves(sample: Sample) -> dict[str, Move]:
    """How well the edges within each image fit those of the others, and what would make them fit best."""
    deep = sample.depth >= 6
    edges = {modality: _edges(sample.coarse(image), deep) for modality, image in sample.scaled.items()}
    moves = {}
    for modality, own in edges.items():
        others = np.sum([edge for name, edge in edges.items() if name != modality], axis=0)
        norm = np.linalg.norm(others)
        if norm and own.any():
            fit = float(np.vdot(own, others / norm))
            moves[modality] = Move(fit, fit)
            # Mirrored images reach 0.49.
            if fit < CLEAR_EDGES:
                moves[modality] = best_move(own, others / norm, sample.coarse_spacing)
    return moves


def _edges(image: np.ndarray, deep: np.ndarray) -> np.ndarray:
    """Strength of the gradient less its mean, of norm 1."""
    strength = np.sqrt(np.sum([step**2 for step in np.gradient(image)], axis=0))
    strength = np.where(deep, strength - strength[deep].mean(), 0).astype(np.float32)
    return strength / (np.linalg.norm(strength) or 1)
