"""Whether each image shows the contrast that its name promises.

Fluid is dark on FLAIR and T1 and bright on T2, and T1ce is T1 plus what takes up contrast agent. Each such sign is a
number that is positive where images are what their names say. Where signs are negative, two names are exchanged or one
image is inverted in thought, and what makes most signs positive is reported.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from brats_lib.cases.audit.findings import Remark, remark
from brats_lib.cases.audit.sampling import Sample

MOST_VOXELS = 20_000
NAMES = {"flair": "FLAIR", "t1": "T1", "t1ce": "T1ce", "t2": "T2"}
# By how much the sum of signs must grow; see `signs`.
LEAST_GAIN = 1.3
# About the smallest value of each sign, at which it counts as 1, and what it is.
SIGNS = {
    "t1-t1ce": (0.3, "the rank correlation of T1 and T1ce"),
    "t1 over flair": (0.4, "how much more T1ce is like T1 than like FLAIR"),
    "t1 over t2": (0.5, "how much more T1 is like T1ce than like T2"),
    "flair or t1ce": (0.5, "how much more FLAIR is like T2, and T1ce like T1, than the other way round"),
    "flair or t2": (0.7, "how much brighter fluid is on T2 than on FLAIR"),
    "enhancement": (0.3, "how much more of T1ce is brighter than on T1 than darker"),
    "vessels": (0.3, "how much finer what is bright on T1ce is than what is dark"),
    "vessels over flair": (0.25, "how much finer what is bright on T1ce is than what is bright on FLAIR"),
    "fluid": (0.3, "how dark FLAIR is where T1ce is darkest"),
}


class Contrast(NamedTuple):
    """What of one image tells its contrast, at voxels that are the same for all images of a case."""

    rank: np.ndarray  # place of each voxel's intensity among all, -1 to 1
    value: np.ndarray  # intensities less their median, as multiples of the interquartile range
    fine: np.ndarray  # intensities less those around them, of more voxels


def contrasts_of(sample: Sample) -> dict[str, Contrast]:
    """Take from each image of a sample what tells its contrast."""
    core, below, inside = sample.core, sample.deeper(4.0), sample.inside
    every = max(1, np.count_nonzero(core) // MOST_VOXELS)
    share = np.maximum(ndimage.uniform_filter(inside.astype(np.float32), 3), 0.01)
    contrasts = {}
    for modality, image in sample.images.items():
        values = image[core][::every]
        low, median, high = np.percentile(values, (25, 50, 75))
        rank = np.empty(values.size)
        rank[np.argsort(values, kind="stable")] = np.linspace(-1, 1, values.size)
        fine = (image - ndimage.uniform_filter(image * inside, 3) / share)[below][::every]
        contrasts[modality] = Contrast(rank, (values - median) / max(high - low, 1e-6), fine)
    return contrasts


def signs(of: dict[str, Contrast]) -> dict[str, float]:
    """Numbers that are positive where every image is what its name says; signs of missing images are left out.

    Notes
    -----
    Ranges on 26 patients (2018 and 2021 sets) and, after the semicolon, on 30 phantoms::

        t1-t1ce             0.31 to 0.85; 0.41 to 0.80        enhancement         0.40 to 2.18; 0.25 to 1.83
        t1 over flair       0.42 to 1.14; 0.51 to 1.22        vessels             0.20 to 0.80; 0.28 to 1.27
        t1 over t2          0.52 to 1.60; 0.76 to 1.56        vessels over flair  0.10 to 1.04; 0.48 to 1.57
        flair or t1ce       0.76 to 2.22; 0.54 to 2.28        fluid              -0.01 to 1.23; 0.21 to 1.26
        flair or t2         1.15 to 3.07; 1.26 to 3.34

    No exchange of names and no inversion raises the sum of `misnamed` by more than 0.8 with four images and by 1.0 with
    FLAIR and T1ce alone; where two of four names are exchanged, undoing it raises it by 1.6 or more in all 56 heads.
    """

    def alike(one: str, other: str) -> float:
        return float(np.corrcoef(of[one].rank, of[other].rank)[0, 1])

    def tail(values: np.ndarray, share: float = 1.0) -> float:
        low, middle, high = np.percentile(values, (share, 50, 100 - share))
        return float(np.log(max(high - middle, 1e-6) / max(middle - low, 1e-6)))

    found = {}
    if {"flair", "t1ce"} <= set(of):
        found["vessels"] = tail(of["t1ce"].fine, 0.1)
        found["vessels over flair"] = tail(of["t1ce"].fine, 0.1) - tail(of["flair"].fine, 0.1)
        t1 = of.get("t1", of["t1ce"])
        dark = t1.rank + of["t1ce"].rank
        fluid = dark <= np.percentile(dark, 3)
        # In low-grade gliomas with cysts the darkest of T1ce is brighter on FLAIR than half of the brain.
        found["fluid"] = 0.3 - float(of["flair"].rank[fluid].mean())
    if {"flair", "t1", "t1ce"} <= set(of):
        t1ce_t1, t1ce_flair, flair_t1 = alike("t1", "t1ce"), alike("flair", "t1ce"), alike("flair", "t1")
        found["t1-t1ce"] = t1ce_t1
        found["t1 over flair"] = t1ce_t1 - t1ce_flair
        found["enhancement"] = tail(of["t1ce"].value - of["t1"].value) + flair_t1 - t1ce_flair
    if len(of) == 4:
        found["t1 over t2"] = t1ce_t1 - alike("t1", "t2")
        found["flair or t1ce"] = t1ce_t1 - flair_t1 + alike("flair", "t2") - alike("t1ce", "t2")
        tails = np.percentile(of["t2"].value, 1) - np.percentile(of["flair"].value, 1)
        found["flair or t2"] = float((of["t2"].rank - of["flair"].rank)[fluid].mean() + tails / 2)
    return found


def misnamed(sample: Sample) -> list[Remark]:
    """Say where an image looks like another modality, or inverted: what makes most signs positive."""
    of = contrasts_of(sample)
    now = signs(of)
    if len(now) - _strength(now) < LEAST_GAIN:
        return []
    others: dict[tuple[str, ...], dict[str, float]] = {}
    for one, other in combinations(of, 2):
        others[one, other] = signs(of | {one: of[other], other: of[one]})
    for one, contrast in of.items():
        others[(one,)] = signs(of | {one: Contrast(*(-each for each in contrast))})
    best = max(others, key=lambda change: _strength(others[change]))
    then = others[best]
    if _strength(then) - _strength(now) < LEAST_GAIN:
        return []
    sign = max(now, key=lambda name: _strength({name: then[name]}) - _strength({name: now[name]}))
    evidence = f"{SIGNS[sign][1]} is {now[sign]:+.2f}, and would be {then[sign]:+.2f}"
    names = [NAMES[modality] for modality in best]
    if len(names) == 1:
        found = f"{names[0]} looks inverted, or is another modality: {evidence} with dark and bright exchanged"
        return [remark("contrast", best[0], found, expected=f"the contrast of {names[0]}")]
    one, other = names
    found = f"{one} looks like {other} and {other} like {one}: {evidence} if they changed names"
    return [remark("contrast", best[0], found, advice=f"Check whether the files of {one} and {other} are exchanged")]


def _strength(numbers: dict[str, float]) -> float:
    return sum(float(np.clip(number / SIGNS[name][0], -1, 1)) for name, number in numbers.items())
