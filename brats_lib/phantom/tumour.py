"""Where the tumour is: mass effect, whole tumour, core and enhancement, each to the voxel of the drawn volume.

Every region is a threshold on a score: distance from the centre in a stretched space, plus smooth noise, plus what the
tissue favours. Vasogenic edema follows white matter, spares the cortex, does not enter fluid and crosses to the other
hemisphere only through the corpus callosum (which is why it looks like fingers); the core is rounder; enhancement is
a rim of the core whose thickness varies, or patches in it. The threshold is the score's order statistic, so volumes are
exact while shapes stay free.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from brats_lib.labels import ED, ET, NCR
from brats_lib.phantom.anatomy import Anatomy, Head
from brats_lib.phantom.atlas import BOX, BOX_SHAPE
from brats_lib.phantom.noise import smooth_field
from brats_lib.phantom.population import Tumour

# Pieces of the whole tumour smaller than this are dropped, as nobody delineates them.
SMALLEST_PIECE = 60
# An unbroken rim covers the core at least this deep, in mm; the score's lift per mm outranks all noise.
SHELL_MM, OUTERMOST = 2.0, 20.0
# A rise ends so many of its edges on either side.
STEEPEST = 20


@dataclass(frozen=True)
class Growth:
    """How a drawn tumour grows in one head, around a point in voxels of the grid."""

    tumour: Tumour
    centre: np.ndarray
    parameters: dict

    def push(self, axes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Mass effect: outward displacement (mm) of the tissue at voxel coordinates, largest at the core's surface."""
        radius, amplitude = self.parameters["mass_radius_mm"], self.parameters["mass_effect_mm"]
        offsets = [(a - c).astype(np.float32) for a, c in zip(axes, self.centre, strict=True)]
        distance = np.sqrt(sum(o * o for o in offsets)) + np.float32(1e-3)
        q = distance / radius
        size = 2 * amplitude * q / (1 + q * q) * np.exp(-np.maximum(distance - radius, 0) / 50)
        size /= distance
        return [o * size for o in offsets]


@dataclass(frozen=True)
class Lesion:
    """The tumour's voxels, and soft memberships for intensities that fade where the labels have an edge."""

    mask: np.ndarray  # labels 0, 1, 2, 4 (uint8), of shape `BOX_SHAPE`
    box: tuple[slice, ...]  # the part of `BOX_SHAPE` that the tumour and its surroundings lie in
    # Float32 of that part's shape, 0-1; edema is that of the whole tumour.
    edema: np.ndarray
    core: np.ndarray
    enhancement: np.ndarray


def _radius(millilitres):
    """Radius in mm of a ball of that volume."""
    return (3 * 1000 * millilitres / (4 * np.pi)) ** (1 / 3)


def draw_growth(rng: Generator, tumour: Tumour, head: Head, foci: bool = False) -> Growth:
    """Choose the tumour's place in a head and how it grows there, with a wider choice of second foci or not."""
    wanted_depth = min(14.0, 4 + 0.45 * _radius(tumour.whole_ml))
    inside = (np.array(c) for c in tumour.centres if head.lies_in_tissue(np.array(c), wanted_depth))
    # Sixty draws around the patients' mean position all missing the brain does not happen; the middle of a
    # hemisphere is where the search would end up.
    centre = next(inside, np.array((92.0, 125.0, 85.0)))
    core_radius = _radius(tumour.core_ml + 0.25 * (tumour.whole_ml - tumour.core_ml))
    low_grade = tumour.grade == "LGG"
    pattern = rng.choice(["rim", "broken rim", "patches"], p=[0.3, 0.4, 0.3] if low_grade else [0.85, 0.12, 0.03])
    if tumour.enhancing_ml < 0.15 * tumour.core_ml:
        # Too little for a rim.
        pattern = "patches"
    second = bool(rng.random() < (0.4 if foci else 0.1) and tumour.whole_ml > (12 if foci else 30))
    parameters = {
        "centre": [round(float(c), 1) for c in centre],
        "mass_radius_mm": round(core_radius, 2),
        "mass_effect_mm": round(min(12.0, core_radius * rng.uniform(0.08, 0.5) * (0.6 if low_grade else 1)), 2),
        "enhancement": str(pattern),
        "white_matter_pull_mm": round(rng.uniform(3, 8) if low_grade else rng.uniform(6, 15), 2),
        "roughness": [round(rng.uniform(0.10, 0.30), 3), round(rng.uniform(0.05, 0.15), 3)],
        "core_roughness": round(rng.uniform(0.05, 0.20), 3),
        # Readers draw the outline where the signal begins to rise: it is half way up only a margin further inside.
        "edge_mm": round(rng.uniform(0.8, 2.8), 2),
        "margin_mm": round(rng.uniform(0.6, 2.4), 2),
        "rim_edge_mm": round(rng.uniform(0.3, 0.6), 2),
        "rim_margin_mm": round(rng.uniform(0.3, 1.0), 2),
        "satellite": None,
        "infiltration": 0.0,
    }
    if second:
        towards = rng.standard_normal(3) * (0.6, 1.0, 0.7)
        reach = _radius(tumour.whole_ml) * rng.uniform(0.9, 2.2 if foci else 1.4)
        place = centre + towards / np.linalg.norm(towards) * reach
        if head.lies_in_tissue(place, 8):
            parameters["satellite"] = [round(float(c), 1) for c in place]
    return Growth(tumour, centre, parameters)


