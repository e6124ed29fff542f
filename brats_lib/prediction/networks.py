"""The registry: a network by name, on the engine that is fast here, OpenVINO on a processor and Keras on a GPU."""

import functools
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from brats_lib.cases.case import Case
from brats_lib.errors import BratsError, install_extra
from brats_lib.files import home_path
from brats_lib.prediction import fast, weights
from brats_lib.prediction.cards import Card
from brats_lib.prediction.trained import FOLDERS, TrainedCard
from brats_lib.recipes import DecisionRule, NativeRecipe, Recipe
from brats_lib.training import devices
from brats_lib.training.checkpoints import SETTINGS

if TYPE_CHECKING:
    import keras

ENGINES = ("auto", "openvino", "keras")
AnyRecipe = TypeVar("AnyRecipe", Recipe, NativeRecipe)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Network(Generic[AnyRecipe]):
    """A network that is ready to predict."""

    model: "keras.Model | fast.FastNetwork"
    recipe: AnyRecipe
    rule: DecisionRule = DecisionRule()  # a network of a `Recipe` looks at none


@dataclass(frozen=True)
class OpenedNetwork(Network[AnyRecipe]):
    """A network that was opened by its name: with its card, and with what computes it in which arithmetic."""

    card: Card = field(kw_only=True)
    engine: str = "keras"
    precision: str = "float32"


def describe(name: str | Path | None = None) -> Card:
    """The card of a network, which is not loaded for that; `name` as in `open_network`."""
    # As weights.read_card tells a path from a name: a folder that happens to have a network's name is none.
    if name is not None and (isinstance(name, Path) or os.sep in name) and home_path(name).is_dir():
        return TrainedCard.read(name)
    return weights.read_card(name)


def offered(runs: Path) -> tuple[dict[str, str | Path], list[str]]:
    """The networks to choose from: those that ship, the default first, then those that the runs in a folder trained.

    Returns name to what `open_network` takes, and why trained networks were left out, a message for each.
    """
    networks: dict[str, str | Path] = {name: name for name in weights.available()}
    problems = []
    for folder in (run / name for run in sorted(runs.glob("*")) for name in FOLDERS):
        if (folder / SETTINGS).exists():
            try:
                networks[TrainedCard.read(folder).name] = folder
            except BratsError as error:
                problems.append(str(error))
    return networks, problems


def learnt_from_warning(card: Card, case: Case, flair_hash: str) -> str | None:
    """What to say of a network on a case that it learnt from: what it finds there is no test of it.

    A sentence without its full stop, or None; `flair_hash` is the `voxel_hash` of the case's FLAIR image, empty where
    the network does without.
    """
    met = card.met(case, flair_hash)
    return met and f"{card.name} {met}; what it finds here says nothing about any other case"


def open_network(name: str | Path | None = None, engine: str = "auto") -> OpenedNetwork:
    """Load a network once per process.

    Parameters
    ----------
    name
        One of `weights.available`, the path of a card, or the folder of a training; the default network where omitted.
    engine
        "openvino", "keras" or "auto": Keras where its backend has a GPU and for recipes that OpenVINO's path does not
        know; else OpenVINO, and Keras again where that cannot be loaded, which is logged as a warning.
    """
    if engine not in ENGINES:
        raise BratsError(f"engine '{engine}'", "there is no such engine", f"one of {', '.join(ENGINES)}", "Use auto")
    card = describe(name)
    # The identity is part of what is remembered, so that weights or rules written anew are read anew.
    return _open(card.name if name is None else name, card.identity["sha256"], engine)


@functools.lru_cache(maxsize=4)
def _open(name, sha256, engine):
    card = describe(name)
    rule = card.rule or DecisionRule()
    if _engine_for(card, engine) == "keras":
        model = card.build()
        policy = model.layers[1].dtype_policy.name
        return OpenedNetwork(model, card.recipe, rule, card=card, engine="keras", precision=policy)
    # As with Keras: what it was trained in where this machine is fast with that, else float32.
    precision = "bfloat16" if card.precision == devices.cpu_precision() == "mixed_bfloat16" else "float32"
    model = fast.FastNetwork(card.arrays(), card.recipe, precision)
    return OpenedNetwork(model, card.recipe, rule, card=card, engine="openvino", precision=precision)


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
