"""Recipes: how slices are made from a case and how a network is trained on them, as plain data.

Every recipe has a name, which tables and folder names show.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from brats_lib.errors import BratsError

# Anatomical planes, and the axis of an LPS volume that runs through their slices.
PLANES = {"sagittal": 0, "coronal": 1, "axial": 2}
# Windows in which a slice is predicted overlap by at least so many pixels.
OVERLAP = 48
# What a published recipe may be trained with.
OPTIMIZERS = ("adam", "sgd", "rmsprop")
LOSSES = ("cross-entropy", "cross-entropy+dice", "focal")


@dataclass(frozen=True)
class Recipe:
    """Every choice between a case on disk and a trained network. The defaults are the paper's, section 3.

    Parameters
    ----------
    modalities
        Input channels, in order (paper: "focusing on FLAIR and T1ce channels").
    first_slice, stop_slice, size
        Axial slices used, first included, stop excluded (the paper's lineage takes 100 slices from 22), and their side
        in pixels after bilinear resizing.
    clip_percentile
        Intensities above this percentile of the non-zero voxels are clipped before scaling to 0-1, per volume
        and modality (section 3.2: "0 to 1 after clipping outliers").
    width, dropout
        Filters of the first U-Net level, doubled at each of the four levels below; dropout rate at the bottleneck.
    optimizer, loss
        Of `OPTIMIZERS` and `LOSSES` (section 3.5.2: Adam and cross-entropy; section 6 names the other optimizers).
    betas
        Decay of Adam's running means of the gradient and of its square, in [0, 1). The first is SGD's momentum too;
        RMSprop keeps Keras's own 0.9.
    plateau_factor, plateau_patience, min_learning_rate
        ReduceLROnPlateau on the validation loss.
    augmentation
        Names from `brats_lib.slices.augment.AUGMENTATIONS` applied while training. The paper says augmentation was
        "likely applied" and its lineage applies none, so the default is none.
    volumes_per_batch
        Volumes whose slices make one batch on one device (section 3.5.2: "2 per GPU").
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
    optimizer: str = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    loss: str = "cross-entropy"
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


@dataclass(frozen=True)
class NativeRecipe:
    """The recipe of this book: slices at their own resolution, read with their neighbours. Defaults by measurement.

    Parameters
    ----------
    clip
        Limits of the standardised intensities, in standard deviations of the brain.
    planes
        Keys of `PLANES`. One network learns slices of all of them; a prediction is the mean over them.
    neighbours
        Slices on either side that are read along with a slice, as further channels.
    patch, widths
        Side of the square patches that the network is trained on, in pixels of 1 mm, and the filters of each level of
        the U-Net, the finest first.
    regions, dice
        Whether the network gives one probability for each of the overlapping regions WT, TC and ET, or, as the
        published one, classes that exclude each other; whether the soft Dice loss is added to cross-entropy.
    augmentation
        Of "mirror" (mirrored and transposed) and "intensity" (curve, gain, fields, blur and noise).
    lesion_share
        Share of the patches that are centred near a tumour voxel, 0-1; the others lie anywhere.
    learning_rate, warmup, weight_decay
        Of AdamW: its highest rate, the share of the training in which that is reached, and the decay. After the
        warm-up the rate falls along a cosine to 1 % of its height.
    averaging
        Momentum of the exponential moving average of the weights, which is what is kept; 0 keeps the last weights.
    """

    name: str = "native"
    modalities: tuple[str, ...] = ("flair", "t1ce")
    clip: tuple[float, float] = (-4.0, 6.0)
    planes: tuple[str, ...] = ("axial", "coronal", "sagittal")
    neighbours: int = 1
    patch: int = 96
    widths: tuple[int, ...] = (16, 32, 64, 128)
    regions: bool = True
    dice: bool = True
    augmentation: tuple[str, ...] = ("mirror", "intensity")
    lesion_share: float = 2 / 3
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 1e-4
    averaging: float = 0.98
    batch_slices: int = 16
    slices_per_epoch: int = 1600
    epochs: int = 20

    @property
    def channels(self) -> int:
        """Input channels of the network: each modality of the slice and of its neighbours."""
        return len(self.modalities) * (2 * self.neighbours + 1)


@dataclass(frozen=True)
class DecisionRule:
    """What decides a prediction with a trained network of a native recipe; no training depends on it.

    Parameters
    ----------
    window
        Sides of the overlapping rectangles that a slice is predicted in, the long one first, in pixels of 1 mm; more
        than `OVERLAP`, and multiples of what the levels of the U-Net halve.
    flips
        Whether a prediction is the mean over the four mirrorings of a slice.
    smallest_piece
        Connected pieces of the whole tumour that are smaller than this share of the largest are dropped, 0-1: 0 keeps
        all, 1 the largest alone, and between them a second focus stays and specks go.
    linked_above
        Probability that connects the parts of a piece: a faint bridge falls short of one half, and without it the
        smaller part would be dropped.
    wt_above, et_above
        Probability above which a voxel counts as tumour, and a voxel of the core as enhancing, 0-1. Lower than one half
        is better where a trained network hesitates before what is faint.
    smallest_et_share, smallest_et_ml
        An enhancing tumour that is a smaller share of the core than this, 0-1, or smaller than this, in mL, becomes
        core without enhancement: what little is found in low-grade tumours are vessels, more often than not.
    """

    window: tuple[int, int] = (160, 120)
    flips: bool = False
    smallest_piece: float = 0.1
    linked_above: float = 0.2
    wt_above: float = 0.5
    et_above: float = 0.3
    smallest_et_share: float = 0.0
    smallest_et_ml: float = 0.0

    def __post_init__(self):
        shares = (self.smallest_piece, self.linked_above, self.wt_above, self.et_above, self.smallest_et_share)
        advice = "Mend the rule, or leave it out for the default"
        if len(self.window) != 2 or min(self.window) <= OVERLAP:
            expected = f"two sides of more than {OVERLAP} pixels"
            raise BratsError("decision rule", f"its window is {self.window}", expected, advice)
        if not all(0 <= share <= 1 for share in shares) or self.smallest_et_ml < 0:
            found = f"its shares are {shares}, its smallest ET {self.smallest_et_ml} mL"
            raise BratsError("decision rule", found, "0-1, 0 mL or more", advice)


@dataclass(frozen=True)
class GenerativeRecipe:
    """A network that makes pictures: of nothing, of labels, or of other pictures. Ours; the paper has no method.

    Parameters
    ----------
    task : {"autoencoder", "gan", "vae", "translation"}
        Which network: see `networks` in `studies.synthesis`.
    sources, targets
        Modalities that go in and come out. Only "translation" has sources; "gan" does not look at either.
    size
        Side of the pictures in pixels; of a "gan", of the maps of codes.
    latent, codes
        Length of the latent vector, of an "autoencoder" of the code of each block of pixels; length of the codes that
        a "gan" makes, which is the `latent` of the autoencoder.
    widths, critic_widths
        Filters of each level: of a generator and a decoder from the coarsest on, of a translator from the finest. An
        empty `critic_widths` means no critic.
    labelled, residual
        Whether a VAE is given the labels, of which it then makes pictures; whether a translator adds to its source what
        it finds, rather than make the target afresh.
    reconstruction, adversarial, kl
        Weights of the mean absolute error (of a "vae" the cross-entropy; of an "autoencoder" with that of the labels
        added), of the adversarial term and of the Kullback-Leibler divergence.
    learning_rate, warmup, beta_1
        Of Adam: its highest rate, the share of the training in which that is reached, and the memory of the
        gradient. After the warm-up the rate falls along a cosine to 1 % of its height.
    averaging
        Momentum of the exponential moving average of the weights, which is what is kept.
    """

    name: str
    task: str
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ("flair", "t1", "t1ce", "t2")
    size: int = 128
    latent: int = 64
    codes: int = 0
    widths: tuple[int, ...] = (128, 128, 64, 48, 24)
    critic_widths: tuple[int, ...] = ()
    labelled: bool = True
    residual: bool = False
    reconstruction: float = 1.0
    adversarial: float = 0.0
    kl: float = 0.0
    learning_rate: float = 1e-3
    warmup: float = 0.05
    beta_1: float = 0.9
    averaging: float = 0.99
    batch_slices: int = 8
    slices_per_epoch: int = 1600
    epochs: int = 4


PUBLISHED = Recipe()
NATIVE = NativeRecipe()
# Small enough to be trained in minutes on a laptop, while people watch; an average would hold it back.
LESSON = NativeRecipe(name="lesson", planes=("axial",), averaging=0.0, slices_per_epoch=800, epochs=4)
# Labelled slices out of nothing, in two stages: 16 x 16 codes of eight numbers for a slice, then codes out of nothing.
COMPRESSION = GenerativeRecipe(
    "compression", "autoencoder", latent=8, widths=(80, 56, 32, 16), critic_widths=(16, 32, 64), reconstruction=20.0,
    adversarial=0.2, kl=5e-5, learning_rate=2e-3,
)  # fmt: skip
GENERATION = GenerativeRecipe(
    "generation", "gan", size=16, latent=64, codes=8, widths=(96, 96, 64), critic_widths=(64, 128), adversarial=1.0,
    learning_rate=5e-4, beta_1=0.5, averaging=0.998, batch_slices=32, slices_per_epoch=16000,
)  # fmt: skip
# Slices with a tumour where the labels say.
VARIATION = GenerativeRecipe("variation", "vae", latent=16, kl=2e-3, learning_rate=2e-3)
# A modality that was not acquired, of one that was.
T2_FROM_T1 = GenerativeRecipe(
    "t2-from-t1", "translation", ("t1",), ("t2",), widths=(16, 32, 64), critic_widths=(16, 32, 64),
    adversarial=0.01, beta_1=0.5,
)  # fmt: skip
# One picture of any modality, freed of noise or of what undersampling does to it.
RESTORATION = GenerativeRecipe("restoration", "translation", ("any",), ("any",), widths=(16, 32, 64), residual=True)
RECIPES = {recipe.name: recipe for recipe in (PUBLISHED, NATIVE, LESSON)}


def get_recipe(name: str) -> Recipe | NativeRecipe:
    """Look a recipe up by name."""
    if name not in RECIPES:
        found, expected = "there is no recipe of that name", f"one of {', '.join(RECIPES)}"
        raise BratsError(f"recipe '{name}'", found, expected, "Choose one of those")
    return RECIPES[name]


def as_tuples(value: Any) -> Any:
    """Lists, as JSON has them, as tuples."""
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value


def misfit(kind: type, settings: Mapping[str, Any]) -> str | None:
    """The first setting that is not of the type of its default in a dataclass of this module; None where all are."""
    defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    unlike = (key for key, default in defaults.items() if key in settings and not _alike(settings[key], default))
    return next(unlike, None)


def _alike(value, default):
    if isinstance(default, tuple):
        # An empty one tells nothing of its entries: names, or numbers of filters.
        fits = (lambda entry: _alike(entry, default[0])) if default else (lambda entry: type(entry) in (str, int))
        return isinstance(value, tuple) and all(map(fits, value))
    if isinstance(default, float):
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is type(default)
