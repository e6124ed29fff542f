"""Does it help? A small segmentation network on labelled slices of few patients, and of a generator."""

import keras
import numpy as np
from keras.utils import PyDataset

from brats_lib.cases import MODALITIES
from brats_lib.labels import REGIONS, region, to_labels
from brats_lib.models.native_unet import build_native_unet
from brats_lib.recipes import NativeRecipe
from brats_lib.slices.patches import region_targets
from brats_lib.studies.synthesis.networks import forward
from brats_lib.studies.synthesis.pictures import Pictures
from brats_lib.training.devices import choose_precision, make_reproducible
from brats_lib.training.objectives import compile_model

__all__ = ["SEGMENTER", "LabelledBatches", "score_segmenter", "train_segmenter"]

# As small as its data: single slices of 1.5 mm pixels.
SEGMENTER = NativeRecipe(
    name="segmenter", planes=("axial",), neighbours=0, patch=128, widths=(8, 16, 32, 64), augmentation=("mirror",),
    averaging=0.95, batch_slices=4, slices_per_epoch=2400, epochs=1,
)  # fmt: skip
# Intensities in 0-1 are spread to about the range of standardised ones.
_GAIN = 4.0


class LabelledBatches(PyDataset):
    """Random labelled slices of patients, and in the second half of every batch others, where there are any.

    Parameters
    ----------
    images, classes
        As `pictures.Pictures` has them.
    recipe
        Modalities, batch, slices per epoch; whether slices are mirrored and their contrast changed.
    others
        Images and classes, such as a generator's.
    """

    def __init__(
        self,
        images: np.ndarray,
        classes: np.ndarray,
        recipe: NativeRecipe = SEGMENTER,
        others: tuple[np.ndarray, np.ndarray] | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self._channels = [MODALITIES.index(modality) for modality in recipe.modalities]
        self.pools = [(images, classes)] if others is None else [(images, classes), others]
        self.recipe, self.seed, self.epoch = recipe, int(seed), 0

    def __len__(self):
        return self.recipe.slices_per_epoch // self.recipe.batch_slices

    def __getitem__(self, batch):
        """A batch: images (n, size, size, channels) and regions (n, size, size, 3), both float32."""
        rng = np.random.default_rng([self.seed, self.epoch, batch])
        share = self.recipe.batch_slices // len(self.pools)
        images, masks = [], []
        for pool, classes in self.pools:
            for number in rng.integers(len(pool), size=share):
                image = pool[number][..., self._channels].astype(np.float32)
                mask = to_labels(classes[number])
                if self.recipe.augmentation:
                    image, mask = _change(rng, image, mask)
                images.append(image * _GAIN)
                masks.append(mask)
        return np.stack(images), region_targets(np.stack(masks))


def _change(rng, image, mask):
    """Mirror left to right, and change brightness and contrast of each modality."""
    if rng.random() < 0.5:
        image, mask = image[::-1], mask[::-1]
    gain, bend = np.exp(rng.normal(0, (0.15, 0.2), (image.shape[-1], 2))).T.astype(np.float32)
    return np.clip(image, 0, 1) ** bend * gain, mask


def train_segmenter(batches: LabelledBatches, seed: int = 0) -> keras.Model:
    """Train the small network for the recipe's number of batches; it has the moving average of its weights."""
    recipe, precision = batches.recipe, choose_precision()
    make_reproducible(seed)
    model = build_native_unet(len(recipe.modalities), recipe.widths, len(REGIONS), True, precision, seed)
    compile_model(model, recipe, precision, recipe.epochs * len(batches))
    for epoch in range(recipe.epochs):
        batches.epoch = epoch
        for number in range(len(batches)):
            model.train_on_batch(*batches[number])
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return model


def score_segmenter(network: keras.Model, pictures: Pictures, recipe: NativeRecipe = SEGMENTER) -> list[dict]:
    """Dice of each region in each case, over all of its slices together: rows of case, region and dice.

    It is 1 where neither has a pixel of the region.
    """
    channels = [MODALITIES.index(modality) for modality in recipe.modalities]
    images = pictures.images[..., channels].astype(np.float32) * _GAIN
    found = forward(network, images, 16) > 0.5
    truth, rows = to_labels(pictures.classes), []
    for number in np.unique(pictures.case):
        here = pictures.case == number
        for channel, name in enumerate(REGIONS):
            one, other = found[here, ..., channel], region(truth[here], name)
            total = one.sum() + other.sum()
            dice = 2 * (one & other).sum() / total if total else 1.0
            rows.append({"case": pictures.names[number], "region": name, "dice": float(dice)})
    return rows
