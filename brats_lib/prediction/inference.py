"""From a case to a label volume on the case's own grid."""

import itertools
from dataclasses import dataclass

import numpy as np

from brats_lib.cases.resample import StandardGrid, is_standard, need_standard_grid
from brats_lib.errors import BratsError
from brats_lib.labels import BACKGROUND, CLASS_NAMES, LABELS, REGIONS, to_labels
from brats_lib.prediction.fast import FastNetwork
from brats_lib.prediction.networks import Network, open_network
from brats_lib.prediction.postprocess import region_probabilities, regions_to_mask
from brats_lib.recipes import OVERLAP, PLANES, NativeRecipe
from brats_lib.slices.preprocess import case_slices, resize_slices, uncrop
from brats_lib.slices.stacks import make_stack, with_neighbours

__all__ = [
    "Prediction", "class_slices", "from_slices", "predict_slices", "predict_stack", "segment_case", "to_native",
    "window_places",
]  # fmt: skip


@dataclass(frozen=True)
class Prediction:
    """What a network says about one case.

    Attributes
    ----------
    mask : array of uint8, shape (x, y, z)
        Labels 0, 1, 2, 4 in the case's LPS array.
    probabilities : array of float16, shape (x, y, z, channels)
        What the network gives, same grid.
    channels : tuple of str
        What the probabilities are of: the classes of `labels.CLASS_NAMES`, which exclude each other, or the regions
        of `labels.REGIONS`, which overlap.
    """

    mask: np.ndarray
    probabilities: np.ndarray
    channels: tuple[str, ...] = CLASS_NAMES

    def region(self, name):
        """Probability of a region, in 0-1.

        Parameters
        ----------
        name : {"WT", "TC", "ET"}

        Returns
        -------
        array of float16, shape (x, y, z)
        """
        if self.channels == tuple(REGIONS):
            return self.probabilities[..., self.channels.index(name)]
        return region_probabilities(self.probabilities)[..., tuple(REGIONS).index(name)]


def predict_slices(model, images, batch_slices=20):
    """Class probabilities of a stack of slices.

    Parameters
    ----------
    model : keras.Model
        A network of `models.build`.
    images : array of float, shape (n, size, size, channels)
        Preprocessed slices.
    batch_slices : int
        Slices per forward pass; decides memory, not the result.

    Returns
    -------
    array of float32, shape (n, size, size, 4)
    """
    if images.shape[1:] != tuple(model.input_shape[1:]):
        raise BratsError(
            f"network '{model.name}'",
            f"the slices have shape {images.shape[1:]}",
            f"shape {tuple(model.input_shape[1:])}, which the network was built for",
            "Preprocess with the recipe that the network was trained with",
        )
    return model.predict(np.asarray(images, np.float32), batch_size=batch_slices, verbose=0)


def to_native(probabilities, shape, recipe):
    """Bring class probabilities of a recipe's slices back to the grid of the volume.

    The probabilities are interpolated linearly and the class is chosen afterwards. The other order loses what is thin.

    Parameters
    ----------
    probabilities : array of float, shape (n, size, size, 4)
        One entry for each slice of the recipe.
    shape : tuple of int
        Shape (x, y, z) of the volume.
    recipe : Recipe
        Says which slices they are.

    Returns
    -------
    array of float16, shape (x, y, z, 4)
        Slices outside the recipe's range are background with probability 1.
    """
    native = np.zeros((*shape, len(LABELS)), np.float16)
    native[..., LABELS.index(BACKGROUND)] = 1
    resized = resize_slices(np.asarray(probabilities, np.float32), shape[:2])
    native[:, :, recipe.first_slice : recipe.stop_slice] = np.moveaxis(resized, 0, 2)
    return native


def predict_stack(network, stack, batch_slices=16):
    """Probabilities of the regions for a standardised brain: the mean over planes, windows and mirrorings.

    Slices are read through windows, not whole: the network normalises over what it sees, and has to see about as much
    of a head, and of the nothing around it, as the patches held that it learnt from.

    Parameters
    ----------
    network : Network
        Of a `NativeRecipe`, which says which planes and neighbours; its rule says which windows and mirrorings.
    stack : brats_lib.slices.stacks.Stack
        With the modalities of the recipe, in its order.
    batch_slices : int
        Slices per forward pass; decides memory, not the result.

    Returns
    -------
    array of float32, shape (x, y, z, 3)
        WT, TC and ET in the stack's box, 0-1.
    """
    model, recipe, rule = network.model, network.recipe, network.rule
    if model.input_shape[-1] != recipe.channels or stack.images.shape[-1] != len(recipe.modalities):
        raise BratsError(
            f"network '{model.name}'",
            f"it reads {model.input_shape[-1]} channels and {stack.name} has {stack.images.shape[-1]} modalities",
            f"{recipe.channels} channels of {len(recipe.modalities)} modalities, as the recipe has",
            "Use the recipe that the network was trained with",
        )
    images = np.clip(np.asarray(stack.images, np.float32), *recipe.clip)
    mirrorings = list(itertools.product((1, -1), repeat=2)) if rule.flips else [(1, 1)]
    total = np.zeros((*images.shape[:3], len(REGIONS)), np.float32)
    for plane in recipe.planes:
        slices, back = (np.moveaxis(array, PLANES[plane], 0) for array in (images, total))
        places = window_places(slices.shape[1:3], rule.window)
        slices = _padded(slices, recipe.neighbours, places[-1])
        for place, share in zip(places, _shares(places), strict=True):
            target = back[:, *place]
            share = share[: target.shape[1], : target.shape[2], None]
            for down, across in mirrorings:

                def keep(index, answer, target=target, share=share, down=down, across=across):
                    answer = answer[:, ::down, ::across][:, : target.shape[1], : target.shape[2]]
                    target[index] += share * (answer if recipe.regions else region_probabilities(answer))

                window = slices[:, *place][:, ::down, ::across]
                _predict_plane(model, window, recipe.neighbours, batch_slices, keep)
    total /= len(recipe.planes) * len(mirrorings)
    return total


