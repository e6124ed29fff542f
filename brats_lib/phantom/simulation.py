"""One simulated patient: the stages put together, nothing written to disk."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from threadpoolctl import threadpool_limits

from brats_lib.cases import MODALITIES
from brats_lib.phantom.anatomy import Head
from brats_lib.phantom.atlas import BOX, BOX_SHAPE, GRID
from brats_lib.phantom.contrast import draw_contrast
from brats_lib.phantom.distractors import draw_distractors, enhancing_structures, flair_spots, t1_margin, tumour_vessels
from brats_lib.phantom.noise import smooth_field
from brats_lib.phantom.population import Tumour, draw_tumour
from brats_lib.phantom.scanner import draw_protocol, scan
from brats_lib.phantom.streams import generators
from brats_lib.phantom.tumour import draw_growth, draw_infiltration, grow
from brats_lib.phantom.variety import PATIENTS, Variety

# How uneven healthy tissue is, as a share of its intensity.
MOTTLE = {"flair": 0.06, "t1": 0.035, "t1ce": 0.05, "t2": 0.07}

# Share of its contrast that swollen tissue keeps.
TRACE = np.float32(0.4)


@dataclass(frozen=True)
class Phantom:
    """One simulated patient: volumes by modality (int16) and mask (uint8), of shape (240, 240, 155), LPS, 1 mm.

    Volumes are 0 outside the brain, and the mask holds labels 0, 1, 2 and 4; the grade is "HGG" or "LGG", and
    parameters are everything that was drawn, as JSON can hold it.
    """

    volumes: dict[str, np.ndarray]
    mask: np.ndarray
    grade: str
    parameters: dict


def draw_case(seed: int, index: int, stream: str = "cohort") -> Tumour:
    """Draw a case's tumour, without any voxel: cheap enough for thousands."""
    return draw_tumour(generators(seed, index, stream)["tumour"])


def simulate(
    seed: int, index: int, variety: Variety = PATIENTS, stream: str = "cohort", tumour: Tumour | None = None
) -> Phantom:
    """Simulate one patient; the same arguments give the same arrays.

    Runs on one core: several cases at once go faster than one case on several cores, and the arithmetic, so the last
    bit, does not depend on how many cores there are.

    Seed and index are from 0 to 2**32 - 1. `variety` says what is drawn from wider ranges than the patients', the rest
    keeps its values, `stream` what the phantom is for, a key of `STREAMS`, and `tumour` what to simulate instead of the
    tumour that is drawn.
    """
    with threadpool_limits(limits=1):
        return _simulate(generators(seed, index, stream), variety, tumour)


def _simulate(rng, variety, tumour):
    tumour = tumour or draw_tumour(rng["tumour"], variety.tumours)
    head = Head(rng["head"], variety.heads)
    growth = draw_growth(rng["growth"], tumour, head, variety.foci)
    if variety.infiltration:
        growth.parameters["infiltration"] = draw_infiltration(rng["infiltration"])
    contrast = draw_contrast(rng["contrast"], tumour.grade, variety.contrast, variety.zones)
    amounts = draw_distractors(rng["distractors"])
    anatomy = head.draw(rng["anatomy"], push=growth.push)
    lesion = grow(rng["lesion"], growth, anatomy)
    gliosis, artefact = flair_spots(rng["distractors"], anatomy, amounts)
    margin = t1_margin(rng["distractors"], anatomy, amounts)
    enhancing = enhancing_structures(rng["distractors"], anatomy, amounts)
    if variety.vessels:
        enhancing[lesion.box] += tumour_vessels(rng["vessels"], lesion, amounts)
    added = {"flair": artefact, "t1": margin, "t1ce": margin + enhancing}
    fields = _texture(rng["texture"], lesion)
    fields["trace"] = TRACE * (1 - np.float32(growth.parameters["infiltration"]))
    if variety.zones:
        fields |= _zones(rng["texture"], lesion, contrast["patient"]["cystic"])
    # No tissue is uniform: fibres, vessels below the resolution, iron.
    mottle = 0.8 * smooth_field(rng["texture"], BOX_SHAPE, 11) + 0.6 * smooth_field(rng["texture"], BOX_SHAPE, 3.5)

    volumes, protocols = {}, {}
    for modality in MODALITIES:
        values = contrast[modality]
        protocols[modality] = draw_protocol(rng["scan"], modality, variety.scanners)
        image = _ideal(modality, values, anatomy, gliosis, mottle)
        _paint(image[lesion.box], values, lesion, fields)
        image += added.get(modality, 0)
        volumes[modality] = _in_grid(scan(rng["scan"], image, anatomy.brain, protocols[modality]))
    return Phantom(
        volumes=volumes,
        mask=_in_grid(lesion.mask),
        grade=tumour.grade,
        parameters={
            "tumour": tumour.parameters(),
            "growth": growth.parameters,
            "head": head.parameters,
            "contrast": contrast,
            "distractors": amounts,
            "scanner": protocols,
        },
    )


