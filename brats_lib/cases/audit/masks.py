"""Whether a mask lies on the tumour that the images show, and whether its labels are where their signs are."""

from typing import Any

import numpy as np
from scipy import ndimage

from brats_lib.cases.audit.alignment import FLIPS, Move, at_all_shifts, peak
from brats_lib.cases.audit.findings import Remark, remark
from brats_lib.cases.audit.sampling import SMALLEST_ML, Sample
from brats_lib.labels import ED, ET, LABEL_NAMES, LABELS, NCR

SMALLEST_TUMOUR_ML, OUTSIDE_SHARE = 0.1, 0.1
RING_MM = 8.0
# What a mask explains, and as a share of what it would explain elsewhere; see `mask_move`.
LEAST_FIT, FIT_SHARE, CLEAR_FIT = 0.045, 0.88, 0.2
# Labels below 0.2 mL are not judged; see `exchanged_labels`.
SMALLEST_LABEL_ML, FEW_EDEMA_ML, LEAST_SURFACE = 0.2, 0.5, 0.25


def look_at_mask(sample: Sample, labels: np.ndarray, spacing: tuple[float, float, float], named: bool) -> list[Remark]:
    """Look whether a mask (labels 0, 1, 2, 4 on the original grid) fits images that fit each other; one remark at most.

    `named` says whether every image shows the contrast of its name.
    """
    voxels = np.count_nonzero(labels)
    millilitres = voxels * float(np.prod(spacing)) / 1000
    if not voxels:
        return []
    if millilitres < SMALLEST_TUMOUR_ML:
        found = f"the tumour has {voxels} voxel{'' if voxels == 1 else 's'}, {millilitres:.3g} mL"
        return [remark("tiny-mask", "mask", found)]
    part = sample.take(labels)
    strided = labels[tuple(slice(None, None, along.step) for along in sample.box)]
    brain: Any = np.logical_or.reduce(list(sample.outlines.values()))
    within = int(np.count_nonzero(part[brain]))
    outside = 1 - within / max(int(np.count_nonzero(strided)), 1)
    whole = sample.millilitres(sample.brain) >= SMALLEST_ML
    move = mask_move(sample, labels) if within and whole else Move(0.0, 0.0)
    fits_elsewhere = move.after * FIT_SHARE > move.before
    better = f"; it would explain {move.after:.2f} once {move.words}" if fits_elsewhere else ""
    if outside > OUTSIDE_SHARE:
        found = f"{100 * outside:.0f} % of the tumour lie outside the brain"
        return [remark("mask-outside", "mask", found + better, severity="error" if outside > 0.9 else "warning")]
    # Of one image alone only FLAIR shows all of a tumour.
    if not whole or (len(sample.images) < 2 and "flair" not in sample.images):
        return []
    if fits_elsewhere or move.before < LEAST_FIT:
        found = f"the mask explains {move.before:.2f} of how the images vary there" + better
        return [remark("mask-place", "mask", found)]
    return exchanged_labels(sample, part) if named else []


