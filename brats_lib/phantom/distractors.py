"""What looks like a tumour and is none: vessels, sinuses and choroid plexus, bright margins, old white-matter spots.

A network that has only seen bright tumours on bland brains calls every bright thing a tumour; real T1ce volumes are
full of enhancing vessels and dura, real FLAIR volumes of bright cortex edges and periventricular caps.
"""

import numpy as np
from numpy.random import Generator

from brats_lib.labels import ET
from brats_lib.phantom.anatomy import Anatomy, fill
from brats_lib.phantom.atlas import BOX_SHAPE
from brats_lib.phantom.noise import sheets, smooth_field
from brats_lib.phantom.tumour import Lesion

# Vessels are told from enhancing tumour where less of the core than this enhances; elsewhere readers take both for it.
HARDLY_ENHANCING = 0.15


def draw_distractors(rng: Generator) -> dict[str, float]:
    """Draw how conspicuous the distractors of a patient are."""
    return {
        "vessels": round(float(rng.uniform(1.0, 4.5)), 2),
        "sinus": round(float(rng.uniform(1.0, 4.5)), 2),
        "dura": round(float(rng.uniform(0.4, 3.6)), 2),
        "choroid": round(float(rng.uniform(0.2, 2.0)), 2),
        "white_matter_spots": round(float(rng.beta(1.2, 2.5)), 3),
        "caps": round(float(rng.uniform(0.05, 0.55)), 2),
        "flair_margin": round(float(rng.beta(1, 3)), 3),
        "t1_margin": round(float(rng.beta(1, 2)), 3),
        "flair_flow": round(float(rng.beta(1, 3)), 3),
    }


def _bell(*offsets):
    """1 where all offsets are 0, falling like a Gaussian; offsets in standard deviations."""
    return np.exp(-0.5 * sum(offset**2 for offset in offsets))


def _fields(rng, anatomy):
    """Smooth random fields of a given spacing, at the voxels of the brain."""
    return lambda spacing: smooth_field(rng, BOX_SHAPE, spacing)[anatomy.brain]


def enhancing_structures(rng: Generator, anatomy: Anatomy, amounts: dict[str, float]) -> np.ndarray:
    """What takes up contrast agent besides the tumour, to be added to T1ce."""
    brain, field = anatomy.brain, _fields(rng, anatomy)
    x, y, z = (m[brain] for m in anatomy.mni)
    fluid, depth, ventricle = (getattr(anatomy, n)[brain] for n in ("fluid", "depth", "ventricle"))
    # Two families of sheets meet in curves: a net of vessels, kept where there is fluid around the brain.
    tubes = sheets(field(10), 0.17) * sheets(field(7), 0.22)
    vessels = tubes * np.clip(2.2 * fluid, 0, 1) * (1 - ventricle)
    veins = sheets(field(13), 0.06) * sheets(field(10), 0.08) * 0.35
    outer = _bell(np.clip(depth, 0, None) / 2.2)
    sagittal = outer * _bell(x / 2.2) * (z > -5)
    falx = 0.35 * _bell(x / 0.9) * np.clip(fluid * 1.5, 0, 1) * (z > 15) * (depth < 40)
    straight = _bell(x / 2.5, (z - 2 - 0.25 * (60 - y)) / 3) * (y > 45) * (y < 85)
    transverse = outer * _bell((z + 14) / 3.5) * (y > 40)
    cavernous = _bell((np.abs(x) - 8) / 5, (y + 8) / 8, (z + 26) / 5)
    dura = outer * np.clip(0.8 * field(9) + 0.6 * field(5) - 0.5, 0, 1.5)
    plexus = ventricle * np.clip(field(4) + 0.2, 0, 1.2)
    plexus *= _bell((np.abs(x) - 24) / 9, (y - 40) / 9, (z - 8) / 9) + 0.15
    spread = np.clip(1 + 0.4 * field(20), 0.2, 2)
    total = spread * (
        amounts["vessels"] * vessels
        + 0.5 * amounts["vessels"] * veins * (1 - fluid)
        + amounts["sinus"] * (sagittal + 0.8 * straight + transverse + falx + 0.7 * cavernous)
        + amounts["dura"] * dura
        + amounts["choroid"] * plexus
    )
    return fill(brain, np.clip(total, 0, 5))


def tumour_vessels(rng: Generator, lesion: Lesion, amounts: dict[str, float]) -> np.ndarray:
    """Vessels that run through a tumour which hardly enhances, to be added to T1ce in the lesion's box; else zeros."""
    labels, shape = lesion.mask[lesion.box], lesion.edema.shape
    if (labels == ET).sum() > HARDLY_ENHANCING * (lesion.core > 0.5).sum():
        return np.zeros(shape, np.float32)
    tubes = sheets(smooth_field(rng, shape, 10), 0.17) * sheets(smooth_field(rng, shape, 7), 0.22)
    finer = sheets(smooth_field(rng, shape, 6), 0.2) * sheets(smooth_field(rng, shape, 5), 0.25)
    strength = amounts["vessels"] * rng.uniform(0.2, 1.0)
    patchy = np.clip(0.5 + smooth_field(rng, shape, 15), 0, 1.5)
    return strength * patchy * lesion.core * np.clip(tubes + 0.5 * finer, 0, 1)


def flair_spots(rng: Generator, anatomy: Anatomy, amounts: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """What is bright on FLAIR besides the tumour: gliosis and artefacts.

    The first, white-matter spots and caps of the ventricles, is a share of water, 0-1, that T2 shows too. The second,
    bright margins and flow in the ventricles, is added to FLAIR alone.
    """
    brain, field = anatomy.brain, _fields(rng, anatomy)
    white, fluid, ventricle, depth = (getattr(anatomy, n)[brain] for n in ("white", "fluid", "ventricle", "depth"))
    level = 3.1 - 1.3 * amounts["white_matter_spots"]
    spots = np.clip(1.5 * (0.75 * field(5) + 0.65 * field(12) - level), 0, 1) * white
    x, y, z = (m[brain] for m in anatomy.mni)
    # Caps around the frontal and occipital horns.
    horns = _bell((np.abs(x) - 20) / 8, (z - 12) / 9) * (_bell((y + 32) / 7) + _bell((y - 60) / 9))
    caps = amounts["caps"] * horns * white * np.clip(1 + 0.5 * field(7), 0, 2)
    margin = amounts["flair_margin"] * np.exp(-np.clip(depth, 0, None) / 1.5) * np.clip(field(10) - 0.3, 0, 2)
    flow = amounts["flair_flow"] * (ventricle + 0.4 * fluid) * np.clip(field(12) - 0.6, 0, 1.5)
    return fill(brain, np.clip(spots + caps, 0, 1)), fill(brain, margin + 0.7 * flow)


def t1_margin(rng: Generator, anatomy: Anatomy, amounts: dict[str, float]) -> np.ndarray:
    """Marrow and fat that skull stripping left at the brain's edge, to be added to T1 and T1ce."""
    patches = np.clip(smooth_field(rng, BOX_SHAPE, (14, 14, 10)) - 0.5, 0, 1.5)
    edge = _bell(np.clip(anatomy.depth, 0, None) / 1.8)
    return 1.5 * amounts["t1_margin"] * patches * edge * anatomy.brain
