"""Whether images of one case lie on each other and the right way up, told from outlines and from edges within.

Left and right of a brain are alike. Images are compared on the coarse grid, as products of arrays of norm 1.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import fft

from brats_lib.cases.audit.findings import Remark, remark
from brats_lib.cases.audit.sampling import Sample, dice

REACH_MM = 28.0
# Edges that correlate by more are not looked at again: mirrored images reach 0.49.
CLEAR_EDGES = 0.55
# Axes to turn, and what that does.
FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (1,), (1, 2), (0,), (0, 2), (0, 1), (0, 1, 2))
TURNS = ("mirrored left to right", "turned front to back", "turned upside down")
# What is smaller was cropped, and its outline is that of the crop.
WHOLE_ML = 900.0
# Of 26 patients and 8 phantoms the sums are 0.65 to 1.68 and 0.14 to 0.27; where an axis is turned, their signs change.
UPRIGHT, FORWARD = -0.3, -0.06


class Move(NamedTuple):
    """What is done to an image so that it fits others, and how well it fits before and after."""

    before: float
    after: float
    flips: tuple[int, ...] = ()
    shift_mm: tuple[float, ...] = (0.0, 0.0, 0.0)

    def beyond(self, millimetres: float) -> bool:
        """Whether it is more than a shift of so little."""
        return bool(self.flips) or max(map(abs, self.shift_mm)) > millimetres

    @property
    def words(self) -> str:
        """Such as ``"mirrored left to right and shifted by (0, 4, 0) mm"``."""
        words = [TURNS[axis] for axis in self.flips]
        # A head is not in the middle of its box, so a turned one is a little off.
        if not words or max(map(abs, self.shift_mm)) > 12:
            words.append(f"shifted by ({', '.join(f'{mm:+.0f}' for mm in self.shift_mm)}) mm")
        return " and ".join(words)


def best_move(image: np.ndarray, reference: np.ndarray, spacing: np.ndarray) -> Move:
    """Turn and shift an image (norm 1) so that its correlation with a reference (norm 1) is largest."""
    products = at_all_shifts([reference], spacing)
    before = float(np.vdot(image, reference))
    best = Move(before, before)
    for turned in FLIPS:
        (fit,) = products(np.flip(image, turned))
        if fit.max() > best.after + 1e-6:
            best = Move(before, float(fit.max()), turned, peak(fit, spacing))
    return best


def at_all_shifts(references: list[np.ndarray], spacing: np.ndarray) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Prepare the sums of products of images with references, at all shifts of up to 28 mm along each axis.

    The function that is returned gives for each reference an array with the sum for every shift of an image, that
    without a shift in the array's middle. What is shifted in is 0.
    """
    reach = np.maximum(1, np.round(REACH_MM / np.asarray(spacing))).astype(int)
    shape = [fft.next_fast_len(n + int(r), real=True) for n, r in zip(references[0].shape, reach, strict=True)]
    shifts = np.ix_(*(np.arange(-r, r + 1) for r in reach))
    transforms = [fft.rfftn(reference, shape) for reference in references]

    def products(image: np.ndarray) -> list[np.ndarray]:
        mirrored = np.conj(fft.rfftn(image, shape))
        return [fft.irfftn(transform * mirrored, shape)[shifts] for transform in transforms]

    return products


def peak(fit: np.ndarray, spacing: np.ndarray) -> tuple[float, ...]:
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
            own, typical = (_normed(sample.coarse(each)) for each in (outline, sample.brain))
            moves[modality] = best_move(own, typical, sample.coarse_spacing)._replace(before=overlap)
    return moves


def _normed(image):
    return image / np.sqrt(float(np.vdot(image, image)))


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
            clear = fit >= CLEAR_EDGES
            moves[modality] = Move(fit, fit) if clear else best_move(own, others / norm, sample.coarse_spacing)
    return moves


def _edges(image, deep):
    """Strength of the gradient less its mean, of norm 1."""
    strength = np.sqrt(np.sum([step**2 for step in np.gradient(image)], axis=0))
    strength = np.where(deep, strength - strength[deep].mean(), 0).astype(np.float32)
    return strength / (np.linalg.norm(strength) or 1)


def posture(sample: Sample) -> list[Remark]:
    """Say whether the brain is upside down, back to front or on exchanged axes.

    A brain is broader and higher behind than in front, and its underside is flat in front and deep behind: third
    moments of the outline, in units of its standard deviations along left (x), back (y) and up (z).
    """
    if sample.millilitres(sample.brain) < WHOLE_ML:
        return []
    shape = sample.coarse(sample.brain)
    weights = shape / shape.sum()
    axes = [grid * mm for grid, mm in zip(np.indices(shape.shape), sample.coarse_spacing, strict=True)]
    axes = [axis - (weights * axis).sum() for axis in axes]
    deviations = [float(np.sqrt((weights * axis**2).sum())) for axis in axes]
    x, y, z = (axis / deviation for axis, deviation in zip(axes, deviations, strict=True))
    upright = -float((weights * z * (4.1 * y + 3.4 * x**2 + 3.7 * y**2)).sum())
    forward = -float((weights * y**3).sum())
    words = ["is upside down"] * (upright < UPRIGHT) + ["faces backwards"] * (forward < FORWARD)
    longest = deviations.index(max(deviations))
    if longest != 1:
        words = ["is longest from " + ("left to right" if longest == 0 else "below to above")]
    found = f"by its outline the brain {' and '.join(words)} ({upright:.2f}, {forward:.2f})"
    return [remark("posture", sample.typical, found)] if words else []
