"""A place for a few large results, where the one not used for longest makes room."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["Shelf"]


class Shelf:
    """Keep what was computed last.

    Parameters
    ----------
    places : int
        How many results are kept. A prediction of BraTS size takes about 60 MB.
    """

    def __init__(self, places: int):
        if places < 1:
            raise ValueError(f"places is {places}; it must be at least 1")
        self.places = places
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Any:
        """What was kept under a key, None where there is nothing."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Hashable, value: Any) -> Any:
        """Keep a value, hand it back, and drop the one that was used longest ago where there are too many."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > self.places:
            self._kept.popitem(last=False)
        return value

    def take(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What is kept under a key, made first where there is nothing. What raises keeps nothing."""
        return self.get(key) if key in self._kept else self.put(key, make())
