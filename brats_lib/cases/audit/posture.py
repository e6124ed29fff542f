"""Whether a brain is the right way round, told from its outline; left and right of it are alike."""

import numpy as np

from brats_lib.cases.audit.findings import Remark
from brats_lib.cases.audit.sampling import Sample

__all__ = ["posture"]

# What is smaller was cropped, and its outline is that of the crop.
WHOLE_ML = 900.0
# Of 26 patients and 8 phantoms the sums are 0.65 to 1.68 and 0.14 to 0.27; where an axis is turned, their signs change.
UPRIGHT, FORWARD = -0.3, -0.06


def posture(sample: Sample) -> list[Remark]:
    """Say whether the brain is upside down, back to front or on exchanged axes.

    A brain is broader and higher behind than in front, and its underside is flat in front and deep behind: third
    moments of the outline, in units of its standard deviations along left (x), back (y) and up (z).
    """
    if sample.millilitres < WHOLE_ML:
        return []
    shape = sample.coarse(sample.brain)
    weights = shape / shape.sum()
    axes = [grid * mm for grid, mm in zip(np.indices(shape.shape), sample.coarse_spacing, strict=True)]
    axes = [axis - (weights * axis).sum() for axis in axes]
    deviations = [float(np.sqrt((weights * axis**2).sum())) for axis in axes]
    x, y, z = (axis / deviation for axis, deviation in zip(axes, deviations, strict=True))
    upright = -float((weights * z * (4.1 * y + 3.4 * x**2 + 3.7 * y**2)).sum())
    forward = -float((weights * y**3).sum())
    expected = "axes to the left, the back and up, as the header says"
    advice = "Look at it: the image was turned, or its header is wrong"
    words = []
    if max(deviations) != deviations[1]:
        words.append("is longest from " + ("left to right" if max(deviations) == deviations[0] else "below to above"))
    else:
        words += ["is upside down"] * (upright < UPRIGHT) + ["faces backwards"] * (forward < FORWARD)
    found = f"by its outline the brain {' and '.join(words)} ({upright:.2f}, {forward:.2f})"
    return [Remark("posture", sample.typical, found, expected, advice)] if words else []
