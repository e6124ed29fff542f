"""What all networks are made of: layers of one precision, each with initial weights from a seed of its own."""

import itertools
from collections.abc import Callable
from typing import Any

import keras
from keras import layers


class Layers:
    """Makes layers with weights or chance in them and applies them; `policy` is the dtype of all others, too.

    Without a seed, Keras's global random state is left to decide.
    """

    def __init__(self, precision: str, seed: int | None, initializer: Callable = keras.initializers.HeNormal):
        self.policy = keras.DTypePolicy(precision)
        # Layers that shared one integer seed would start with the same weights wherever their shapes agree.
        self._seeds = itertools.repeat(None) if seed is None else itertools.count(seed * 1000)
        self._initializer = initializer

    def initial(self, initializer: Callable | None = None) -> keras.Initializer:
        """The initializer of the next layer."""
        return (initializer or self._initializer)(seed=next(self._seeds))

    def conv(
        self, x: Any, width: int, kernel: int, name: str, strides: int = 1, kind: type = layers.Conv2D, **options
    ) -> Any:
        """A convolution; without strides it keeps the size, unless another `padding` is among the options."""
        options = {"padding": "same", "dtype": self.policy} | options
        options["kernel_initializer"] = options.get("kernel_initializer") or self.initial()
        return kind(width, kernel, strides, name=name, **options)(x)

    def dropout(self, x: Any, rate: float, name: str) -> Any:
        """Dropout with a seed of its own."""
        return layers.Dropout(rate, seed=next(self._seeds), dtype=self.policy, name=name)(x)
