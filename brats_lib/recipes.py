"""Recipes: how slices are made from a case and how a network is trained on them, as plain data."""

from dataclasses import asdict, dataclass

from brats_lib.errors import BratsError

__all__ = ["PUBLISHED", "RECIPES", "Recipe", "get_recipe"]


@dataclass(frozen=True)
class Recipe:
    """Every choice between a case on disk and a trained network. The defaults are the paper's, section 3.

    Parameters
    ----------
    name : str
        What the recipe is called in tables and folder names.
    modalities : tuple of str
        Input channels, in order (paper: "focusing on FLAIR and T1ce channels").
    first_slice, stop_slice : int
        Axial slices used, first included, stop excluded (the paper's lineage takes 100 slices from 22).
    size : int
        Side of the square slice after bilinear resizing, in pixels.
    clip_percentile : float
        Intensities above this percentile of the non-zero voxels are clipped before scaling to 0-1, per volume
        and modality (section 3.2: "0 to 1 after clipping outliers").
    width : int
        Filters of the first U-Net level; doubled at each of the four levels below.
    dropout : float
        Dropout rate at the bottleneck.
    learning_rate : float
        Initial learning rate of Adam.
    plateau_factor, plateau_patience, min_learning_rate : float, int, float
        ReduceLROnPlateau on the validation loss.
    augmentation : tuple of str
        Names from `brats_lib.augment.AUGMENTATIONS` applied while training. The paper says augmentation was
        "likely applied" and its lineage applies none, so the default is none.
    volumes_per_batch : int
        Volumes whose slices make one batch on one device (section 3.5.2: "2 per GPU").
    epochs : int
        Passes over the training split.
    """

    name: str = "published"
    modalities: tuple[str, ...] = ("flair", "t1ce")
    first_slice: int = 22
    stop_slice: int = 122
    size: int = 128
    clip_percentile: float = 99.9
    width: int = 32
    dropout: float = 0.2
    learning_rate: float = 1e-3
    plateau_factor: float = 0.2
    plateau_patience: int = 2
    min_learning_rate: float = 1e-6
    augmentation: tuple[str, ...] = ()
    volumes_per_batch: int = 2
    epochs: int = 25

    @property
    def slices(self) -> int:
        """Slices per volume."""
        return self.stop_slice - self.first_slice

    def slice_settings(self) -> dict:
        """The settings that decide what the slice cache holds; the others leave it valid."""
        keys = ("modalities", "first_slice", "stop_slice", "size", "clip_percentile")
        return {key: value for key, value in asdict(self).items() if key in keys}


PUBLISHED = Recipe()
RECIPES = {recipe.name: recipe for recipe in (PUBLISHED,)}


def get_recipe(name: str) -> Recipe:
    """Look a recipe up by name.

    Raises
    ------
    BratsError
        If there is no recipe of that name.
    """
    if name not in RECIPES:
        raise BratsError(
            f"recipe '{name}'", "there is no recipe of that name", f"one of {', '.join(RECIPES)}", "Choose one of those"
        )
    return RECIPES[name]
