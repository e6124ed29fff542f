"""A network by name, on the engine that is fast here: OpenVINO on a processor, Keras on a GPU and as the reference."""

import functools
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from brats_lib.cases.cohort import phantom_file, read_phantom_file
from brats_lib.errors import BratsError, install_extra
from brats_lib.files import home_path
from brats_lib.prediction import fast, weights
from brats_lib.prediction.trained import Trained, find_trained, read_trained
from brats_lib.recipes import DecisionRule, NativeRecipe, Recipe
from brats_lib.training import devices

__all__ = ["ENGINES", "Network", "describe", "learnt_from_warning", "offered", "open_network"]

ENGINES = ("auto", "openvino", "keras")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Network:
    """A network that is ready to predict.

    Attributes
    ----------
    model : keras.Model or brats_lib.prediction.fast.FastNetwork
    recipe : Recipe or NativeRecipe
        How its input is made.
    rule : DecisionRule or None
        What decides its predictions. A `Recipe` takes the most probable class and looks at none.
    card : brats_lib.prediction.weights.Card or brats_lib.prediction.trained.Trained or None
        Of a network that ships, or of one that was trained here; None of one that was not opened by its name.
    engine : {"openvino", "keras"}
        What computes it.
    precision : str
        In which arithmetic: "float32", "bfloat16" ...
    """

    model: object
    recipe: Recipe | NativeRecipe
    rule: DecisionRule | None = DecisionRule()
    card: weights.Card | Trained | None = None
    engine: str = "keras"
    precision: str = "float32"


def describe(name=None):
    """What is known of a network without loading it.

    Parameters
    ----------
    name : str or Path, optional
        As in `open_network`.

    Returns
    -------
    brats_lib.prediction.weights.Card or brats_lib.prediction.trained.Trained

    Raises
    ------
    BratsError
        If there is no such network, or its files are damaged.
    """
    # As weights.read_card tells a path from a name: a folder that happens to have a network's name is none.
    if (isinstance(name, Path) or (name is not None and os.sep in name)) and home_path(name).is_dir():
        return read_trained(name)
    return weights.read_card(name)


def offered(runs):
    """The networks that can be chosen: those that ship, the default first, then those that runs trained.

    Parameters
    ----------
    runs : Path
        Folder of runs, as in `trained.find_trained`.

    Returns
    -------
    networks : dict of str to (str or Path)
        Name to what `open_network` takes.
    problems : list of str
        Why a trained network was left out, a message for each.
    """
    found, problems = find_trained(runs)
    return {name: name for name in weights.available()} | {one.name: one.folder for one in found}, problems


def learnt_from_warning(card, case, flair_hash):
    """What to say of a network on a case that it learnt from: what it finds there is no test of it.

    Parameters
    ----------
    card : brats_lib.prediction.weights.Card or brats_lib.prediction.trained.Trained
        As `describe` gives it.
    case : brats_lib.cases.Case
    flair_hash : str
        `voxel_hash` of its FLAIR image; empty where the network does without.

    Returns
    -------
    str or None
        A sentence without its full stop; None where nothing is known against the case.
    """
    no_test = "what it finds here says nothing about any other case"
    if isinstance(card, Trained):
        # A training without hashes knows its cases by name alone.
        met = flair_hash in card.flair_hashes if any(card.flair_hashes) else case.name in card.learnt_from
        return f"{card.name} was trained or validated on {case.name}; {no_test}" if met else None
    if flair_hash in card.learnt_from:
        return f"{card.name} learnt from this very image; {no_test}"
    mark = phantom_file(case)
    drawn = {"stream": "training", "seed": card.training["seed"], "version": card.data["phantom_version"]}
    if mark and drawn.items() <= read_phantom_file(mark).items():
        return f"{card.name} may have learnt from phantoms with this head or this tumour; {no_test}"
    return None


def open_network(name=None, engine="auto"):
    """Load a network once per process.

    Parameters
    ----------
    name : str or Path, optional
        One of `weights.available`, the path of a card, or the folder of a training; the default network where omitted.
    engine : {"auto", "openvino", "keras"}
        "auto" is Keras where its backend has a GPU and for recipes that OpenVINO's path does not know; else OpenVINO,
        and Keras again where that cannot be loaded, which is logged as a warning.

    Returns
    -------
    Network

    Raises
    ------
    BratsError
        If there is no such network or engine, its files are damaged, or OpenVINO was asked for and cannot be used.
    """
    if engine not in ENGINES:
        raise BratsError(f"engine '{engine}'", "there is no such engine", f"one of {', '.join(ENGINES)}", "Use auto")
    card = describe(name)
    # The identity is part of what is remembered, so that weights or rules written anew are read anew.
    return _open(card.name if name is None else name, card.identity["sha256"], engine)


@functools.lru_cache(maxsize=4)
def _open(name, sha256, engine):
    card = describe(name)
    trained = isinstance(card, Trained)
    native = isinstance(card.recipe if trained else card.to_recipe(), NativeRecipe)
    if engine == "openvino" and not native:
        expected = "a network of the native recipe"
        raise BratsError(f"network '{card.name}'", "OpenVINO's path does not know it", expected, "Use --engine keras")
    if engine == "auto" and (not native or devices.has_accelerator()):
        engine = "keras"
    if engine != "keras" and (reason := fast.problem()):
        advice = install_extra("fast")
        if engine == "openvino":
            raise BratsError("engine 'openvino'", reason, "OpenVINO", f"{advice}, or leave --engine out")
        logger.warning("%s; Keras computes instead, which takes longer. %s.", reason, advice)
        engine = "keras"
    if engine == "keras":
        model, recipe, card = (_load_trained(card), card.recipe, card) if trained else weights.load(name)
        return Network(model, recipe, card.to_rule(), card, "keras", model.layers[1].dtype_policy.name)
    if trained:
        model = _load_trained(card, "float32")
        arrays = {variable.path: array for variable, array in zip(model.weights, model.get_weights(), strict=True)}
        recipe, trained_in = card.recipe, card.precision
    else:
        arrays, recipe, card = weights.read_arrays(name)
        trained_in = card.training["precision"]
    # As in weights.load: what it was trained in where this machine is fast with that, else float32.
    precision = "bfloat16" if trained_in == devices.cpu_precision() == "mixed_bfloat16" else "float32"
    return Network(fast.FastNetwork(arrays, recipe, precision), recipe, card.to_rule(), card, "openvino", precision)


def _load_trained(card, precision=None):
    # Keras takes seconds to load, and networks that ship need none.
    from brats_lib.training.fitting import load_trained

    return load_trained(card.folder, precision=precision)
