"""Batches of square patches with their neighbouring slices, for the native recipe.

A patch is cut from a stack on the fly and changed at random, so that no two are alike. Batches are a pure function of
(seed, epoch, batch number), as those of `batches.SliceBatches` are, and for the same reason.
"""

from collections.abc import Sequence

import numpy as np
from keras.utils import PyDataset
from scipy import ndimage

from brats_lib import labels
from brats_lib.cases import MODALITIES
from brats_lib.errors import BratsError
from brats_lib.recipes import PLANES, NativeRecipe
from brats_lib.slices.stacks import Stack

AUGMENTATIONS = ("mirror", "intensity")
# Tumour voxels that are remembered per case, to centre patches on.
REMEMBERED = 4000


def region_targets(mask: np.ndarray) -> np.ndarray:
    """1 in the overlapping regions WT, TC and ET of labels, else 0: float32, shape (*mask.shape, 3)."""
    return np.stack([labels.region(mask, name) for name in labels.REGIONS], axis=-1).astype(np.float32)


class PatchBatches(PyDataset):
    """Batches of random patches of stacks.

    A batch is images (n, patch, patch, channels), float32 in standard deviations of the brain, and targets (n, patch,
    patch, 3) of the regions WT, TC, ET or, of a recipe without regions, one-hot classes (n, patch, patch, 4).

    Parameters
    ----------
    stacks, recipe
        Stacks have labels and all four modalities; the recipe says which of them are read, and how patches are cut.
    slices_per_epoch
        Patches per epoch; the recipe's own number where omitted.
    """

    def __init__(
        self, stacks: Sequence[Stack], recipe: NativeRecipe, seed: int = 0, slices_per_epoch: int | None = None
    ):
        super().__init__()
        self.stacks, self.recipe, self.seed = list(stacks), recipe, int(seed)
        if not self.stacks:
            raise BratsError("training cases", "there are none", "cases with masks", "Check the split")
        if unknown := sorted(set(recipe.augmentation) - set(AUGMENTATIONS)):
            expected = f"some of {', '.join(AUGMENTATIONS)}"
            raise BratsError(f"augmentation '{unknown[0]}'", "there is none of that name", expected, "Choose of those")
        # Of the cases and their FLAIR images; with the epoch whose batches are given, what `train` asks for.
        self.names = tuple(stack.name for stack in self.stacks)
        self.flair_hashes = tuple(stack.flair_hash for stack in self.stacks)
        self.batch_slices = recipe.batch_slices
        self.slices_per_epoch = int(slices_per_epoch or recipe.slices_per_epoch)
        self.epoch = 0
        self._channels = [MODALITIES.index(modality) for modality in recipe.modalities]
        self._lesions = [_remember_lesion(stack.labels) for stack in self.stacks]

    def __len__(self):
        return max(1, self.slices_per_epoch // self.batch_slices)

    def __getitem__(self, batch):
        side, recipe = self.recipe.patch, self.recipe
        images = np.empty((self.batch_slices, side, side, recipe.channels), np.float32)
        masks = np.empty((self.batch_slices, side, side), np.uint8)
        for position in range(self.batch_slices):
            rng = np.random.default_rng([self.seed, self.epoch, batch, position])
            image, masks[position] = self._draw(rng)
            images[position] = image.reshape(side, side, -1)
        targets = region_targets(masks) if recipe.regions else labels.one_hot(labels.to_classes(masks))
        return images, targets

    def _draw(self, rng):
        """One patch: image (side, side, slices, modalities) and labels (side, side)."""
        number = int(rng.integers(len(self.stacks)))
        stack, lesion = self.stacks[number], self._lesions[number]
        if len(lesion) and rng.random() < self.recipe.lesion_share:
            centre = lesion[rng.integers(len(lesion))]
        else:
            centre = rng.integers(stack.labels.shape)
        plane = self.recipe.planes[rng.integers(len(self.recipe.planes))]
        image, mask = self._cut(rng, stack, centre, PLANES[plane])
        if "mirror" in self.recipe.augmentation:
            image, mask = _mirror(rng, image, mask)
        if "intensity" in self.recipe.augmentation:
            image = _change_intensities(rng, image)
        return np.clip(image, *self.recipe.clip), mask

    def _cut(self, rng, stack, centre, axis):
        side, around = self.recipe.patch, self.recipe.neighbours
        shape = stack.labels.shape
        middle = int(np.clip(centre[axis] + rng.integers(-3, 4), 0, shape[axis] - 1))
        source, target = [slice(None)] * 3, []
        for other in (a for a in range(3) if a != axis):
            start = int(centre[other]) - side // 2 + int(rng.integers(-side // 4, side // 4 + 1))
            # Inside the brain's box as far as that is large enough.
            start = int(np.clip(start, min(0, shape[other] - side), max(0, shape[other] - side)))
            source[other] = slice(max(start, 0), min(start + side, shape[other]))
            length = source[other].stop - source[other].start
            target.append(slice(max(-start, 0), max(-start, 0) + length))
        image = np.zeros((side, side, 2 * around + 1, len(self._channels)), np.float32)
        for offset in range(-around, around + 1):
            if 0 <= middle + offset < shape[axis]:
                source[axis] = middle + offset
                image[*target, offset + around] = stack.images[tuple(source)][..., self._channels]
        source[axis] = middle
        mask = np.zeros((side, side), np.uint8)
        mask[tuple(target)] = stack.labels[tuple(source)]
        return image, mask


def _remember_lesion(mask):
    """Up to `REMEMBERED` voxels of a tumour, always the same ones."""
    voxels = np.argwhere(np.asarray(mask) > 0).astype(np.int16)
    if len(voxels) <= REMEMBERED:
        return voxels
    return voxels[np.random.default_rng(0).choice(len(voxels), REMEMBERED, replace=False)]


def _mirror(rng, image, mask):
    """Mirror along either axis, exchange the axes, and turn the order of the slices round."""
    for axis in (0, 1):
        if rng.random() < 0.5:
            image, mask = np.flip(image, axis), np.flip(mask, axis)
    if rng.random() < 0.5:
        image, mask = image.swapaxes(0, 1), mask.T
    if rng.random() < 0.5:
        image = image[:, :, ::-1]
    return image, mask


def _change_intensities(rng, image):
    """Another scanner and another tissue, per modality; 0 outside stays 0.

    Strong, because a network soon learns phantoms by heart: it has to get by without exact contrasts and textures.
    """
    changed = np.empty_like(image)
    for channel in range(image.shape[-1]):
        part = image[..., channel]
        if rng.random() < 0.7:
            part = _bend(rng, part)
        part = part * np.float32(np.exp(rng.normal(0, 0.25))) + np.float32(rng.normal(0, 0.35))
        if rng.random() < 0.5:
            part = part + np.float32(rng.uniform(0, 0.4)) * rng.standard_normal(part.shape, np.float32)
        if rng.random() < 0.4:
            part = ndimage.gaussian_filter(part, (*[rng.uniform(0.3, 1.5)] * 2, 0))
        if rng.random() < 0.5:
            part = part + _uneven(rng, part.shape, 4, rng.uniform(0.1, 0.5))
        if rng.random() < 0.3:
            part = part + _uneven(rng, part.shape, part.shape[0] // 4, rng.uniform(0.1, 0.4))
        changed[..., channel] = part
    return changed * (image != 0)


def _bend(rng, part):
    """A random rising curve through 0 over the range -3 to 5, of five straight pieces."""
    knots = np.linspace(-3, 5, 6)
    heights = np.concatenate([[0], np.cumsum(np.exp(rng.normal(0, 0.6, 5)))])
    heights = heights / heights[-1] * 8
    heights -= np.interp(0, knots, heights)
    return np.interp(part, knots, heights).astype(np.float32)


def _uneven(rng, shape, knots, strength):
    """A field that is the same in neighbouring slices, interpolated between so many knots a side."""
    field = ndimage.zoom(rng.standard_normal((knots, knots)).astype(np.float32), shape[0] / knots, order=1)
    return np.float32(strength) * field[: shape[0], : shape[1], None]
