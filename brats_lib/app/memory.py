"""What sessions hold in memory, and which sessions are over.

Streamlit forgets a session whose page was closed only when somebody opens another page, which may be never, and it
does not know of what we hold for it.
"""

import dataclasses
import threading
from collections.abc import Callable, Collection, Hashable
from typing import Any

import numpy as np

# A page may be gone for so long before its session is over, as when a laptop sleeps.
PATIENCE_S = 120


def over(last_seen: dict[str, float], is_active: Callable[[str], bool], now: float) -> list[str]:
    """Forget the sessions that have been gone for too long, and return them; `last_seen` and `now` in seconds."""
    last_seen.update(dict.fromkeys(filter(is_active, list(last_seen)), now))
    gone = [session for session, seen in last_seen.copy().items() if now - seen > PATIENCE_S]
    for session in gone:
        del last_seen[session]
    return gone


def _bytes(value):
    """How many bytes the arrays take that a value holds, in containers and data classes too."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(_bytes, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_bytes, value))
    return _bytes(vars(value)) if dataclasses.is_dataclass(value) else 0


class Store:
    """The latest results of all sessions together: the one not used for longest makes room.

    At most `most` bytes of arrays are held; what was put in last is held even if it has more. Keys are tuples whose
    first part is the session.
    """

    def __init__(self, most: int):
        self.most = most
        # Value and bytes, those used last at the end. Sessions may still change what they put in, so nobody else looks
        # into it.
        self._held: dict[tuple[Hashable, ...], tuple[Any, int]] = {}
        self._lock = threading.Lock()

    def get(self, key: tuple[Hashable, ...]) -> Any:
        """What is held under a key, None where there is nothing."""
        with self._lock:
            if key not in self._held:
                return None
            self._held[key] = self._held.pop(key)
            return self._held[key][0]

    def put(self, key: tuple[Hashable, ...], value: Any) -> None:
        """Hold a value, and drop those that were used longest ago where there is too much."""
        size = _bytes(value)
        with self._lock:
            self._held.pop(key, None)
            while self._held and size + sum(other for _, other in self._held.values()) > self.most:
                del self._held[next(iter(self._held))]
            self._held[key] = value, size

    def keep_only(self, sessions: Collection[Hashable]) -> None:
        """Drop what belongs to other sessions."""
        with self._lock:
            self._held = {key: held for key, held in self._held.items() if key[0] in sessions}
