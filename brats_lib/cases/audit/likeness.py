"""Whether two cases show the same head, told from what survives scaling, noise, small shifts and another resolution."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from brats_lib.cases.audit.findings import Report
from brats_lib.cases.audit.sampling import COARSE_MM, SMALLEST_ML

# Images of the same head correlate by more, those of different heads by DIFFERENT at most; see `signature`.
ALIKE, DIFFERENT = 0.8, 0.58
# Modalities of one of 26 patients correlate by 0.83 at most, copies with a factor or an offset or in 8 bits by 0.995.
SAME = 0.98
# Around the centre of the brain.
GRID_MM, HALF_MM = 6.0, (72.0, 90.0, 72.0)


class Pair(NamedTuple):
    """Two cases that show the same head, or mirror images of it, the later one first."""

    case: str
    other: str
    likeness: dict[str, float]  # modality to the correlation of its two images, for those above `ALIKE`
    mirrored: bool


def signature(volume: np.ndarray, spacing: Sequence[float]) -> np.ndarray | None:
    """Reduce an image (LPS) to how bright each place is compared with its surroundings; None without half a brain.

    The image is averaged over 4 mm, its brain is moved to the middle, and what varies over more than about 8 mm is
    taken away: outline and tissues, which all heads share. Folds and tumours stay, which are each patient's own. The
    result has norm 1 (float16), so that the product of two is their correlation.

    Of one modality, 26 BraTS patients (2018 and 2021 sets) correlate by up to 0.58; copies shifted, rotated by
    3 degrees, standardised, resampled to 2 mm or given 5 % noise by 0.85 and more. Follow-up scans were not measured.
    """
    factors = [max(1, round(COARSE_MM / size)) for size in spacing]
    parts = [part for n, factor in zip(volume.shape, factors, strict=True) for part in (n // factor, factor)]
    whole = tuple(slice(0, n // factor * factor) for n, factor in zip(volume.shape, factors, strict=True))
    image = volume[whole].reshape(parts).mean((1, 3, 5), dtype=np.float32)
    coarse = np.multiply(factors, spacing)
    if min(image.shape) < 2:
        return None
    image -= np.median(np.concatenate([image[0].ravel(), image[-1].ravel()]))
    top = np.percentile(np.abs(image), 99.5)
    image = np.clip(image, -top, top)
    brain = ndimage.binary_fill_holes(np.abs(image) > 0.02 * top)
    if brain.sum() * np.prod(coarse) / 1000 < SMALLEST_ML:
        return None
    share = ndimage.gaussian_filter(brain.astype(np.float32), 2)
    around = ndimage.gaussian_filter(np.where(brain, image, 0), 2) / np.maximum(share, 1e-3)
    band = np.where(ndimage.binary_erosion(brain), ndimage.gaussian_filter(image, 0.5) - around, 0)
    # The centre of the outline, and not of the intensities, which one voxel can move.
    centre = ndimage.center_of_mass(brain)
    places = [np.arange(-h, h + 1, GRID_MM) / mm + c for h, mm, c in zip(HALF_MM, coarse, centre, strict=True)]
    content = ndimage.map_coordinates(band, np.meshgrid(*places, indexing="ij"), order=1)
    content -= content.mean()
    norm = np.linalg.norm(content)
    return (content / norm).astype(np.float16) if norm > 0 else None


def alike(reports: list[Report]) -> list[Pair]:
    """For each case that shows the head of an earlier one, the pair with that which it is most like."""
    pairs: dict[tuple[int, int, bool], Pair] = {}
    for modality in sorted({modality for report in reports for modality in report.signatures}):
        own = [number for number, report in enumerate(reports) if modality in report.signatures]
        signatures = np.stack([reports[number].signatures[modality] for number in own]).astype(np.float32)
        flat = signatures.reshape(len(own), -1)
        for place, number in enumerate(own[1:], 1):
            for mirrored, image in ((False, signatures[place]), (True, signatures[place, ::-1])):
                likeness = flat[:place] @ image.ravel()
                for other in np.flatnonzero(likeness > ALIKE):
                    names = reports[number].case, reports[own[other]].case
                    pair = pairs.setdefault((number, own[other], mirrored), Pair(*names, {}, mirrored))
                    pair.likeness[modality] = float(min(likeness[other], 1))
    best: dict[int, Pair] = {}
    for (number, *_), pair in pairs.items():
        # Most modalities speak for it, and then the highest correlation.
        best[number] = max(best.get(number, pair), pair, key=lambda p: (len(p.likeness), max(p.likeness.values())))
    return [best[number] for number in sorted(best)]


def copies(volumes: dict[str, np.ndarray]) -> Iterator[tuple[str, str]]:
    """Pairs of modalities of one case that have the same content, whatever factor and offset one of them was given."""
    sampled = {modality: np.asarray(volume[::3, ::3, ::3], np.float64) for modality, volume in volumes.items()}
    inside = np.logical_or.reduce([sample != 0 for sample in sampled.values()])
    if inside.sum() < 2:
        return
    # One voxel far from the others would decide on a correlation.
    values = {m: np.clip(s[inside], *np.percentile(s[inside], (0.5, 99.5))) for m, s in sampled.items()}
    varied = [modality for modality in values if values[modality].std()]
    for one, other in combinations(varied, 2):
        if abs(np.corrcoef(values[one], values[other])[0, 1]) > SAME:
            yield one, other