def _ideal(modality, values, anatomy, gliosis, mottle):
    """Intensity of the head without its tumour, relative to white matter; fluid around it."""
    # Deep nuclei and folia: on T1 as the template shows them, on T2 and FLAIR the reverse (iron darkens both).
    detail, sign = (0.6, 1) if modality.startswith("t1") else (-0.9, -1)
    image = anatomy.white + values["grey"] * anatomy.grey + values["fluid"] * anatomy.fluid + detail * anatomy.detail
    image *= 1 + sign * MOTTLE[modality] * mottle
    # Voxels at the surface hold some of the dark bone beside them.
    image *= 1 - 0.35 * np.exp(-np.clip(anatomy.depth, 0, None) / 2.0)
    image[~anatomy.brain] = 0.3
    # Old white-matter lesions are water: between edema and normal tissue in every modality.
    image += 0.8 * (values["edema"] - 1) * gliosis
    return image


def _texture(rng, lesion):
    """Fields that make the lesion uneven; the modalities share them, as they share the lesion."""
    shape = lesion.edema.shape
    return {
        "coarse": smooth_field(rng, shape, 10),
        "fine": smooth_field(rng, shape, 4),
        "blobs": smooth_field(rng, shape, 7),
        "grain": smooth_field(rng, shape, 2.5),
        "beside": np.exp(-ndimage.distance_transform_edt(lesion.core < 0.5).astype(np.float32) / rng.uniform(5, 18)),
    }


def _zones(rng, lesion, cystic):
    """Fields that divide a lesion: how full of water its edema is, and where its core is cyst (both 0-1)."""
    shape = lesion.edema.shape
    faint = rng.uniform(0, 0.75)
    full = 1 - faint * np.clip(0.5 + 0.8 * smooth_field(rng, shape, 26), 0, 1)
    level = 2.2 - 4 * cystic
    cyst = 1 / (1 + np.exp(np.clip(-4 * (smooth_field(rng, shape, 15) - level), -20, 20)))
    return {"full": full, "cyst": cyst}


def _paint(image, values, lesion, fields):
    """Put the lesion into an image of its box, in place."""
    texture, edema = values["texture"], np.float32(values["edema"])
    uneven = 0.8 * fields["coarse"] + 0.5 * fields["fine"]
    if "full" in fields:
        edema = 1 + (edema - 1) * fields["full"]
    edema = edema + values["halo"] * fields["beside"]
    swollen = edema + fields["trace"] * (image - 1) + texture * np.abs(edema - 1) * 1.2 * uneven
    image += lesion.edema * (swollen - image)
    core = values["core"] * (1 + texture * (0.9 * fields["blobs"] + 0.7 * fields["fine"] + 0.3 * fields["grain"]))
    if "cyst" in fields:
        core += fields["cyst"] * (values["cyst"] - core)
    image += lesion.core * (core - image)
    # The rim is labelled as a whole where a reader sees it fade, too.
    fading = np.exp(0.25 * fields["blobs"]) if values["enhancement"] > 1 else np.float32(1)
    bright = 1 + (values["enhancement"] - 1) * fading
    bright += values["unevenness"] * (0.7 * fields["fine"] + 0.5 * fields["grain"])
    image += lesion.enhancement * (bright - image)
    np.clip(image, 0.03, None, out=image)


def _in_grid(box):
    """Put an array of `BOX_SHAPE` into the grid, zeros around it."""
    volume = np.zeros(GRID, box.dtype)
    volume[BOX] = box
    return volume
