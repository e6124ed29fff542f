"""Whether a scan still has its skull."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

SHELL_RATIO = 0.7
SAMPLE_MM, DEPTH_MM = 2.0, 24.0
FEWEST_VOXELS = 50


def shell_ratio(volumes: Sequence[np.ndarray], spacing: Sequence[float]) -> float:
    """How much darker than what lies around it the darkest layer below the surface is, of modalities on one grid.

    What is not 0 is taken apart like an onion, in layers of 2 mm down to 24 mm. For each layer the median intensity is
    divided by that of the brightest layer further out. A brain grows brighter from the liquid on its surface inwards,
    so the smallest ratio is near 1. In a head the layer of bone, which gives hardly any signal, lies below a bright
    scalp. Bone is dark in all modalities: the largest of their ratios counts. It is NaN where too little is there.

    `SHELL_RATIO` lies between brains and heads as `python -m experiments intake` measured them (`results/intake.csv`),
    but for the mean head of many people, which is so blurred that its bone is grey and its size alone gives it away.
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
