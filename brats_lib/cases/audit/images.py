"""Whether the images of one case fit each other and show what they should; takes a fraction of a second."""

from collections.abc import Iterator, Sequence

import numpy as np

from brats_lib.cases.audit.alignment import edge_moves, outline_moves, posture
from brats_lib.cases.audit.contrasts import NAMES, misnamed
from brats_lib.cases.audit.findings import Remark, remark
from brats_lib.cases.audit.likeness import copies
from brats_lib.cases.audit.masks import look_at_mask
from brats_lib.cases.audit.sampling import SMALLEST_ML, Sample, background_of, take_sample
from brats_lib.cases.audit.skull import SHELL_RATIO, shell_ratio

# What 26 patients (BraTS 2018 and 2021) and 30 phantoms have stands beside each limit.
# Dice of two outlines: 0.997 or more, since a case's images share one mask of the brain; mirrored heads 0.88 to 0.96.
LEAST_OVERLAP, MOVED_OVERLAP = 0.97, 0.955
# Volume of the brain, 1170 to 1796 mL, above which a skull is looked for; and how different volumes are said.
SKULL_ML, OTHER_SIZE = 1700.0, 1.15
# Share of the commonest value of the brain's voxels, 0.03 at most; of the largest, below 0.0005.
ALL_SHARE, SAME_SHARE, SATURATED_SHARE = 0.99, 0.5, 0.003
# Share of zeros 12 mm or more below the surface, below 0.0005.
HOLES_MM, HOLES_SHARE = 12.0, 0.01
# Voxels, of an image and next to each other, without which nothing can be told.
FEWEST = 100
# Correlation of neighbours within the brain, 0.70 or more.
LEAST_SMOOTH = 0.4
# Jumps between neighbours of an image of 8 bits: 0.001 of them at most, if the patients' images are scaled to 8 bits.
JUMP, JUMP_SHARE = 170, 0.005
# Correlation of edges with those of the other images, 0.27 or more (0.16 where there are only two images), and its
# share of what any shift beyond 5 mm or turn reaches, 1 in all of them; see `_edges`.
FAR_MM, LEAST_EDGES, MOVED_EDGES, EDGES_SHARE = 5.0, 0.05, 0.15, 0.85
# Different values among at most 10,000 of the brain's; 8 bits have 256.
FEW_LEVELS = 30
# Distance from the brain's median, as a multiple of that of the 99th percentile; 26 patients reach 10.
FAR = 30.0


def look(
    volumes: dict[str, np.ndarray], spacing: tuple[float, float, float], labels: np.ndarray | None = None
) -> list[Remark]:
    """Look at the images of one case together, and at its mask; what follows from one cause is said once.

    Volumes (modality to intensities) and labels (0, 1, 2, 4) are on one grid in LPS axes, its spacing in mm. Two images
    or more say more than one.
    """
    remarks = list(_backgrounds(volumes))
    sample = take_sample(volumes, spacing)
    if sample is None:
        return remarks
    if sample.millilitres(sample.brain) >= SMALLEST_ML:
        remarks += [said for modality in volumes for said in _alone(sample, modality, volumes[modality], spacing)]
        remarks += _together(sample, volumes, {said.about for said in remarks})
    remarks += [*posture(sample), *_outliers(sample, volumes)]
    if labels is not None:
        problems = {said.problem for said in remarks}
        doubtful = {said.about for said in remarks if said.problem not in ("contrast", "outliers", "posture")}
        if doubtful < set(sample.images) and "missing-slices" not in problems:
            remarks += look_at_mask(sample.without(doubtful), labels, spacing, "contrast" not in problems)
    return remarks


def _backgrounds(volumes: dict[str, np.ndarray]) -> Iterator[Remark]:
    """Backgrounds that are not 0; what is negative is said elsewhere."""
    for modality, volume in volumes.items():
        background = background_of(volume)
        if background > 0:
            inverted = ", and nothing is brighter: it looks inverted" if background >= np.max(volume) else ""
            found = f"the background of {NAMES[modality]} is {background:.4g}{inverted}"
            yield remark("background", modality, found)


