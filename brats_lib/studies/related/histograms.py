"""Intensities of different scanners brought onto one scale by their histograms (Nyúl et al. 2000).

Pereira et al. (2016, section II-A) match the histogram of each sequence to landmarks learned from the training
patients. They correct the bias field first, with N4 (Tustison et al. 2010), which is not done here. Landmarks have the
shape (modalities, percentiles).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from brats_lib.errors import BratsError
from brats_lib.slices.stacks import Stack

__all__ = ["PERCENTILES", "learn_landmarks", "match_landmarks", "match_stacks"]

# The deciles, and what stands for the ends of the range: Nyúl et al. leave out a tail on either side.
PERCENTILES = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99)


def learn_landmarks(stacks: Sequence[Stack]) -> np.ndarray:
    """Learn the standard histogram of each modality from the training patients, all with the same modalities.

    The common scale runs from the mean of the stacks' 1st percentiles to the mean of their 99th, so that landmarks
    are in the unit of the images. Each stack's percentiles are brought onto that scale along a line; a landmark is
    their mean over the stacks (Nyúl et al. 2000, section II-B, with the mean where they allow any average).

    Raises
    ------
    BratsError
        If there is no stack, or the brain of one is empty or of one intensity in some modality.
    """
    if not len(stacks):
        raise BratsError("stacks to learn a histogram from", "there is none", "at least one", "Give training patients")
    found = np.stack([_all_percentiles(stack) for stack in stacks])
    low, high = found[..., :1], found[..., -1:]
    return (low.mean(0) + (found - low) / (high - low) * (high - low).mean(0)).mean(0)


def match_landmarks(images: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Map the intensities of one patient, as `Stack.images`, so that its histograms have the landmarks; float32.

    Piecewise linear between the percentiles; beyond the 1st and the 99th the outer pieces go on along their lines, as
    enhancing tumour is brighter than 99 of 100 voxels. A modality whose brain has one intensity or none, as where the
    scan is missing, is returned as it is.
    """
    landmarks = np.asarray(landmarks, np.float64)
    matched = np.array(images, np.float32)
    if landmarks.shape != (matched.shape[-1], len(PERCENTILES)):
        raise BratsError(
            "landmarks of the histograms", f"their shape is {landmarks.shape}",
            f"{(matched.shape[-1], len(PERCENTILES))}, a row for each modality of the images",
            "Learn landmarks from stacks of the same modalities",
        )  # fmt: skip
    for modality, to in enumerate(landmarks):
        image = matched[..., modality]
        brain = image != 0
        values = image[brain]
        if values.size and np.ptp(values):
            image[brain] = _map_pieces(values, np.percentile(values, PERCENTILES), to)
    return matched


def match_stacks(stacks: Sequence[Stack], landmarks: np.ndarray) -> list[Stack]:
    """Stacks with their intensities matched, as small in memory as before."""
    return [
        dataclasses.replace(stack, images=match_landmarks(stack.images, landmarks).astype(np.float16))
        for stack in stacks
    ]


def _all_percentiles(stack):
    """The percentiles of each modality's brain, shape (modalities, 11)."""
    found = []
    for modality in range(stack.images.shape[-1]):
        image = np.asarray(stack.images[..., modality], np.float32)
        values = image[image != 0]
        if not values.size or (percentiles := np.percentile(values, PERCENTILES))[0] == percentiles[-1]:
            raise BratsError(
                f"{stack.name}, modality {modality}", "its brain is empty or of one intensity",
                "a histogram with a spread", "Leave this patient out",
            )  # fmt: skip
        found.append(percentiles.astype(np.float64))
    return np.stack(found)


def _map_pieces(values, at, to):
    """Map `at` to `to`, along lines in between and beyond."""
    # Percentiles coincide where many voxels share an intensity; a piece without width has no slope.
    at, kept = np.unique(at, return_index=True)
    to = to[kept]
    mapped = np.interp(values, at, to)
    if len(at) > 1:
        for beyond, end, inner in ((values < at[0], 0, 1), (values > at[-1], -1, -2)):
            slope = (to[end] - to[inner]) / (at[end] - at[inner])
            mapped[beyond] = to[end] + slope * (values[beyond] - at[end])
    return mapped
