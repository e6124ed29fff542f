"""Whether the images of one case fit each other and show what they should; takes a fraction of a second."""

import numpy as np

from brats_lib.cases.audit.alignment import edge_moves, outline_moves
from brats_lib.cases.audit.contrasts import NAMES, misnamed
from brats_lib.cases.audit.findings import Remark
from brats_lib.cases.audit.likeness import copies
from brats_lib.cases.audit.masks import look_at_mask
from brats_lib.cases.audit.posture import posture
from brats_lib.cases.audit.sampling import SMALLEST_ML, Sample, background_of, take_sample
from brats_lib.cases.audit.skull import SHELL_RATIO, shell_ratio

__all__ = ["look"]

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
    """Look at the images of one case together, and at its mask.

    Parameters
    ----------
    volumes : dict of str to array, shape (x, y, z)
        Modality to intensities, on one grid, axes LPS; two or more say more than one.
    spacing : (float, float, float)
        Voxel size in mm.
    labels : array of uint8, shape (x, y, z), optional
        Labels 0, 1, 2, 4.

    Returns
    -------
    list of Remark
        What follows from one cause is said once.
    """
    remarks = []
    for modality, volume in volumes.items():
        background = background_of(volume)
        # What is negative is said elsewhere.
        if background > 0:
            found = f"the background of {NAMES[modality]} is {background:.4g}"
            if background >= np.max(volume):
                found += ", and nothing is brighter: it looks inverted"
            remarks.append(Remark("background", modality, found, "0 outside the brain", "Set the background to 0"))
    sample = take_sample(volumes, spacing)
    if sample is None:
        return remarks
    if sample.millilitres >= SMALLEST_ML:
        remarks += _single(sample, volumes, spacing)
        remarks += _together(sample, volumes, {remark.about for remark in remarks})
    remarks += posture(sample) + _outliers(sample, volumes)
    if labels is not None:
        problems = {remark.problem for remark in remarks}
        doubtful = {remark.about for remark in remarks if remark.problem not in ("contrast", "outliers", "posture")}
        if doubtful < set(sample.images) and "missing-slices" not in problems:
            remarks += look_at_mask(sample.without(doubtful), labels, spacing, "contrast" not in problems)
    return remarks