def draw_infiltration(rng: Generator) -> float:
    """How far a tumour grows into grey matter as into white: 0 (not at all) in every other one, else 0.4 to 1."""
    return round(float(rng.uniform(0.4, 1.0)), 3) if rng.random() < 0.5 else 0.0


def grow(rng: Generator, growth: Growth, anatomy: Anatomy) -> Lesion:
    """Label the tumour's voxels, and close the sulci that its core has filled (in place, in `anatomy`)."""
    tumour, parameters = growth.tumour, growth.parameters
    radius, core_radius = _radius(tumour.whole_ml), _radius(tumour.core_ml)
    box = _surroundings(growth.centre, 2.1 * radius * np.array(tumour.stretch) + 18)
    shape = tuple(s.stop - s.start for s in box)
    white, grey, fluid, brain = (getattr(anatomy, n)[box] for n in ("white", "grey", "fluid", "brain"))
    axes = np.ogrid[tuple(slice(float(s.start), float(s.stop)) for s in box)]

    def distance(centre, stretch=(1, 1, 1)):
        squares = (((a - c) / s) ** 2 for a, c, s in zip(axes, centre, stretch, strict=True))
        return np.sqrt(sum(squares)).astype(np.float32)

    def noise(*terms):
        return sum(amplitude * smooth_field(rng, shape, spacing) for amplitude, spacing in terms)

    centre = _in_box(growth.centre)
    reach = distance(centre, tumour.stretch)
    # The core sits anywhere in the whole tumour, not in its middle. It leaves no sulcus open where it grows.
    middle = centre + rng.normal(0, 1, 3) * 0.18 * max(radius - core_radius, 0)
    _close_sulci(anatomy, box, distance(middle), 1.15 * core_radius)
    infiltration = parameters["infiltration"]
    if infiltration:
        # Swollen gyri press upon each other over most of the tumour.
        _close_sulci(anatomy, box, reach, 0.9 * infiltration * radius)
    score = -reach
    if parameters["satellite"]:
        score = np.maximum(score, -distance(_in_box(parameters["satellite"])) - 0.45 * radius)
    rough, fine = parameters["roughness"]
    score += radius * noise((rough, 17), (fine, 8))
    score += smooth_field(rng, shape, 4)
    pull = parameters["white_matter_pull_mm"] * (1 - infiltration)
    score += pull * (white - 0.5 * grey) - 14 * fluid - _barriers(growth, anatomy, box, white)
    allowed = brain & (fluid < 0.5) & (anatomy.ventricle[box] < 0.25) & (anatomy.depth[box] > 1.5)
    whole, level = _threshold(score, allowed, round(1000 * tumour.whole_ml), SMALLEST_PIECE)

    core_score = -distance(middle, np.exp(rng.normal(0, 0.12, 3)))
    core_score += core_radius * noise((1.3 * parameters["core_roughness"], 13), (parameters["core_roughness"], 6))
    # It keeps off the edge of the edema, but for where it outgrows it.
    core_score += 0.35 * np.minimum(score - level, 12) + 1.5 * white
    core, _ = _threshold(core_score, whole, round(1000 * tumour.core_ml))
    enhancing, enhancement = _enhancement(rng, growth, core, shape)

    mask = np.zeros(BOX_SHAPE, np.uint8)
    mask[box] = np.select([enhancing, core, whole], [ET, NCR, ED], 0)
    edema = _rise(score - level - parameters["margin_mm"], parameters["edge_mm"])
    edema *= (1 - fluid) * brain
    return Lesion(mask, box, edema, ndimage.gaussian_filter(core.astype(np.float32), 0.6), enhancement)


def _in_box(point):
    """A point of the grid relative to `BOX`."""
    return np.array([c - b.start for c, b in zip(point, BOX, strict=True)])


