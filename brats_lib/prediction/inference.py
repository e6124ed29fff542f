"""From a case to a label volume on the case's own grid.

What is done with a case, and with the slices of a plane, depends on the recipe and on the engine: `_segment` and
`_predict_plane` are looked up by these types.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brats_lib.cases.case import Case
from brats_lib.cases.resample import StandardGrid, is_standard, need_standard_grid
from brats_lib.labels import BACKGROUND, CLASS_NAMES, LABELS, REGIONS, to_labels
from brats_lib.prediction.fast import FastNetwork
from brats_lib.prediction.networks import Network, open_network
from brats_lib.prediction.postprocess import region_probabilities, regions_to_mask
from brats_lib.recipes import OVERLAP, PLANES, NativeRecipe, Recipe
from brats_lib.slices.preprocess import case_slices, resize_slices, uncrop
from brats_lib.slices.stacks import Stack, make_stack, with_neighbours

if TYPE_CHECKING:
    import keras

# Slices per forward pass of Keras, small ones of a published recipe and windows of a native: memory, not the result.
BATCH_SLICES, BATCH_WINDOWS = 20, 16


@dataclass(frozen=True)
class Prediction:
    """What a network says about one case, in the case's LPS array."""

    mask: np.ndarray  # uint8, labels 0, 1, 2, 4
    probabilities: np.ndarray  # float16, (x, y, z, channels)
    # Of the classes, which exclude each other, or of the regions of `labels.REGIONS`, which overlap.
    channels: tuple[str, ...] = CLASS_NAMES

    def region(self, name: str) -> np.ndarray:
        """Probability of WT, TC or ET, float16 (x, y, z), 0-1."""
        if self.channels == tuple(REGIONS):
            return self.probabilities[..., self.channels.index(name)]
        return region_probabilities(self.probabilities)[..., tuple(REGIONS).index(name)]


def segment_case(
    case: Case, network: Network | str | Path | None = None, volumes: dict[str, np.ndarray] | None = None
) -> Prediction:
    """Segment a case on its own grid. Its images are read and nothing else: whether it has a mask makes no difference.

    A network of the native recipe reads a grid of 1 mm along the patient's axes as it is. From any other the brain is
    resampled to such a grid, and the probabilities of the regions are interpolated back before anything is decided:
    labels do not average.

    Parameters
    ----------
    case
        Skull-stripped. `brats_lib.cases.intake.receive` checks what is taken on trust here.
    network
        A network, or what `networks.open_network` takes; the default network where omitted.
    volumes
        Modalities that were read already, such as by `intake.receive`; where omitted, the case is read here.
    """
    if not isinstance(network, Network):
        network = open_network(network)
    return _segment(network.recipe, case, network, volumes)


@singledispatch
def _segment(recipe, case, network, volumes) -> Prediction:
    raise TypeError(f"no way is known to segment a case with a network of a {type(recipe).__name__}")


@_segment.register
def _published(recipe: Recipe, case, network, volumes):
    return from_slices(class_slices(case, network, volumes), case.shape, recipe)


@_segment.register
def _native(recipe: NativeRecipe, case, network, volumes):
    volumes = _read(case, recipe, volumes)
    ordered = [volumes[modality] for modality in recipe.modalities]
    shape, voxel_ml = np.shape(ordered[0]), abs(np.linalg.det(case.affine[:3, :3])) / 1000
    if is_standard(case.affine, shape) or not any(np.any(volume) for volume in ordered):
        stack = make_stack(case.name, ordered)
        found, box = predict_stack(network, stack), stack.box
    else:
        grid = StandardGrid.around(ordered, case.affine)
        stack = make_stack(case.name, [grid.bring(volume) for volume in ordered])
        found, box = grid.take_back(uncrop(predict_stack(network, stack), stack.box, stack.shape)), grid.crop
    mask = uncrop(regions_to_mask(found, network.rule, voxel_ml), box, shape)
    return Prediction(mask, uncrop(found.astype(np.float16), box, shape), tuple(REGIONS))


def _read(case, recipe, volumes):
    read = dict(volumes or {})
    if missing := [modality for modality in recipe.modalities if modality not in read]:
        case.need_one_grid(recipe.modalities)
        read |= case.volumes(missing)
    return read


def class_slices(case: Case, network: Network[Recipe], volumes: dict[str, np.ndarray] | None = None) -> np.ndarray:
    """Class probabilities in a case's slices, float32 (slices, size, size, 4), by a network of a published recipe.

    `volumes` as in `segment_case`; the grid must be 1 mm along the axes.
    """
    need_standard_grid(case)
    return predict_slices(network.model, case_slices(case, network.recipe, _read(case, network.recipe, volumes)))


def predict_slices(model: "keras.Model", images: np.ndarray) -> np.ndarray:
    """Class probabilities, float32 (n, size, size, 4), of preprocessed slices (n, size, size, channels)."""
    return model.predict(np.asarray(images, np.float32), batch_size=BATCH_SLICES, verbose=0)