def mask_move(sample: Sample, labels: np.ndarray) -> Move:
    """How much of the images' variance in and around the tumour its labels explain, and where they explain most.

    This is the correlation ratio that Roche et al. (1998) align images by: the variance between the means of the
    labels, and of a ring of 8 mm around them, as a share of the whole variance there; here its mean over the images.
    It does not need to know which label is bright in which image.

    Notes
    -----
    Masks of 26 patients explain 0.09 to 0.57 and of 30 phantoms 0.08 to 0.42, more than at any other place; shifted by
    6 mm they explain 0.3 to 0.9 of that, and those of another patient 0.08 at most.
    """
    images = [sample.coarse(image) for image in sample.scaled.values()]
    brain = sample.coarse(sample.inside)
    # Voxels outside the brain count for nothing.
    moments = [brain, *(image * brain for image in images), *(image**2 * brain for image in images)]
    parts = _parts(sample, labels)
    sums = at_all_shifts(moments, sample.coarse_spacing)
    fit, inside = _explained([sums(part) for part in parts])
    here = tuple(n // 2 for n in fit.shape)
    # A place further out has less to explain.
    fit = np.where(inside >= inside[here] - 0.1 * sum(part.sum() for part in parts), fit, 0)
    before, after = float(fit[here]), float(fit.max())
    stays = fit.argmax() == np.ravel_multi_index(here, fit.shape)
    move = Move(before, after) if stays else Move(before, after, shift_mm=peak(fit, sample.coarse_spacing))
    # A mask that was turned explains less, and would explain more a little further.
    for turned in FLIPS[1:] if not stays or before < CLEAR_FIT else ():
        if parts := _parts(sample, np.flip(labels, turned)):
            fit, _ = _explained([[np.vdot(part, moment) for moment in moments] for part in parts])
            if fit > move.after:
                move = Move(before, float(fit), turned)
    return move


def _parts(sample: Sample, labels: np.ndarray) -> list[np.ndarray]:
    """Shares of the coarse grid's voxels that the labels and the ring around them have."""
    part = sample.take(labels)
    shares = [sample.coarse(part == label) for label in LABELS[1:]]
    tumour = np.sum(shares, axis=0)
    size = [2 * max(1, round(RING_MM / mm)) + 1 for mm in sample.coarse_spacing]
    shares.append((ndimage.maximum_filter(tumour, size) > 0) - tumour)
    return [share.astype(np.float32) for share in shares if share.any()]


def _explained(sums: list[list]) -> tuple[Any, Any]:
    """Correlation ratio from sums of the brain, of images and of their squares over each part; and the brain there."""
    table = np.array(sums)
    count = (table.shape[1] - 1) // 2
    sizes, images, squares = np.maximum(table[:, :1], 1e-3), table[:, 1 : count + 1], table[:, count + 1 :]
    whole = sizes.sum(axis=0)
    mean = images.sum(axis=0) ** 2 / whole
    between = (images**2 / sizes).sum(axis=0) - mean
    return (between / np.maximum(squares.sum(axis=0) - mean, 1e-3)).mean(axis=0), whole[0]


def exchanged_labels(sample: Sample, part: np.ndarray) -> list[Remark]:
    """Say where two of the labels at a sample's voxels are exchanged, of images under their own names.

    Two signs tell: what enhances is brighter on T1ce, and more so than on T1, than edema and necrosis; and edema makes
    up more of the tumour's surface than of the core's.

    Notes
    -----
    The smallest differences of these shares and brightnesses on 26 patients are 0.14 (surface of ED less that of NCR),
    0.01 (brightness of ET less that of ED) and 0.43 (of ET less NCR); on 30 phantoms 0.23, 0.17 and 0.29.
    """
    outer = ndimage.binary_dilation(part == 0)
    surface, bright, size = {}, {}, {}
    for label in LABELS[1:]:
        here = part == label
        size[label] = sample.millilitres(here)
        if size[label] >= SMALLEST_LABEL_ML:
            surface[label] = np.count_nonzero(outer & here) / np.count_nonzero(here)
            if "t1ce" in sample.scaled:
                t1ce = sample.scaled["t1ce"][here].mean()
                bright[label] = float(2 * t1ce - sample.scaled["t1"][here].mean() if "t1" in sample.scaled else t1ce)
    # By how much each pair of labels is on the wrong side of a sign.
    wrong = [
        (least - (sign[high] - sign[low]), low, high, sign)
        for low, high, sign, least in ((NCR, ET, bright, -0.1), (ED, ET, bright, -0.2), (NCR, ED, surface, -0.05))
        if low in sign and high in sign
    ]
    if ET not in bright and NCR in bright and ED in bright:
        wrong.append((bright[NCR] - bright[ED] - 0.5, NCR, ET, bright))
    if size[ED] < FEW_EDEMA_ML:
        # Only 1 of 368 patients of BraTS 2020 has less edema than that.
        wrong += [(surface[label] - LEAST_SURFACE, label, ED, surface) for label in (NCR, ET) if label in surface]
    by_how_much, one, other, sign = max(wrong, key=lambda each: each[0], default=(0, NCR, ED, surface))
    if by_how_much <= 0:
        return []
    values = ", ".join(f"{value:.2f} of {LABEL_NAMES[label]}" for label, value in sign.items())
    what = "brightness on T1ce" + ", twice, less T1" * ("t1" in sample.scaled)
    what = "shares on the tumour's surface" if sign is surface else what
    found = f"{LABEL_NAMES[one]} and {LABEL_NAMES[other]} look exchanged ({what}: {values})"
    return [remark("labels-exchanged", "mask", found)]
