"""What is known of a network before it is loaded: one kind of card, for networks that ship and those trained here."""

import abc
import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from brats_lib.cases.case import Case
from brats_lib.recipes import DecisionRule, NativeRecipe, Recipe

if TYPE_CHECKING:
    import keras

INTENDED_USE = "research and teaching only, not a medical device"
# A network of the published recipe takes the most probable class, and has no rule.
DEFAULT_RULES = {NativeRecipe: DecisionRule(), Recipe: None}


@dataclass(frozen=True)
class Card(abc.ABC):
    """What a program must know of a network to use it."""

    intended_use: ClassVar[str] = INTENDED_USE

    name: str  # what `open_network` takes, such as "phantom+real"; of a training, what it is called on the screen
    title: str
    recipe: Recipe | NativeRecipe
    rule: DecisionRule | None
    precision: str  # what it was trained in, one of `devices.PRECISIONS`
    sha256: str  # of the file of weights

    @abc.abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """The weights by the names that Keras gives them."""

    @abc.abstractmethod
    def build(self, precision: str | None = None) -> "keras.Model":
        """The network, not compiled; by default in what it was trained in where this machine is fast with that."""

    @abc.abstractmethod
    def met(self, case: Case, flair_hash: str) -> str | None:
        """How the network met a case before, as a clause about it; None where nothing is known."""

    @abc.abstractmethod
    def summary(self) -> str:
        """The network in a list of networks."""

    @property
    def identity(self) -> dict:
        """What tells the predictions of this network from any other's: weights, how they are fed, what is decided.

        `name`, `weights_sha256`, `decision`, and `sha256` of all of them but the name, which may change.
        """
        decision = None if self.rule is None else asdict(self.rule)
        content = json.dumps([self.sha256, asdict(self.recipe), decision], sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()
        return {"name": self.name, "weights_sha256": self.sha256, "decision": decision, "sha256": digest}