def _padded(slices, neighbours, last):
    """Zeros around slices (n, h, w, modalities): `neighbours` slices at either end, and up to where windows end."""
    count, height, width, modalities = slices.shape
    padded = np.zeros((count + 2 * neighbours, *(place.stop for place in last), modalities), np.float32)
    padded[neighbours : neighbours + count, :height, :width] = slices
    return padded


def window_places(size, sides):
    """Where the windows of a slice lie: evenly, overlapping by `OVERLAP` pixels or more.

    Their long side lies along the short side of the slice, which it spans in most heads; so two windows are enough
    for a slice, and all slices are read in two shapes, each of which is compiled once.

    Parameters
    ----------
    size : (int, int)
        Of the slice, in pixels; what windows reach beyond it is empty.
    sides : (int, int)
        Of the windows, the long one first.

    Returns
    -------
    list of (slice, slice)
        The one that ends last comes last.
    """
    starts = []
    for length, side in zip(size, sides if size[0] <= size[1] else sides[::-1], strict=True):
        rest = max(length - side, 0)
        more = -(-rest // (side - OVERLAP))
        starts.append([(round(number * rest / more), side) for number in range(more + 1)] if more else [(0, side)])
    return [tuple(slice(start, start + side) for start, side in corner) for corner in itertools.product(*starts)]


def _shares(places):
    """The share of each pixel of each window in the mean: the middle of a window has seen more."""
    sides = [place.stop - place.start for place in places[0]]
    bells = [np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / (side / 6)) ** 2) + 1e-3 for side in sides]
    weight = np.outer(*bells).astype(np.float32)
    total = np.zeros([place.stop for place in places[-1]], np.float32)
    for place in places:
        total[place] += weight
    return [weight / total[place] for place in places]


def _predict_plane(model, padded, neighbours, batch_slices, keep):
    """Hand what the network gives for the slices of a plane, which lie between their neighbours, to `keep`."""
    if isinstance(model, FastNetwork):
        model.predict_plane(padded, keep)
        return
    slices = with_neighbours(padded, neighbours)
    for start in range(0, len(slices), batch_slices):
        batch = slices[start : start + batch_slices]
        # Batches of one size, the last one filled up: a new size would be compiled anew.
        fill = batch_slices - len(batch)
        full = np.pad(batch, [(0, fill), (0, 0), (0, 0), (0, 0)]) if fill else batch
        keep(slice(start, start + len(batch)), model.predict_on_batch(full)[: len(batch)])


def segment_case(case, network=None, volumes=None):
    """Segment a case on its own grid. Its images are read and nothing else: whether it has a mask makes no difference.

    A network of the native recipe reads a grid of 1 mm along the patient's axes as it is. From any other the brain is
    resampled to such a grid, and the probabilities of the regions are interpolated back before anything is decided:
    labels do not average.

    Parameters
    ----------
    case : Case
        Skull-stripped. `brats_lib.cases.intake.receive` checks what is taken on trust here.
    network : Network or str or Path, optional
        A network, or what `networks.open_network` takes; the default network where omitted.
    volumes : dict of str to array of float32, shape (x, y, z), optional
        Modalities that were read already, such as by `intake.receive`; where omitted, the case is read here.

    Returns
    -------
    Prediction

    Raises
    ------
    BratsError
        If a modality is missing or elsewhere than the other, every voxel is 0, there is no such network, or it knows
        no other grid than 1 mm.
    """
    if not isinstance(network, Network):
        network = open_network(network)
    recipe = network.recipe
    if not isinstance(recipe, NativeRecipe):
        return from_slices(class_slices(case, network, volumes), case.shape, recipe)
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


def class_slices(case, network, volumes=None, batch_slices=20):
    """Probabilities of the classes in a case's slices, on the grid of a published recipe.

    Parameters
    ----------
    case : Case
    network : Network
        Of a `Recipe`.
    volumes : dict of str to array of float32, shape (x, y, z), optional
        As in `segment_case`.
    batch_slices : int
        Slices per forward pass.

    Returns
    -------
    array of float32, shape (slices, size, size, 4)

    Raises
    ------
    BratsError
        If a modality is missing or elsewhere than the other, or the grid is another than 1 mm along the axes.
    """
    need_standard_grid(case)
    images = case_slices(case, network.recipe, _read(case, network.recipe, volumes))
    return predict_slices(network.model, images, batch_slices)


def from_slices(slices, shape, recipe):
    """The prediction that `class_slices` make on the grid of the case, of this shape."""
    probabilities = to_native(slices, shape, recipe)
    return Prediction(to_labels(probabilities.argmax(-1)), probabilities)


def _read(case, recipe, volumes):
    read = dict(volumes or {})
    if missing := [modality for modality in recipe.modalities if modality not in read]:
        case.need_one_grid(recipe.modalities)
        read |= case.volumes(missing)
    return read