def _single(sample: Sample, volumes: dict[str, np.ndarray], spacing: tuple[float, float, float]) -> list[Remark]:
    """What each image says about itself; one remark an image."""
    thin = int(np.argmin(spacing))
    lines = tuple(slice(None) if axis == thin else slice(None, None, 3) for axis in range(3))
    remarks = []
    for modality, image in sample.images.items():
        name = NAMES[modality]
        values = image[sample.outlines[modality]]
        along = np.moveaxis(volumes[modality][lines], thin, 0)
        both = (along[1:] != 0) & (along[:-1] != 0)
        if values.size < FEWEST or np.count_nonzero(both) < FEWEST:
            found, advice = f"{name} has hardly any signal", "Convert or download it again"
            remarks.append(Remark("constant", modality, found, "an image of the brain", advice, "error"))
            continue
        value, count = _commonest(values)
        one, other = along[1:][both].astype(np.float32), along[:-1][both].astype(np.float32)
        low, high = np.percentile(one, (1, 99))
        smooth = np.corrcoef(np.clip(one, low, high), np.clip(other, low, high))[0, 1] if high > low else 1.0
        jumps = np.mean(np.abs(one - other) > JUMP) if values.min() >= 0 and values.max() <= 255 else 0
        top = np.mean(values == values.max())
        severity = "warning"
        if count > SAME_SHARE * values.size and count > top * values.size:
            problem, found = "constant", f"{100 * count / values.size:.0f} % of the brain's {name} voxels are {value:g}"
        elif count > ALL_SHARE * values.size:
            problem, found, severity = "constant", f"the brain's {name} voxels are all {value:g}", "error"
        elif jumps > JUMP_SHARE:
            found = f"{100 * jumps:.1f} % of neighbours in {name} differ by more than {JUMP} where no value exceeds 255"
            problem, found = "wrapped", f"{found}: values were stored in 8 bits"
        elif np.unique(values[:: max(1, values.size // 10000)]).size < FEW_LEVELS:
            problem, found = "few-levels", f"{name} has few grey levels: it may have been stored in too few bits"
        elif top > SATURATED_SHARE:
            found = f"{100 * top:.1f} % of the brain's {name} voxels have the largest value, {values.max():g}"
            problem, found = "cut-off", f"{found}: what was brighter was cut off"
        elif smooth < LEAST_SMOOTH:
            problem, found = "noise", f"neighbours in {name} correlate by {smooth:.2f}: it is noise"
        else:
            continue
        advice = "Convert or download it again"
        remarks.append(Remark(problem, modality, found, "intensities as they were measured", advice, severity))
    return remarks


def _outliers(sample: Sample, volumes: dict[str, np.ndarray]) -> list[Remark]:
    """Voxels far from all others, of which one is enough to spoil a mean and a standard deviation."""
    remarks = []
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
            remarks.append(Remark("outliers", modality, found, "values like their neighbours'", "Look at them"))
    return remarks


def _commonest(values: np.ndarray) -> tuple[float, int]:
    """The value that most voxels of every 16th have, and in how many of all."""
    found, counts = np.unique(values[::16], return_counts=True)
    value = found[counts.argmax()]
    return float(value), np.count_nonzero(values == value)


def _gaps(sample: Sample, volumes: dict[str, np.ndarray]) -> list[Remark]:
    """Slices that are empty although the brain goes on, and other holes."""
    remarks, seen = [], set()
    deep = sample.depth >= HOLES_MM
    for modality, outline in sample.outlines.items():
        volume = volumes[modality]
        name, advice = NAMES[modality], "Convert the image again from all its slices"
        gaps = []
        for axis, direction in enumerate(("sagittal", "coronal", "axial")):
            lines = tuple(slice(None) if other == axis else slice(None, None, 4) for other in range(3))
            used = np.flatnonzero((volume[lines] != background_of(volume)).any(tuple({0, 1, 2} - {axis})))
            if not used.size:
                continue
            empty = np.setdiff1d(np.arange(used[0], used[-1]), used)
            if empty.size:
                gaps.append(f"{empty.size} {direction} slices within the brain are empty, {empty[0]} to {empty[-1]}")
        hole = 1 - float(sample.coarse(outline)[deep].mean()) if deep.any() else 0
        if gaps and gaps[0] not in seen:
            remarks.append(Remark("missing-slices", modality, f"{name}: {gaps[0]}", "signal in all of them", advice))
        elif hole > HOLES_SHARE and not gaps:
            found = f"{100 * hole:.0f} % of {name} are empty deep within the brain"
            advice = "Look at it: part of it is missing, or cut out"
            remarks.append(Remark("holes", modality, found, "signal everywhere in the brain", advice))
        seen.update(gaps)
    return remarks


def _together(sample: Sample, volumes: dict[str, np.ndarray], doubtful: set[str]) -> list[Remark]:
    """Whether outlines, edges and contrasts agree; each step goes on with the images that passed the one before."""
    if sample.millilitres > SKULL_ML:
        ratio = shell_ratio(list(sample.images.values()), sample.spacing)
        if ratio < SHELL_RATIO:
            found = (
                f"{sample.millilitres:.0f} mL are not 0, and a layer dark as bone ({ratio:.2f}) lies below the surface"
            )
            advice = "Remove the skull first, for example with HD-BET or SynthStrip"
            return [Remark("skull", sample.typical, found, "a brain without its skull", advice)]
    remarks = [remark for remark in _gaps(sample, volumes) if remark.about not in doubtful]
    gapped = {remark.about for remark in remarks if remark.problem == "missing-slices"} | doubtful
    outlines = [remark for remark in _outlines(sample) if remark.about not in gapped]
    turned = {remark.about for remark in outlines}
    remarks = [remark for remark in remarks if remark.about not in turned] + outlines
    doubtful |= {remark.about for remark in remarks}
    sample = sample.without(doubtful)
    copied = _copies(sample)
    remarks += copied
    sample = sample.without({remark.about for remark in copied})
    if len(sample.images) > 1:
        edges = _edges(sample)
        remarks += edges
        sample = sample.without({remark.about for remark in edges})
    if len(sample.images) > 1 and not copied:
        remarks += misnamed(sample)
    return remarks


def _outlines(sample: Sample) -> list[Remark]:
    remarks = []
    others = f"the brain's outline in {NAMES[sample.typical]}"
    voxel_ml = float(np.prod(sample.spacing)) / 1000
    for modality, move in outline_moves(sample, LEAST_OVERLAP).items():
        millilitres = np.count_nonzero(sample.outlines[modality]) * voxel_ml
        found = f"the outline of {NAMES[modality]} overlaps by {move.before:.2f} with the others'"
        advice = "Check whether it belongs to this patient and is aligned with the other images"
        moved = any(move.flips) or max(map(abs, move.shift_mm)) > 0
        if moved and move.after > max(MOVED_OVERLAP, move.before + 0.01):
            found += f", and by {move.after:.2f} once {move.words}"
            advice = "Turn or shift it back, or convert it again"
        elif not 1 / OTHER_SIZE < millilitres / sample.millilitres < OTHER_SIZE:
            found += f": it has {millilitres:.0f} mL and they have {sample.millilitres:.0f} mL"
            advice = "Check whether its skull was removed, and whether part of it is missing"
        remarks.append(Remark("outline", modality, found, others, advice))
    return remarks


def _copies(sample: Sample) -> list[Remark]:
    remarks = []
    for one, other in copies(sample.images):
        values, others = (sample.images[modality][sample.core].astype(np.float64) for modality in (one, other))
        factor, offset = np.polyfit(others, values, 1)
        found = f"{NAMES[one]} is {NAMES[other]} times {factor:.2f}" + (f" {offset:+.3g}" if abs(offset) > 0.5 else "")
        advice = "One was copied over the other: convert or download it again"
        remarks.append(Remark("copied-image", one, found, "two different images", advice, "error"))
    return remarks


def _edges(sample: Sample) -> list[Remark]:
    worst = {}
    for modality, move in edge_moves(sample).items():
        moved = any(move.flips) or max(map(abs, move.shift_mm)) > FAR_MM
        if move.before < LEAST_EDGES or (moved and move.after > MOVED_EDGES and move.before < EDGES_SHARE * move.after):
            worst[modality] = move
    if not worst:
        return []
    # The others of the one that is wrong fit it badly too.
    modality = min(worst, key=lambda m: worst[m].before / max(worst[m].after, 1e-6))
    move = worst[modality]
    found = f"edges within {NAMES[modality]} correlate by {move.before:.2f} with the other images'"
    if move.after > MOVED_EDGES:
        found += f", and by {move.after:.2f} once {move.words}"
    advice = "Check whether it belongs to this patient and is aligned with the other images"
    return [Remark("edges", modality, found, "edges at the same places", advice)]
