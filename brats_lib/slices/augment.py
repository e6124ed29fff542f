"""Random changes of training slices, by Keras's own layers, to image and mask together.

Section 3.2 of the paper names them: "random rotations, flips, scaling, elastic deformations, and intensity shifts". One
draw of a layer's `get_random_transformation` moves both image and mask; masks are sampled by nearest neighbour and keep
their classes, and what comes in from outside the slice is background.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

from brats_lib.errors import BratsError

# Whatever precision the network trains in, images are changed in full precision.
_COMMON = {"dtype": "float32", "data_format": "channels_last"}


class _Elastic(layers.RandomElasticTransform):
    """`RandomElasticTransform` that moves image and mask alike, and gently.

    Three things about the layer as it comes (Keras 3.15). It keeps its running seed generator in the transformation, so
    that mask and image are moved by different draws. It moves both axes by the same noise, so always along one
    diagonal. And its strength, about 3 pixels of 128 over short distances, folds the slice over itself in places.
    """

    def get_random_transformation(self, data, training=True, seed=None):
        """Draw once; the integer seed goes along, so that every use of the transformation sees the same noise."""
        return super().get_random_transformation(data, training=training, seed=seed) | {"seed": seed}

    def get_elastic_transform_params(self, height, width, factor):
        """Noise blurred over 1/16 of the slice that moves pixels by 1.5 % of it (standard deviation) at factor 1."""
        side = min(height, width)
        sigma = max(1.0, side / 16)
        # White noise of deviation sigma, blurred with a Gaussian of width sigma, has deviation 1 / (2 sqrt(pi)).
        return 0.015 * side * 2 * np.pi**0.5 * factor, sigma

    def _transform_images(self, images, transformation, interpolation):
        # Mirrored, moved and mirrored back, it moves along the other diagonal.
        if transformation["seed"] % 2:
            mirrored = super()._transform_images(ops.flip(images, axis=2), transformation, interpolation)
            return ops.flip(mirrored, axis=2)
        return super()._transform_images(images, transformation, interpolation)


AUGMENTATIONS = {
    # Left-right and front-back, each with probability 1/2; one layer for both would mirror both or none.
    "flip": lambda: [layers.RandomFlip(direction, **_COMMON) for direction in ("horizontal", "vertical")],
    # By up to 15 degrees.
    "rotate": lambda: [layers.RandomRotation(15 / 360, fill_mode="constant", **_COMMON)],
    # Up to 10 % larger or smaller.
    "scale": lambda: [layers.RandomZoom(0.1, fill_mode="constant", **_COMMON)],
    # Smoothly by a few pixels; slow, about 0.06 s per slice on a CPU. The draw that decides whether to bend at all is
    # always below a factor of 1.
    "elastic": lambda: [_Elastic(factor=(1.0, 1.0), scale=(0.25, 1.0), fill_mode="constant", **_COMMON)],
    # Contrast by up to 20 % and brightness by up to 0.1, inside the head.
    "intensity": lambda: [
        layers.RandomContrast(0.2, value_range=(0, 1), **_COMMON),
        layers.RandomBrightness(0.1, value_range=(0, 1), **_COMMON),
    ],
}


class Augmenter:
    """Apply some of `AUGMENTATIONS`, in the order given, with a new draw for every slice that depends on the seed."""

    def __init__(self, names: Sequence[str], seed: int = 0):
        for name in names:
            if name not in AUGMENTATIONS:
                expected = f"some of {', '.join(AUGMENTATIONS)}"
                raise BratsError(f"augmentation '{name}'", "there is none of that name", expected, "Choose among those")
        self.seed = int(seed)
        self._layers = [layer for name in names for layer in AUGMENTATIONS[name]()]

    def __call__(
        self, images: np.ndarray, classes: np.ndarray, draw: tuple[int, ...] = (0,)
    ) -> tuple[np.ndarray, np.ndarray]:
        """Change slices (n, x, y, channels) in 0-1, where background stays 0, and their class indices (n, x, y) alike.

        The same `draw` changes the same slices alike. Both keep their shapes, as float32 and uint8.
        """
        seeds = np.random.SeedSequence([self.seed, *draw]).generate_state(len(self._layers)) >> 1
        # On the CPU, because this runs beside a training step that has the accelerator to itself.
        with keras.device("cpu"):
            moving = ops.convert_to_tensor(images, dtype="float32")
            masks = ops.convert_to_tensor(np.asarray(classes)[..., None], dtype="float32")
            for layer, seed in zip(self._layers, seeds, strict=True):
                transformation = layer.get_random_transformation(moving, training=True, seed=int(seed))
                head = moving > 0
                moving = layer.transform_images(moving, transformation)
                if isinstance(layer, layers.RandomContrast | layers.RandomBrightness):
                    moving = ops.where(head, moving, 0.0)
                masks = layer.transform_segmentation_masks(masks, transformation)
            # Interpolation weights that sum to 1 within rounding can overshoot the range.
            moving, masks = ops.convert_to_numpy(ops.clip(moving, 0, 1)), ops.convert_to_numpy(masks)
        return moving, masks[..., 0].astype(np.uint8)
