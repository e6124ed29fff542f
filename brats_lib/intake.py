"""What can be told of a scan before a network answers: whether it is a brain without its skull, and what is unusual.

A network answers to anything, and it does not say so where the image is none that it could know.
"""

import functools

import numpy as np
from scipy import ndimage

from brats_lib.cohort.agreement import check_agreement, spatial_unit
from brats_lib.errors import BratsError
from brats_lib.preprocess import brain_box

__all__ = ["BRAIN_ML", "LARGEST_ML", "LONGEST_MM", "SHELL_RATIO", "examine", "receive", "shell_ratio"]

# A brain of 8 BraTS 2021 cases has 1294 to 1631 mL and one of a phantom about the same, sulci and ventricles counted.
BRAIN_ML = (900.0, 1900.0)
# More than that is no brain alone: a head, or a background that is not 0.
LARGEST_ML = 2400.0
SHELL_RATIO = 0.7
# Extent of what is not 0 along each axis, above which it is no head, and a grid of 1 mm around it takes gigabytes.
LONGEST_MM = 400.0
# Extent of the brain in mm along each axis, below which part of it is missing; the 8 cases have 132 mm and more.
SMALLEST_MM = 100.0
THICKEST_MM = 3.0
SAMPLE_MM, DEPTH_MM = 2.0, 24.0
FEWEST_VOXELS = 50
ADVICE = "Remove the skull first, for example with HD-BET or SynthStrip, and keep 0 outside the brain"


def shell_ratio(volumes, spacing):
    """How much darker than what lies around it the darkest layer below the surface is.

    What is not 0 is taken apart like an onion, in layers of 2 mm down to 24 mm. For each layer the median intensity is
    divided by that of the brightest layer further out. A brain grows brighter from the liquid on its surface inwards,
    so the smallest ratio is near 1. In a head the layer of bone, which gives hardly any signal, lies below a bright
    scalp.

    Parameters
    ----------
    volumes : sequence of arrays, shape (x, y, z)
        Modalities on one grid; best without the empty space around the head.
    spacing : (float, float, float)
        Voxel size in mm.

    Returns
    -------
    float
        The smallest ratio, 1 at most, of the modality where it is largest; bone is dark in all of them. NaN where
        too little is there to tell.

    Notes
    -----
    `SHELL_RATIO` lies between what `python -m experiments intake` measured (`results/intake.csv`). Brains: at least
    0.87 on 8 BraTS 2021 cases, 0.82 once they were standardised, and 0.96 on 6 phantoms. The same brains in a synthetic
    skull and scalp: 0.14 at most for sharp layers of 3 mm, 0.27 for bone of 4 mm blurred by 1 mm, and 0.67 for layers
    of 3 mm blurred by 1 mm, the bone at 30 % of the brain's signal and the scalp at 70 %. One real head (T1, 2 mm),
    its background set to 0 at four levels: 0.22 at most. The mean head of many people, which is so blurred that
    its bone is grey: 0.55 to 0.84, so that its size alone gives it away at the lowest level.
    """
    steps = [max(1, round(SAMPLE_MM / size)) for size in spacing]
    sampled = tuple(slice(None, None, step) for step in steps)
    samples = [np.asarray(volume[sampled], np.float32) for volume in volumes]
    head = ndimage.binary_fill_holes(np.any([sample != 0 for sample in samples], axis=0))
    # Bone whose signal was set to 0 with the background is open to the outside at the neck; within a slice the scalp
    # closes around it.
    head = np.stack([ndimage.binary_fill_holes(head[..., z]) for z in range(head.shape[2])], axis=-1)
    depth = ndimage.distance_transform_edt(np.pad(head, 1), sampling=np.multiply(spacing, steps))[1:-1, 1:-1, 1:-1]
    # The outermost layer is partly background.
    layers = [head & (depth >= near) & (depth < near + SAMPLE_MM) for near in np.arange(SAMPLE_MM, DEPTH_MM, SAMPLE_MM)]
    layers = [layer for layer in layers if layer.sum() >= FEWEST_VOXELS]
    if len(layers) < 2:
        return float("nan")
    ratios = []
    for sample in samples:
        # Standardised images have negative values, and no ratio without a floor.
        floor = min(0.0, float(np.percentile(sample[head], 1)))
        medians = np.array([np.median(sample[layer]) for layer in layers]) - floor
        brightest = np.maximum.accumulate(medians)[:-1]
        bright = brightest > 0
        ratios.append(np.min(medians[1:][bright] / brightest[bright], initial=1.0))
    return float(max(ratios))


