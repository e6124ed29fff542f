"""A place for large results of all sessions, where the one not used for longest makes room."""

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Shelf", "Store", "held"]


def held(value: Any) -> int:
    """How many bytes the arrays take that a value holds, in containers and data classes too."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(held, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(held, value))
    return held(vars(value)) if dataclasses.is_dataclass(value) else 0


class Store:
    """Keep what was computed last, of all sessions together.

    Parameters
    ----------
    most : int
        Bytes of arrays that are kept. What is put in last is kept even if it has more.
    """

    def __init__(self, most: int):
        self.most = most
        # Value and bytes: sessions may still change what they put in, so nobody else looks into it.
        self._kept: OrderedDict[tuple[Hashable, ...], tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """What is kept, in bytes."""
        with self._lock:
            return sum(size for _, size in self._kept.values())

    def get(self, key: tuple[Hashable, ...]) -> Any:
        """What is kept under a key, None where there is nothing."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key, (None, 0))[0]

    def put(self, key: tuple[Hashable, ...], value: Any) -> None:
        """Keep a value, and drop those that were used longest ago where there is too much."""
        size = held(value)
        with self._lock:
            self._kept.pop(key, None)
            room = self.most - size
            for other, (_, taken) in reversed(list(self._kept.items())):
                room -= taken
                if room < 0:
                    del self._kept[other]
            self._kept[key] = value, size

    def keep(self, owners: Iterable[Hashable]) -> None:
        """Drop what belongs to anybody else; the first part of a key is its owner."""
        owners = set(owners)
        with self._lock:
            for key in [key for key in self._kept if key[0] not in owners]:
                del self._kept[key]


@dataclass(frozen=True)
class Shelf:
    """The results of one kind in a store that are one session's.

    Attributes
    ----------
    store : Store
    owner, kind : hashable
        Whose they are, and what.
    """

    store: Store
    owner: Hashable
    kind: Hashable

    def get(self, key: Hashable) -> Any:
        """What is kept under a key, None where there is nothing."""
        return self.store.get((self.owner, self.kind, key))

    def put(self, key: Hashable, value: Any) -> Any:
        """Keep a value, and hand it back."""
        self.store.put((self.owner, self.kind, key), value)
        return value

    def take(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What is kept under a key, made first where there is nothing. What raises keeps nothing."""
        kept = self.get(key)
        return self.put(key, make()) if kept is None else kept
