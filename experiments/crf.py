"""A fully connected conditional random field that refines what a network answers (Krähenbühl and Koltun 2011).

Kamnitsas et al. (2017, section 2.4) apply it in 3D to the probabilities of DeepMedic. Their program and those it builds
on are no longer kept up as packages, so the method is written here, on numpy and scipy.
"""

import numpy as np
from scipy import ndimage

from experiments.lattice import Lattice

__all__ = ["refine"]

# A network that is certain would outweigh any number of neighbours.
LEAST_PROBABILITY = 1e-6


def refine(
    probabilities: np.ndarray, images: np.ndarray, smoothness_weight: float = 1.0, smoothness_sigma: float = 1.0,
    appearance_weight: float = 4.0, appearance_sigma: float = 12.0, intensity_sigma: float = 0.3, iterations: int = 5,
) -> np.ndarray:  # fmt: skip
    """Make neighbouring voxels agree, all the more where they look alike.

    Each voxel of the brain is linked with every other one. A pair that differs in its class costs the smoothness
    kernel, a Gaussian of the distance, and the appearance kernel, a Gaussian of distance and of the difference of all
    intensities (Kamnitsas et al. 2017, equations 5 to 7, with the Potts model). Probabilities are the mean field
    approximation: in each iteration a class gains, in its logarithm, the weighted mean of its probability over the
    neighbours.

    Parameters
    ----------
    probabilities
        Of a network, shape (x, y, z, classes), 0-1, with a sum of 1.
    images
        Shape (x, y, z, channels), in standard deviations; a voxel is outside the brain where all channels are 0.
    smoothness_weight, appearance_weight
        Of the two kernels, not negative. Kernels are normalised, so a weight is what a class gains at most.
    smoothness_sigma, appearance_sigma
        Standard deviations in voxels.
    intensity_sigma
        Standard deviation of the appearance kernel in the unit of the images.
    iterations
        Of the mean field.

    Returns
    -------
    array
        Refined in the brain, as they were outside.

    Notes
    -----
    As in the authors' programs, kernels are normalised symmetrically, ``D^-1/2 K D^-1/2`` with ``D`` the sums of the
    rows of ``K`` (Krähenbühl and Koltun 2013), and a voxel counts among its own neighbours.

    Kamnitsas et al. found their parameters by random search on part of the training patients and do not print them. The
    example of their program (two modalities of stroke) has weights 3 and 5, 3 voxels, 10 to 17 voxels, and about 0.1
    standard deviations, with two iterations. The defaults here were chosen on simulated patients: they keep what is
    thinner than 3 voxels, and let voxels count that differ by noise.
    """
    probabilities, images = np.asarray(probabilities, np.float32), np.asarray(images, np.float32)
    brain = (images != 0).any(-1)
    refined = probabilities.copy()
    if not brain.any():
        return refined
    box = ndimage.find_objects(brain.astype(np.uint8))[0]
    brain = brain[box]
    features = np.concatenate([np.argwhere(brain) / appearance_sigma, images[box][brain] / intensity_sigma], axis=1)
    kernels = []
    if smoothness_weight:
        kernels.append((smoothness_weight, _Smoothness(brain, smoothness_sigma)))
    if appearance_weight:
        kernels.append((appearance_weight, Lattice(features)))
    scales = [1 / np.sqrt(kernel(np.ones((len(features), 1), np.float32))) for _, kernel in kernels]
    network = np.log(np.maximum(probabilities[box][brain], LEAST_PROBABILITY))
    current = _softmax(network)
    for _ in range(iterations):
        total = network.copy()
        for (weight, kernel), scale in zip(kernels, scales, strict=True):
            total += weight * scale * kernel(scale * current)
        current = _softmax(total)
    refined[box][brain] = current
    return refined


def _softmax(logits):
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


class _Smoothness:
    """Sums over all voxels of a brain, weighted by a Gaussian of the distance."""

    def __init__(self, brain, sigma):
        self.brain, self.sigma = brain, sigma

    def __call__(self, values):
        sums = np.empty_like(values)
        grid = np.zeros(self.brain.shape, np.float32)
        for column in range(values.shape[1]):
            grid[self.brain] = values[:, column]
            sums[:, column] = ndimage.gaussian_filter(grid, self.sigma, mode="constant")[self.brain]
        return sums
