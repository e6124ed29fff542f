"""The published recipe on standardised brains, so that it can learn from the phantoms of other recipes."""

from dataclasses import dataclass

import numpy as np
from keras.utils import PyDataset

from brats_lib.cases import MODALITIES
from brats_lib.labels import one_hot, to_labels
from brats_lib.prediction.inference import predict_slices, to_case_grid
from brats_lib.recipes import PUBLISHED
from brats_lib.slices.preprocess import case_labels, case_slices, uncrop
from brats_lib.slices.stacks import LIMITS, Stack

__all__ = ["PublishedSlices", "StackAsCase", "predict_published"]


@dataclass(frozen=True)
class StackAsCase:
    """A stack in its volume again, with intensities above 0 as a scanner gives them: the recipe scales what it gets."""

    stack: Stack

    @property
    def name(self):
        """The case's name."""
        return self.stack.name

    def volume(self, modality):
        """Intensities, array of float32 (x, y, z); 0 outside the brain."""
        images = np.asarray(self.stack.images[..., MODALITIES.index(modality)], np.float32)
        return uncrop(np.where(images != 0, images - LIMITS[0], 0).astype(np.float32), self.stack.box, self.stack.shape)

    def mask(self):
        """Labels 0, 1, 2, 4, array of uint8 (x, y, z)."""
        return uncrop(np.asarray(self.stack.labels), self.stack.box, self.stack.shape)


class PublishedSlices(PyDataset):
    """Batches of random slices of the published recipe, a pure function of (seed, batch number).

    Parameters
    ----------
    stacks : sequence of brats_lib.slices.stacks.Stack
        With labels.
    batches, batch_slices : int
        How many, and slices in each.
    seed : int
    """

    def __init__(self, stacks, batches, batch_slices=10, seed=0, **options):
        super().__init__(**options)
        cases = [StackAsCase(stack) for stack in stacks]
        self.images = [case_slices(case, PUBLISHED).astype(np.float16) for case in cases]
        self.classes = [case_labels(case, PUBLISHED) for case in cases]
        self.batches, self.batch_slices, self.seed = batches, batch_slices, seed

    def __len__(self):
        return self.batches

    def __getitem__(self, batch):
        """Images (n, 128, 128, 2) and one-hot classes (n, 128, 128, 4), float32."""
        rng = np.random.default_rng([self.seed, batch])
        drawn = [(rng.integers(len(self.images)), rng.integers(PUBLISHED.slices)) for _ in range(self.batch_slices)]
        images = np.stack([self.images[case][slice_] for case, slice_ in drawn]).astype(np.float32)
        return images, one_hot(np.stack([self.classes[case][slice_] for case, slice_ in drawn]))


def predict_published(model, stack):
    """Labels of a stack, array of uint8 (x, y, z), by a network of the published recipe."""
    slices = predict_slices(model, case_slices(StackAsCase(stack), PUBLISHED))
    return to_labels(to_case_grid(slices, stack.shape, PUBLISHED)[stack.box].argmax(-1))