def _alone(sample: Sample, modality: str, volume: np.ndarray, spacing: Sequence[float]) -> list[Remark]:
    """What an image says about itself, one remark at most."""
    name = NAMES[modality]
    values = sample.images[modality][sample.outlines[modality]]
    # Neighbours along the axis of the thinnest voxels, on every third line.
    thin = int(np.argmin(spacing))
    lines = tuple(slice(None) if axis == thin else slice(None, None, 3) for axis in range(3))
    along = np.moveaxis(volume[lines], thin, 0)
    both = (along[1:] != 0) & (along[:-1] != 0)
    if values.size < FEWEST or np.count_nonzero(both) < FEWEST:
        found = f"{name} has hardly any signal"
        return [remark("constant", modality, found, expected="an image of the brain", severity="error")]
    one, other = along[1:][both].astype(np.float32), along[:-1][both].astype(np.float32)
    low, high = np.percentile(one, (1, 99))
    smooth = np.corrcoef(np.clip(one, low, high), np.clip(other, low, high))[0, 1] if high > low else 1.0
    jumps = np.mean(np.abs(one - other) > JUMP) if values.min() >= 0 and values.max() <= 255 else 0
    levels = np.unique(values[:: max(1, values.size // 10000)]).size
    # The commonest value, of every 16th voxel, and its share of all.
    numbers, counts = np.unique(values[::16], return_counts=True)
    value = numbers[counts.argmax()]
    share, top = np.mean(values == value), np.mean(values == values.max())
    if share > SAME_SHARE and share > top:
        return [remark("constant", modality, f"{100 * share:.0f} % of the brain's {name} voxels are {value:g}")]
    if share > ALL_SHARE:
        return [remark("constant", modality, f"the brain's {name} voxels are all {value:g}", severity="error")]
    if jumps > JUMP_SHARE:
        found = f"{100 * jumps:.1f} % of neighbours in {name} differ by more than {JUMP} where no value exceeds 255"
        return [remark("wrapped", modality, f"{found}: values were stored in 8 bits")]
    if levels < FEW_LEVELS:
        return [remark("few-levels", modality, f"{name} has few grey levels: it may have been stored in too few bits")]
    if top > SATURATED_SHARE:
        found = f"{100 * top:.1f} % of the brain's {name} voxels have the largest value, {values.max():g}"
        return [remark("cut-off", modality, f"{found}: what was brighter was cut off")]
    if smooth < LEAST_SMOOTH:
        return [remark("noise", modality, f"neighbours in {name} correlate by {smooth:.2f}: it is noise")]
    return []


def _outliers(sample: Sample, volumes: dict[str, np.ndarray]) -> Iterator[Remark]:
    """Voxels far from all others, of which one is enough to spoil a mean and a standard deviation."""
    for modality, volume in volumes.items():
        values = sample.images[modality][sample.outlines[modality]]
        if not values.size:
            continue
        middle, high = np.percentile(values, (50, 99)) + background_of(volume)
        apart = FAR * (high - middle)
        # Extremes are several times faster than a count.
        if apart > 0 and (volume.max() > middle + apart or volume.min() < middle - apart):
            far = int(np.count_nonzero((volume > middle + apart) | (volume < middle - apart)))
            found = (
                f"{far} voxel{'s' * (far != 1)} of {NAMES[modality]} lie{'s' * (far == 1)} far from all others, up to"
                f" {max(volume.max(), -volume.min()):.3g}, where 99 % of the brain are below {high:.3g}"
            )
            yield remark("outliers", modality, found)


def _together(sample: Sample, volumes: dict[str, np.ndarray], doubtful: set[str]) -> list[Remark]:
    """Whether outlines, edges and contrasts agree; each step goes on with the images that passed the one before."""
    millilitres = sample.millilitres(sample.brain)
    if millilitres > SKULL_ML and (ratio := shell_ratio(list(sample.images.values()), sample.spacing)) < SHELL_RATIO:
        found = f"{millilitres:.0f} mL are not 0, and a layer dark as bone ({ratio:.2f}) lies below the surface"
        return [remark("skull", sample.typical, found)]
    gaps = [said for said in _gaps(sample, volumes) if said.about not in doubtful]
    gapped = {said.about for said in gaps if said.problem == "missing-slices"} | doubtful
    outlines = [said for said in _outlines(sample) if said.about not in gapped]
    turned = {said.about for said in outlines}
    remarks = [said for said in gaps if said.about not in turned] + outlines
    sample = sample.without(doubtful | {said.about for said in remarks})
    copied = list(_copies(sample))
    sample = sample.without({said.about for said in copied})
    edges = _edges(sample) if len(sample.images) > 1 else []
    sample = sample.without({said.about for said in edges})
    contrast = misnamed(sample) if len(sample.images) > 1 and not copied else []
    return remarks + copied + edges + contrast


def _gaps(sample: Sample, volumes: dict[str, np.ndarray]) -> Iterator[Remark]:
    """Slices that are empty although the brain goes on, and other holes."""
    seen: set[str] = set()
    deep = sample.depth >= HOLES_MM
    for modality, outline in sample.outlines.items():
        volume, name = volumes[modality], NAMES[modality]
        gaps = []
        for axis, direction in enumerate(("sagittal", "coronal", "axial")):
            lines = tuple(slice(None) if other == axis else slice(None, None, 4) for other in range(3))
            used = np.flatnonzero((volume[lines] != background_of(volume)).any(tuple({0, 1, 2} - {axis})))
            empty = np.setdiff1d(np.arange(used[0], used[-1]), used) if used.size else used
            if empty.size:
                gaps.append(f"{empty.size} {direction} slices within the brain are empty, {empty[0]} to {empty[-1]}")
        hole = 1 - float(sample.coarse(outline)[deep].mean()) if deep.any() else 0
        if gaps and gaps[0] not in seen:
            yield remark("missing-slices", modality, f"{name}: {gaps[0]}")
        elif hole > HOLES_SHARE and not gaps:
            yield remark("holes", modality, f"{100 * hole:.0f} % of {name} are empty deep within the brain")
        seen.update(gaps)


def _outlines(sample: Sample) -> Iterator[Remark]:
    """Images whose outline is not that of the others, and what would bring it there."""
    millilitres = sample.millilitres(sample.brain)
    for modality, move in outline_moves(sample, LEAST_OVERLAP).items():
        own = sample.millilitres(sample.outlines[modality])
        found = f"the outline of {NAMES[modality]} overlaps by {move.before:.2f} with the others'"
        words = {"expected": f"the brain's outline in {NAMES[sample.typical]}"}
        if move.beyond(0) and move.after > max(MOVED_OVERLAP, move.before + 0.01):
            found += f", and by {move.after:.2f} once {move.words}"
            words["advice"] = "Turn or shift it back, or convert it again"
        elif not 1 / OTHER_SIZE < own / millilitres < OTHER_SIZE:
            found += f": it has {own:.0f} mL and they have {millilitres:.0f} mL"
            words["advice"] = "Check whether its skull was removed, and whether part of it is missing"
        yield remark("outline", modality, found, **words)


def _copies(sample: Sample) -> Iterator[Remark]:
    """Images that are another one of the case, times a factor and with an offset."""
    for one, other in copies(sample.images):
        values, others = (sample.images[modality][sample.core].astype(np.float64) for modality in (one, other))
        factor, offset = np.polyfit(others, values, 1)
        found = f"{NAMES[one]} is {NAMES[other]} times {factor:.2f}" + (f" {offset:+.3g}" if abs(offset) > 0.5 else "")
        yield remark("copied-image", one, found)


def _edges(sample: Sample) -> list[Remark]:
    """The image whose edges fit those of the others worst, where any fits badly: the others fit that one badly too."""
    worst = {
        modality: move
        for modality, move in edge_moves(sample).items()
        if move.before < LEAST_EDGES
        or (move.beyond(FAR_MM) and move.after > MOVED_EDGES and move.before < EDGES_SHARE * move.after)
    }
    if not worst:
        return []
    modality, move = min(worst.items(), key=lambda item: item[1].before / max(item[1].after, 1e-6))
    found = f"edges within {NAMES[modality]} correlate by {move.before:.2f} with the other images'"
    if move.after > MOVED_EDGES:
        found += f", and by {move.after:.2f} once {move.words}"
    return [remark("edges", modality, found)]