def receive(case, modalities):
    """Read a case, refuse what no network can use, and say what is unusual about the rest.

    Parameters
    ----------
    case : brats_lib.cohort.Case
    modalities : sequence of str
        What the network reads.

    Returns
    -------
    volumes : dict of str to array of float32, shape (x, y, z)
        Modality to intensities, axes LPS.
    warnings : list of str
        A sentence for everything unusual, without its full stop.

    Raises
    ------
    BratsError
        If a modality is missing, unreadable or elsewhere than the others, or as `examine`.
    """
    check_agreement(case, modalities)
    volumes = case.volumes(modalities)
    warnings = examine(case.name, volumes, case.spacing)
    unit = spatial_unit(case, modalities[0])
    if unit not in ("mm", "unknown"):
        warnings.append(f"The header gives lengths in {unit}; they were read as mm")
    return volumes, warnings


def examine(name, volumes, spacing):
    """Refuse images that are no brain without its skull, and say what is unusual about the others.

    Parameters
    ----------
    name : str
        What messages call the case.
    volumes : dict of str to array, shape (x, y, z)
        Modality to intensities, on one grid.
    spacing : (float, float, float)
        Voxel size in mm.

    Returns
    -------
    list of str
        A sentence for everything unusual.

    Raises
    ------
    BratsError
        If every voxel of a modality is 0, the background is not 0, what is not 0 is no head by its size, or the skull
        is still there.
    """
    for modality, volume in volumes.items():
        corners = volume[np.ix_(*([0, -1] for _ in range(3)))]
        # Where the field of view ends within the brain some corners may be brain, but they are not all alike.
        if corners.min() == corners.max() != 0:
            found = f"the background of its {modality} image is {corners.min():.4g}"
            raise BratsError(f"case {name}", found, "0 outside the brain", "Set the background to 0")
    voxel_ml = float(np.prod(spacing)) / 1000
    try:
        box = brain_box(*volumes.values())
    except ValueError:
        box = ()  # nothing but zeros; the first modality is named below
    cropped = {modality: volume[box] for modality, volume in volumes.items()}
    for modality, volume in cropped.items():
        if not volume.any():
            found, expected = f"every voxel of its {modality} image is 0", "a brain"
            raise BratsError(f"case {name}", found, expected, "Check how the image was written")
    inside = functools.reduce(np.logical_or, [volume != 0 for volume in cropped.values()])
    extent = [length * size for length, size in zip(inside.shape, spacing, strict=True)]
    if max(extent) > LONGEST_MM:
        found, advice = f"what is not 0 is {max(extent):.0f} mm long", "Check the voxel size, and stray voxels"
        raise BratsError(f"case {name}", found, f"a brain, less than {LONGEST_MM:.0f} mm long", advice)
    millilitres = float(np.count_nonzero(inside)) * voxel_ml
    expected = f"a brain without its skull: at most {LARGEST_ML:.0f} mL that are not 0"
    if millilitres > LARGEST_ML:
        raise BratsError(f"case {name}", f"{millilitres:.0f} mL of its voxels are not 0", expected, ADVICE)
    ratio = shell_ratio(list(cropped.values()), spacing)
    if ratio < SHELL_RATIO:
        found = f"a dark layer lies below its bright surface, at {100 * ratio:.0f} % of the brightness, as bone does"
        raise BratsError(f"case {name}", found, "a brain without its skull", ADVICE)
    field = [length * size for length, size in zip(volumes[modality].shape, spacing, strict=True)]
    return [*_size_warnings(millilitres, extent, field, spacing), *_intensity_warnings(cropped)]


def _size_warnings(millilitres, extent, field, spacing):
    low, high = BRAIN_ML
    if not low <= millilitres <= high:
        yield (
            f"{millilitres:.0f} mL are not 0, where a brain has about {low:.0f} to {high:.0f} mL;"
            " check the removal of the skull and the voxel size"
        )
    if min(extent) < SMALLEST_MM:
        yield (
            f"What is not 0 measures {' x '.join(f'{size:.0f}' for size in extent)} mm, so part of the brain is missing"
            f" (field of view {' x '.join(f'{size:.0f}' for size in field)} mm)"
        )
    if max(field) > 400:
        yield f"The field of view is {max(field):.0f} mm long; check the voxel size"
    if max(spacing) > THICKEST_MM:
        yield (
            f"Voxels are {max(spacing):.2g} mm long along one axis; the networks learnt from 1 mm, and what lies"
            " between thick slices is interpolated"
        )


def _intensity_warnings(volumes):
    for modality, volume in volumes.items():
        values = volume[::2, ::2, ::2]
        values = values[values != 0]
        negative = float((values < 0).sum()) / max(values.size, 1)
        if negative > 0.05:
            yield (
                f"{100 * negative:.0f} % of the brain's {modality} values are negative: the image looks standardised"
                " already, which does no harm only if it was one factor and one offset for the whole brain"
            )
        elif volume.max() <= 1:
            yield f"The {modality} image reaches {volume.max():.2g} at most: it looks scaled to 0-1 already"
        if np.unique(values[:: max(1, values.size // 10000)]).size < 30:
            yield f"The {modality} image has few grey levels; it may have been stored in too few bits"