def from_slices(slices: np.ndarray, shape: tuple[int, int, int], recipe: Recipe) -> Prediction:
    """The prediction that `class_slices` make on the grid of the case, of this shape."""
    probabilities = to_case_grid(slices, shape, recipe)
    return Prediction(to_labels(probabilities.argmax(-1)), probabilities)


def to_case_grid(probabilities: np.ndarray, shape: tuple[int, int, int], recipe: Recipe) -> np.ndarray:
    """Bring class probabilities (n, size, size, 4) of a recipe's slices back to the grid of the volume.

    They are interpolated linearly and the class is chosen afterwards; the other order loses what is thin. Slices
    outside the recipe's range are background with probability 1. Returns float16, (x, y, z, 4).
    """
    native = np.zeros((*shape, len(LABELS)), np.float16)
    native[..., LABELS.index(BACKGROUND)] = 1
    resized = resize_slices(np.asarray(probabilities, np.float32), shape[:2])
    native[:, :, recipe.first_slice : recipe.stop_slice] = np.moveaxis(resized, 0, 2)
    return native


def predict_stack(network: Network[NativeRecipe], stack: Stack) -> np.ndarray:
    """Probabilities of the regions for a standardised brain: the mean over planes, windows and mirrorings.

    Slices are read through windows, not whole: the network normalises over what it sees, and has to see about as much
    of a head, and of the nothing around it, as the patches held that it learnt from. The network's recipe says which
    planes and neighbours, its rule which windows and mirrorings.

    Returns
    -------
    array of float32, shape (x, y, z, 3)
        WT, TC and ET in the stack's box, 0-1.
    """
    recipe, rule = network.recipe, network.rule
    images = np.clip(np.asarray(stack.images, np.float32), *recipe.clip)
    mirrorings = list(itertools.product((1, -1), repeat=2)) if rule.flips else [(1, 1)]
    total = np.zeros((*images.shape[:3], len(REGIONS)), np.float32)
    for plane in recipe.planes:
        slices, back = (np.moveaxis(array, PLANES[plane], 0) for array in (images, total))
        places = window_places(slices.shape[1:3], rule.window)
        # Zeros for the neighbours of the first and the last slice, and up to where the windows end.
        ends = [(0, place.stop - length) for place, length in zip(places[-1], slices.shape[1:3], strict=True)]
        slices = np.pad(slices, [(recipe.neighbours, recipe.neighbours), *ends, (0, 0)])
        for place, share in zip(places, _shares(places), strict=True):
            target = back[:, *place]
            share = share[: target.shape[1], : target.shape[2], None]
            for down, across in mirrorings:

                def add(index, answer, target=target, share=share, down=down, across=across):
                    answer = answer[:, ::down, ::across][:, : target.shape[1], : target.shape[2]]
                    target[index] += share * (answer if recipe.regions else region_probabilities(answer))

                _predict_plane(network.model, slices[:, *place][:, ::down, ::across], recipe.neighbours, add)
    total /= len(recipe.planes) * len(mirrorings)
    return total


def window_places(size: Sequence[int], sides: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Where the windows of a slice lie: evenly, overlapping by `OVERLAP` pixels or more, the one that ends last last.

    Their long side lies along the short side of the slice, which it spans in most heads; so two windows are enough
    for a slice, and all slices are read in two shapes, each of which is compiled once.
    What they reach beyond the slice is empty. `sides` are those of the windows, the long one first, in pixels.
    """
    height, width = sides if size[0] <= size[1] else sides[::-1]
    corners = itertools.product(_starts(size[0], height), _starts(size[1], width))
    return [(slice(top, top + height), slice(left, left + width)) for top, left in corners]


def _starts(length, side):
    """Where windows of one side begin along a length."""
    rest = max(length - side, 0)
    steps = -(-rest // (side - OVERLAP))
    return [round(number * rest / steps) for number in range(steps + 1)] if steps else [0]


def _shares(places):
    """The share of each pixel of each window in the mean: the middle of a window has seen more."""
    sides = [place.stop - place.start for place in places[0]]
    bells = [np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / (side / 6)) ** 2) + 1e-3 for side in sides]
    weight = np.outer(*bells).astype(np.float32)
    total = np.zeros([place.stop for place in places[-1]], np.float32)
    for place in places:
        total[place] += weight
    return [weight / total[place] for place in places]


@singledispatch
def _predict_plane(model, padded: np.ndarray, neighbours: int, add: Callable[[slice, np.ndarray], None]) -> None:
    """Hand what the network gives for the slices of a plane, which lie between their neighbours, to `add`."""
    slices = with_neighbours(padded, neighbours)
    for start in range(0, len(slices), BATCH_WINDOWS):
        batch = slices[start : start + BATCH_WINDOWS]
        # Batches of one size, the last one filled up: a new size would be compiled anew.
        full = np.pad(batch, [(0, BATCH_WINDOWS - len(batch)), (0, 0), (0, 0), (0, 0)])
        add(slice(start, start + len(batch)), model.predict_on_batch(full)[: len(batch)])


@_predict_plane.register
def _on_openvino(model: FastNetwork, padded, neighbours, add):
    model.predict_plane(padded, add)