def _surroundings(centre, half_size):
    """The part of `BOX_SHAPE` around a point of the grid."""
    return tuple(
        slice(int(np.clip(c - h, 0, n - 8)), int(np.clip(c + h + 1, 8, n)))
        for c, h, n in zip(_in_box(centre), half_size, BOX_SHAPE, strict=True)
    )


def _rise(inwards, edge):
    """From 0 well outside of an outline to 1 well inside, one half on it (both mm)."""
    return 1 / (1 + np.exp(-np.clip(inwards / edge, -STEEPEST, STEEPEST)))


def _close_sulci(anatomy, box, distance, radius):
    """Turn fluid outside the ventricles into tissue where the core is, in place."""
    filled = anatomy.fluid[box] * (1 - np.clip(2 * anatomy.ventricle[box], 0, 1))
    filled *= _rise(radius - distance, 1.5)
    anatomy.fluid[box] -= filled
    anatomy.grey[box] += 0.5 * filled
    anatomy.white[box] += 0.5 * filled


def _barriers(growth, anatomy, box, white):
    """Penalty in mm for crossing the falx (but for the corpus callosum) and the tentorium."""
    x, y, z = (m[box] for m in anatomy.mni)
    side = 1.0 if growth.centre[0] > 119.5 else -1.0
    penalty = 14 * _rise(-side * x, 1.5) * (1.2 - white)
    below = _rise(-(z + 14 + 0.12 * (y - 30)), 2) * (y > 22)
    at = tuple(int(np.clip(c, 0, n - 1)) for c, n in zip(_in_box(growth.centre), BOX_SHAPE, strict=True))
    _, y, z = (m[at] for m in anatomy.mni)
    starts_below = z + 14 + 0.12 * (y - 30) < 0 and y > 22
    return (penalty + 20 * (1 - below if starts_below else below)).astype(np.float32)


def _threshold(score, allowed, voxels, smallest_piece=0):
    """The `voxels` allowed voxels of highest score, without small pieces, and the score they begin at.

    Dropping small pieces loses volume, so the threshold is lowered until the rest reaches it.
    """
    values = np.sort(score[allowed])
    voxels = int(np.clip(voxels, 1, len(values)))
    wanted = voxels
    for _ in range(6):
        level = values[max(len(values) - wanted, 0)]
        region = allowed & (score >= level)
        if smallest_piece:
            labels, count = ndimage.label(region)
            if count > 1:
                small = np.bincount(labels.ravel()) < smallest_piece
                region &= ~small[labels]
        missing = voxels - int(region.sum())
        if missing <= 0.005 * voxels:
            break
        wanted = min(len(values), wanted + missing)
    return region, level


def _enhancement(rng, growth, core, shape):
    """The enhancing part of the core: labels and soft membership."""
    voxels = min(round(1000 * growth.tumour.enhancing_ml), int(core.sum()))
    if voxels < 1:
        return np.zeros(shape, bool), np.zeros(shape, np.float32)
    depth = np.zeros(shape, np.float32)
    near = _around(core, 1)
    depth[near] = ndimage.distance_transform_edt(core[near])
    blobs = 0.75 * smooth_field(rng, shape, 9) + 0.65 * smooth_field(rng, shape, 4.5)
    # Thickness varies along the rim: dividing the depth by a log-normal field makes it thick here and thin there.
    rim = -depth / np.exp(0.5 * smooth_field(rng, shape, 14) + 0.25 * smooth_field(rng, shape, 5))
    pattern = growth.parameters["enhancement"]
    score = blobs if pattern == "patches" else rim + 0.7 * blobs
    if pattern != "patches":
        # Necrosis lies inside the rim: from outside, tumour that takes up contrast agent is met first.
        shell = OUTERMOST * np.maximum(SHELL_MM + 1 - depth, 0)
        if pattern == "broken rim":
            shell *= smooth_field(rng, shape, 12) > -0.8
        score += shell
    enhancing, _ = _threshold(score, core, voxels)
    margin, edge = growth.parameters["rim_margin_mm"], growth.parameters["rim_edge_mm"]
    # Where the rise has reached its lower end, how far it is to the rim makes no difference.
    near = _around(enhancing, int(np.ceil(STEEPEST * edge)) + 1)
    inwards = np.full(shape, -np.inf, np.float32)
    distance = ndimage.distance_transform_edt(enhancing[near]) - ndimage.distance_transform_edt(~enhancing[near])
    inwards[near] = distance - 0.5 * np.sign(distance)
    return enhancing, _rise(inwards - margin, edge)


def _around(region, margin):
    """The smallest part of a volume that holds a region and `margin` voxels around it."""
    [box] = ndimage.find_objects(region.astype(np.uint8))
    return tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in box)
