"""The registry: a network by name, on the engine that is fast here, OpenVINO on a processor and Keras on a GPU."""

import functools
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brats_lib.cases.case import Case
from brats_lib.errors import BratsError, install_extra
from brats_lib.files import home_path
from brats_lib.prediction import fast, weights
from brats_lib.prediction.cards import Card
from brats_lib.prediction.trained import TrainedCard, find_trained
from brats_lib.recipes import DecisionRule, NativeRecipe, Recipe
from brats_lib.training import devices

if TYPE_CHECKING:
    import keras

__all__ = ["ENGINES", "Network", "describe", "learnt_from_warning", "offered", "open_network"]

ENGINES = ("auto", "openvino", "keras")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Network:
    """A network that is ready to predict."""

    model: "keras.Model | fast.FastNetwork"
    recipe: Recipe | NativeRecipe
    rule: DecisionRule | None = DecisionRule()  # a network of a `Recipe` has none, and looks at none
    card: Card | None = None  # of a network that was opened by its name
    engine: str = "keras"
    precision: str = "float32"


def describe(name: str | Path | None = None) -> Card:
    """The card of a network, which is not loaded for that; `name` as in `open_network`."""
    # As weights.read_card tells a path from a name: a folder that happens to have a network's name is none.
    if (isinstance(name, Path) or (name is not None and os.sep in name)) and home_path(name).is_dir():
        return TrainedCard.read(name)
    return weights.read_card(name)


def offered(runs: Path) -> tuple[dict[str, str | Path], list[str]]:
    """The networks to choose from: those that ship, the default first, then those that the runs in a folder trained.

    Returns name to what `open_network` takes, and why trained networks were left out, a message for each.
    """
    trained, problems = find_trained(runs)
    return {name: name for name in weights.available()} | {card.name: card.folder for card in trained}, problems


def learnt_from_warning(card: Card, case: Case, flair_hash: str) -> str | None:
    """What to say of a network on a case that it learnt from: what it finds there is no test of it.

    A sentence without its full stop, or None; `flair_hash` is the `voxel_hash` of the case's FLAIR image, empty where
    the network does without.
    """
    met = card.met(case, flair_hash)
    return met and f"{card.name} {met}; what it finds here says nothing about any other case"


def open_network(name: str | Path | None = None, engine: str = "auto") -> Network:
    """Load a network once per process.

    Parameters
    ----------
    name
        One of `weights.available`, the path of a card, or the folder of a training; the default network where omitted.
    engine
        "openvino", "keras" or "auto": Keras where its backend has a GPU and for recipes that OpenVINO's path does not
        know; else OpenVINO, and Keras again where that cannot be loaded, which is logged as a warning.

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
    if _engine_for(card, engine) == "keras":
        model = card.build()
        return Network(model, card.recipe, card.rule, card, "keras", model.layers[1].dtype_policy.name)
    # As with Keras: what it was trained in where this machine is fast with that, else float32.
    precision = "bfloat16" if card.precision == devices.cpu_precision() == "mixed_bfloat16" else "float32"
    model = fast.FastNetwork(card.arrays(), card.recipe, precision)
    return Network(model, card.recipe, card.rule, card, "openvino", precision)


def _engine_for(card, engine):
    known = isinstance(card.recipe, NativeRecipe)
    if engine == "openvino" and not known:
        expected = "a network of the native recipe"
        raise BratsError(f"network '{card.name}'", "OpenVINO's path does not know it", expected, "Use --engine keras")
    if engine == "keras" or not known or (engine == "auto" and devices.has_accelerator()):
        return "keras"
    if reason := fast.problem():
        advice = install_extra("fast")
        if engine == "openvino":
            raise BratsError("engine 'openvino'", reason, "OpenVINO", f"{advice}, or leave --engine out")
        logger.warning("%s; Keras computes instead, which takes longer. %s.", reason, advice)
        return "keras"
    return "openvino"
