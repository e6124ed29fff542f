"""A network by name, on the engine that is fast here: OpenVINO on a processor, Keras on a GPU and as the reference."""

import functools
import logging
from dataclasses import dataclass

from brats_lib import devices, fast, weights
from brats_lib.errors import BratsError
from brats_lib.recipes import NativeRecipe, Recipe

__all__ = ["ENGINES", "Network", "open_network"]

ENGINES = ("auto", "openvino", "keras")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Network:
    """A network that is ready to predict.

    Attributes
    ----------
    model : keras.Model or brats_lib.fast.FastNetwork
    recipe : Recipe or NativeRecipe
        How its input is made.
    card : brats_lib.weights.Card
    engine : {"openvino", "keras"}
        What computes it.
    precision : str
        In which arithmetic: "float32", "bfloat16" ...
    """

    model: object
    recipe: Recipe | NativeRecipe
    card: weights.Card
    engine: str
    precision: str


def open_network(name=None, engine="auto"):
    """Load a network once per process.

    Parameters
    ----------
    name : str or Path, optional
        One of `weights.available`, or the path of a card; the default network where omitted.
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
    card = weights.read_card(name)
    # The hash is part of what is remembered, so that weights written anew are read anew.
    return _open(card.name if name is None else name, card.weights["sha256"], engine)


@functools.lru_cache(maxsize=4)
def _open(name, sha256, engine):
    card = weights.read_card(name)
    native = isinstance(card.to_recipe(), NativeRecipe)
    if engine == "openvino" and not native:
        expected = "a network of the native recipe"
        raise BratsError(f"network '{card.name}'", "OpenVINO's path does not know it", expected, "Use --engine keras")
    if engine == "auto" and (not native or devices.has_accelerator()):
        engine = "keras"
    if engine != "keras" and (reason := fast.problem()):
        advice = 'Install it with `pip install "brats-lib[fast]"`'
        if engine == "openvino":
            raise BratsError("engine 'openvino'", reason, "OpenVINO", f"{advice}, or leave --engine out")
        logger.warning("%s; Keras computes instead, which takes longer. %s.", reason, advice)
        engine = "keras"
    if engine == "keras":
        model, recipe, card = weights.load(name)
        return Network(model, recipe, card, "keras", model.layers[1].dtype_policy.name)
    arrays, recipe, card = weights.read_arrays(name)
    # As in weights.load: what it was trained in where this machine is fast with that, else float32.
    trained_in = card.training["precision"]
    precision = "bfloat16" if trained_in == devices.cpu_precision() == "mixed_bfloat16" else "float32"
    return Network(fast.FastNetwork(arrays, recipe, precision), recipe, card, "openvino", precision)
