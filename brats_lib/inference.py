"""From a case to a label volume on the case's own grid."""

import itertools
from dataclasses import dataclass

import numpy as np

from brats_lib.errors import BratsError
from brats_lib.fast import FastNetwork
from brats_lib.labels import BACKGROUND, CLASS_NAMES, LABELS, REGIONS, to_labels
from brats_lib.networks import open_network
from brats_lib.postprocess import apply_rules, region_probabilities
from brats_lib.preprocess import case_slices, resize_slices, uncrop
from brats_lib.recipes import PLANES, NativeRecipe
from brats_lib.resample import StandardGrid, is_standard
from brats_lib.stacks import make_stack, stack_case, with_neighbours

__all__ = [
    "Prediction", "need_standard_grid", "predict_case", "predict_slices", "predict_stack", "segment_case",
    "segment_volumes", "to_native", "window_places",
]  # fmt: skip

# Windows overlap by at least so many pixels.
OVERLAP = 48


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

    The probabilities are interpolated linearly and the class is chosen afterwards. The other order loses what is
    thin: for a perfect network and an enhancing rim of 2 mm, Dice .77 instead of .95.

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


def predict_stack(model, stack, recipe, batch_slices=16):
    """Probabilities of the regions for a standardised brain: the mean over planes, windows and mirrorings.

    Slices are read through windows, not whole: the network normalises over what it sees, and has to see about as much
    of a head, and of the nothing around it, as the patches held that it learnt from.

    Parameters
    ----------
    model : keras.Model or brats_lib.fast.FastNetwork
        A network trained with `recipe`.
    stack : brats_lib.stacks.Stack
        With the modalities of the recipe, in its order.
    recipe : brats_lib.recipes.NativeRecipe
        Says which planes, neighbours, windows and mirrorings.
    batch_slices : int
        Slices per forward pass; decides memory, not the result.

    Returns
    -------
    array of float32, shape (x, y, z, 3)
        WT, TC and ET in the stack's box, 0-1.
    """
    if model.input_shape[-1] != recipe.channels or stack.images.shape[-1] != len(recipe.modalities):
        raise BratsError(
            f"network '{model.name}'",
            f"it reads {model.input_shape[-1]} channels and {stack.name} has {stack.images.shape[-1]} modalities",
            f"{recipe.channels} channels of {len(recipe.modalities)} modalities, as the recipe has",
            "Use the recipe that the network was trained with",
        )
    images = np.clip(np.asarray(stack.images, np.float32), *recipe.clip)
    mirrorings = list(itertools.product((1, -1), repeat=2)) if recipe.flips else [(1, 1)]
    total = np.zeros((*images.shape[:3], len(REGIONS)), np.float32)
    for plane in recipe.planes:
        slices, back = (np.moveaxis(array, PLANES[plane], 0) for array in (images, total))
        places = window_places(slices.shape[1:3], recipe.window)
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


def predict_case(model, case, recipe, batch_slices=20):
    """Segment one case.

    Parameters
    ----------
    model : keras.Model
        A network trained with `recipe`.
    case : Case
        The patient; a mask is not needed.
    recipe : Recipe or NativeRecipe
        How slices are made.
    batch_slices : int
        Slices per forward pass.

    Returns
    -------
    Prediction
    """
    if isinstance(recipe, NativeRecipe):
        stack = stack_case(case, recipe.modalities)
        found = predict_stack(model, stack, recipe, batch_slices)
        mask = apply_rules(found, recipe, float(np.prod(case.spacing)) / 1000)
        mask, probabilities = (uncrop(array, stack.box, stack.shape) for array in (mask, found.astype(np.float16)))
        return Prediction(mask, probabilities, tuple(REGIONS))
    slices = predict_slices(model, case_slices(case, recipe), batch_slices)
    probabilities = to_native(slices, case.shape, recipe)
    return Prediction(to_labels(probabilities.argmax(-1)), probabilities)


def segment_volumes(name, volumes, affine, model, recipe):
    """Segment volumes on any grid with a network of the native recipe.

    A grid of 1 mm along the patient's axes is used as it is. From any other the brain is resampled to such a grid, and
    the probabilities of the regions are interpolated back before anything is decided: labels do not average.

    Parameters
    ----------
    name : str
        What messages call the case.
    volumes : sequence of arrays of float32, shape (x, y, z)
        Of the recipe's modalities in its order, axes LPS, 0 outside the brain.
    affine : array, shape (4, 4)
        LPS voxel indices to NIfTI's millimetres, as `Case.affine`.
    model : keras.Model or brats_lib.fast.FastNetwork
        Trained with `recipe`.
    recipe : NativeRecipe

    Returns
    -------
    mask : array of uint8, shape (x, y, z)
        Labels 0, 1, 2, 4.
    probabilities : array of float32, shape (x', y', z', 3)
        WT, TC and ET within `box`, on the grid of the volumes.
    box : tuple of slice
        Where the brain is; outside of it all probabilities are 0.

    Raises
    ------
    BratsError
        If the volumes have no voxel but 0, or voxels that are no numbers.
    """
    shape = np.shape(volumes[0])
    if is_standard(affine, shape) or not any(np.any(volume) for volume in volumes):
        stack = make_stack(name, volumes)
        found, box = predict_stack(model, stack, recipe), stack.box
    else:
        grid = StandardGrid.around(volumes, affine)
        stack = make_stack(name, [grid.bring(volume) for volume in volumes])
        found, box = grid.take_back(uncrop(predict_stack(model, stack, recipe), stack.box, stack.shape)), grid.crop
    mask = apply_rules(found, recipe, abs(np.linalg.det(affine[:3, :3])) / 1000)
    return uncrop(mask, box, shape), found, box


def need_standard_grid(case):
    """Refuse a case on another grid than 1 mm along the axes, for recipes that know no other.

    Raises
    ------
    BratsError
    """
    if not is_standard(case.affine, case.shape):
        found = f"its voxels are {' x '.join(f'{size:.3g}' for size in case.spacing)} mm"
        advice = "Choose a network of the native recipe, or resample the case to 1 mm"
        raise BratsError(f"case {case.name}", found, "1 mm along the axes", advice)


def segment_case(case, network=None, engine="auto", volumes=None):
    """Segment a case with a network that ships with the package.

    Parameters
    ----------
    case : Case
        Skull-stripped, on any grid where the network is of the native recipe (`segment_volumes`); a mask is not
        needed. `brats_lib.intake` checks what this function takes on trust.
    network : str, optional
        A name of `weights.available`, or the path of a card; the default network where omitted.
    engine : {"auto", "openvino", "keras"}
        As in `networks.open_network`; the network stays loaded for the next case.
    volumes : dict of str to array of float32, shape (x, y, z), optional
        Modalities that were read already; the others are read from the case.

    Returns
    -------
    Prediction
        On the case's own grid.

    Raises
    ------
    BratsError
        If a modality is missing, there is no such network, or it knows no other grid than 1 mm.
    """
    opened = open_network(network, engine)
    if not isinstance(opened.recipe, NativeRecipe):
        need_standard_grid(case)
        return predict_case(opened.model, case, opened.recipe)
    read = dict(volumes or {})
    read |= case.volumes([modality for modality in opened.recipe.modalities if modality not in read])
    ordered = [read[modality] for modality in opened.recipe.modalities]
    mask, found, box = segment_volumes(case.name, ordered, case.affine, opened.model, opened.recipe)
    return Prediction(mask, uncrop(found.astype(np.float16), box, case.shape), tuple(REGIONS))
