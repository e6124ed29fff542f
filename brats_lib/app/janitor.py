"""Knows which sessions have ended.

Streamlit forgets a session whose page was closed only when somebody opens another page, which may be never, and it does
not know of what we keep.
"""

import time

__all__ = ["PATIENCE_S", "Janitor"]

# A page may be gone for so long before its session is over, as when a laptop sleeps.
PATIENCE_S = 120
# And for so long where somebody opened another page since, who needs the memory.
HURRY_S = 10


class Janitor:
    """Watch sessions."""

    def __init__(self):
        self._last_seen, self._last_came = {}, 0.0

    def watch(self, session, now=None):
        """Watch a session whose page is open."""
        self._last_seen[session] = self._last_came = time.monotonic() if now is None else now

    def sessions(self):
        """Those that are watched."""
        return list(self._last_seen)

    def over(self, is_active, now=None):
        """Forget the sessions that have been gone for too long, and return them.

        Parameters
        ----------
        is_active : callable
            Says of a session whether its page is open.
        """
        now, over = time.monotonic() if now is None else now, []
        for session in self.sessions():
            seen = self._last_seen[session]
            if is_active(session):
                self._last_seen[session] = now
            elif now - seen > (HURRY_S if self._last_came > seen else PATIENCE_S):
                del self._last_seen[session]
                over.append(session)
        return over
