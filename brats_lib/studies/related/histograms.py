"""Intensities of different scanners brought onto one scale by their histograms (Nyúl et al. 2000).

Pereira et al. (2016, section II-A) match the histogram of each sequence to landmarks learned from the training
patients. They correct the bias field first, with N4 (Tustison et al. 2010), which is not done here. Landmarks have the
shape (modalities, percentiles).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.interpolate import make_interp_spline

from brats_lib.slices.stacks import Stack

# The deciles, and what stands for the ends of the range: Nyúl et al. leave out a tail on either side.
PERCENTILES = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99)


def learn_landmarks(stacks: Sequence[Stack]) -> np.ndarray:
    """Learn the standard histogram of each modality from the training patients, all with the same modalities.

    The common scale runs from the mean of the stacks' 1st percentiles to the mean of their 99th, so that landmarks
    are in the unit of the images. Each stack's percentiles are brought onto that scale along a line; a landmark is
    their mean over the stacks (Nyúl et al. 2000, section II-B, with the mean where they allow any average).
    """
    cases = [np.moveaxis(np.asarray(stack.images, np.float32), -1, 0) for stack in stacks]
    found = np.array([[_percentiles(image[image != 0]) for image in case] for case in cases])
    low, high = found[..., :1], found[..., -1:]
    return (low.mean(0) + (found - low) / (high - low) * (high - low).mean(0)).mean(0)


def match_landmarks(images: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Map the intensities of one patient, as `Stack.images`, so that its histograms have the landmarks; float32.

    Piecewise linear between the percentiles; beyond the 1st and the 99th the outer pieces go on along their lines, as
    enhancing tumour is brighter than 99 of 100 voxels. A modality whose brain has one intensity or none, as where the
    scan is missing, is returned as it is.
    """
    matched = np.array(images, np.float32)
    for modality, to in enumerate(landmarks):
        image = matched[..., modality]
        brain = image != 0
        if brain.any():
            # Percentiles coincide where many voxels share an intensity; a piece without width has no slope.
            at, first = np.unique(_percentiles(image[brain]), return_index=True)
            if len(at) > 1:
                image[brain] = make_interp_spline(at, to[first], k=1)(image[brain])
    return matched


def match_stacks(stacks: Sequence[Stack], landmarks: np.ndarray) -> list[Stack]:
    """Stacks with their intensities matched, as small in memory as before."""
    return [
        dataclasses.replace(stack, images=match_landmarks(stack.images, landmarks).astype(np.float16))
        for stack in stacks
    ]


def _percentiles(values):
    return np.percentile(values, PERCENTILES).astype(np.float64)
