"""Random changes of training slices, by Keras's own layers, to image and mask together.

Section 3.2 of the paper names them: "random rotations, flips, scaling, elastic deformations, and intensity shifts". One
draw of a layer's `get_random_transformation` moves both image and mask; masks are sampled by nearest neighbour and keep
their classes, and what comes in from outside the slice is background.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from brats_lib.errors import BratsError

__all__ = ["AUGMENTATIONS", "Augmentation", "Augmenter"]

# Whatever precision the network trains in, images are changed in full precision.
_COMMON = {"dtype": "float32", "data_format": "channels_last"}


class Augmentation(NamedTuple):
    """A kind of augmentation: what it does, and the function that makes its Keras layers."""

    description: str
    make_layers: Callable[[], tuple[layers.Layer, ...]]


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
    "flip": Augmentation(
        "mirrors left-right and front-back, each with probability 1/2",
        # One layer for both directions would mirror both or none.
        lambda: (layers.RandomFlip("horizontal", **_COMMON), layers.RandomFlip("vertical", **_COMMON)),
    ),
    "rotate": Augmentation(
        "rotates by up to 15 degrees", lambda: (layers.RandomRotation(15 / 360, fill_mode="constant", **_COMMON),)
    ),
    "scale": Augmentation(
        "enlarges or shrinks by up to 10 %", lambda: (layers.RandomZoom(0.1, fill_mode="constant", **_COMMON),)
    ),
    "elastic": Augmentation(
        "bends the slice smoothly by a few pixels (slow: Keras's layer takes about 0.06 s per slice on a CPU)",
        # The draw that decides whether to bend at all is always below a factor of 1.
        lambda: (_Elastic(factor=(1.0, 1.0), scale=(0.25, 1.0), fill_mode="constant", **_COMMON),),
    ),
    "intensity": Augmentation(
        "changes contrast by up to 20 % and brightness by up to 0.1 inside the head, not the mask",
        lambda: (
            layers.RandomContrast(0.2, value_range=(0, 1), **_COMMON),
            layers.RandomBrightness(0.1, value_range=(0, 1), **_COMMON),
        ),
    ),
}


class Augmenter:
    """Apply augmentations, in the order given, with a new draw for every slice.

    Parameters
    ----------
    names : sequence of str
        From `AUGMENTATIONS`.
    seed : int
        What the draws depend on.

    Raises
    ------
    BratsError
        If there is no augmentation of a name.
    """

    def __init__(self, names, seed=0):
        self.names, self.seed = tuple(names), int(seed)
        for name in self.names:
            if name not in AUGMENTATIONS:
                raise BratsError(
                    f"augmentation '{name}'",
                    "there is none of that name",
                    f"some of {', '.join(AUGMENTATIONS)}",
                    "Choose among those",
                )
        self._layers = [layer for name in self.names for layer in AUGMENTATIONS[name].make_layers()]
        self._calls = 0

    def __call__(self, images, classes, draw=None):
        """Change slices and their masks.

        Parameters
        ----------
        images : array, shape (n, x, y, channels), in 0-1
            0 is background.
        classes : array of int, shape (n, x, y)
            Class indices 0-3.
        draw : tuple of int, optional
            Which draw to take; the same one changes the same slices alike. By default calls are counted.

        Returns
        -------
        images : array of float32, same shape, in 0-1
            Background stays 0.
        classes : array of uint8, same shape
        """
        if draw is None:
            draw = (self._calls,)
            self._calls += 1
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
