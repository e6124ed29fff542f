"""A head of balls, painted on grids of every kind, and a stand-in for the network that reads it."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np

from brats_lib.cli import main
from brats_lib.labels import ED, ET, NCR
from brats_lib.prediction import networks, weights
from brats_lib.recipes import NATIVE, DecisionRule

RECIPE = replace(NATIVE, planes=("axial",), clip=(-4.0, 10.0))
# ET from one half, so that borders that were interpolated lie where they were painted.
RULE = DecisionRule(et_above=0.5)
# A brain of 55 mm radius, and a tumour of three balls in it, off its centre; LPS mm, FLAIR of each.
BRAIN, TUMOUR, RADII, GREY = 55.0, np.array([12.0, -8.0, 9.0]), (22.0, 15.0, 9.0), (200, 500, 1000, 1500)
LPS = np.diag([-1.0, -1, 1, 1])


def turn(degrees):
    angle = np.deg2rad(degrees)
    rotation = np.eye(4)
    rotation[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return rotation


def centred(affine, shape):
    """The affine with its grid's centre at the origin of space."""
    affine = np.array(affine, float)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


# Affine of the stored axes in NIfTI's RAS millimetres, and shape.
GRIDS = {
    "1 mm LPS": (LPS, (120, 120, 116)),
    "1 mm RAS": (np.eye(4), (120, 124, 116)),
    "axes permuted": (np.array([[0, 0, 1.0, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]), (118, 114, 120)),
    "anisotropic": (np.diag([0.9, -0.9, 2.5, 1]), (130, 128, 48)),
    "oblique": (turn(14) @ np.diag([-1.0, -1.0, 1.2, 1]), (128, 126, 100)),
    "cropped": (LPS, (90, 96, 60)),
}
UNTOUCHED = ("1 mm LPS", "1 mm RAS", "axes permuted", "cropped")


def paint(name):
    """FLAIR on a grid, and the labels that are true there."""
    affine, shape = GRIDS[name]
    affine = centred(affine, shape)
    ras = nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    place = ras * [-1, -1, 1]
    flair, truth = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    flair[np.linalg.norm(place, axis=-1) < BRAIN] = GREY[0]
    for radius, grey, label in zip(RADII, GREY[1:], (ED, NCR, ET), strict=True):
        inside = np.linalg.norm(place - TUMOUR, axis=-1) < radius
        flair[inside], truth[inside] = grey, label
    return affine, flair, truth


def ramp(flair):
    """A T1ce of the same head, so that it is no copy of the FLAIR: brighter from front to back."""
    return np.where(flair != 0, np.linspace(100, 400, flair.shape[1])[:, None], 0).astype(np.float32)


class Reader:
    """Stands for a network: a region where FLAIR of the middle slice exceeds a level between two painted greys."""

    def __init__(self):
        self.slices_of_brain, self.batches = 0, set()
        volume = 4 / 3 * np.pi * np.array([BRAIN, *RADII]) ** 3
        shares = (volume - np.append(volume[1:], 0)) / volume[0]
        mean = shares @ GREY
        deviation = np.sqrt(shares @ (np.array(GREY) - mean) ** 2)
        self.levels = [((low + high) / 2 - mean) / deviation for low, high in zip(GREY[:-1], GREY[1:], strict=True)]

    def predict_on_batch(self, images):
        self.batches.add(images.shape)
        flair = images[..., RECIPE.neighbours * len(RECIPE.modalities)]
        self.slices_of_brain += int((flair != 0).any(axis=(1, 2)).sum())
        return np.stack([(flair > level).astype(np.float32) for level in self.levels], axis=-1)


def make_reader():
    """A network as `open_network` gives them, with the reader in its place."""
    return networks.OpenedNetwork(Reader(), RECIPE, RULE, card=weights.read_card())


def run_loose(files, out, *options):
    return main(["predict", *(f"--{m}={path}" for m, path in files.items()), "--out", str(out), *options])


def record_of(out, name):
    return json.loads((out / f"{name}.json").read_text())
