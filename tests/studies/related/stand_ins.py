"""A system as small as a test: two convolutions, and cases whose FLAIR shows the label."""

import dataclasses

import keras
import numpy as np
from slices.test_patches import stack

from brats_lib.labels import NCR
from brats_lib.studies.related.systems import System


def build(channels, classes, precision, seed):
    hidden, last = (keras.initializers.HeNormal(seed=seed) for _ in range(2))
    return keras.Sequential([
        keras.Input((None, None, channels)),
        keras.layers.Conv2D(8, 3, activation="relu", kernel_initializer=hidden),
        keras.layers.Conv2D(classes, 3, activation="softmax", name="probabilities", kernel_initializer=last),
    ])  # fmt: skip


FLAT = System(
    "flat", "Flat", build, side=(5, 5), answer=(1, 1), batch=16, steps=8, shares=(0.25,) * 4, block=(8, 8), margin=2,
    learning_rate=0.02,
)  # fmt: skip
SOLID = dataclasses.replace(FLAT, name="solid", side=(6, 6, 6), answer=(2, 2, 2), block=(8, 8, 8), batch=4)


def cases(count=2):
    """Stacks with all four labels, of which FLAIR is a quarter of the label and one."""
    made = [stack(seed) for seed in range(count)]
    for one in made:
        one.labels[1:3, 1:3, 1:3] = NCR
        one.images[...] = (np.stack([one.labels + 1.0 + m for m in range(4)], -1) / 4).astype(np.float16)
    return made
