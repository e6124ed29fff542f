"""Removes the folders of sessions that have ended.

Streamlit forgets a session whose page was closed only when somebody opens another page, which may be never.
"""

import shutil
import threading
import time

__all__ = ["Janitor"]


class Janitor:
    """Watch folders, and remove those of sessions that have been gone for a while.

    Parameters
    ----------
    is_active : callable
        Says of a session's id whether its page is open.
    patience : float
        Seconds that a session may be gone, as when a laptop sleeps.
    """

    def __init__(self, is_active, patience):
        self.is_active, self.patience = is_active, patience
        self._last_seen = {}
        self._folders = {}
        self._lock = threading.Lock()

    def watch(self, session, folder, now=None):
        """Watch the folder of a session."""
        with self._lock:
            self._folders[session] = folder
            self._last_seen[session] = time.monotonic() if now is None else now

    def sweep(self, now=None):
        """Look once; returns the folders that were removed."""
        now, removed = time.monotonic() if now is None else now, []
        with self._lock:
            for session, folder in list(self._folders.items()):
                if self.is_active(session):
                    self._last_seen[session] = now
                elif now - self._last_seen[session] > self.patience:
                    shutil.rmtree(folder, ignore_errors=True)
                    removed.append(folder)
                    del self._folders[session], self._last_seen[session]
        return removed

    def start(self, every=5.0):
        """Sweep again and again, in a thread that ends with the program."""

        def work():
            while True:
                time.sleep(every)
                self.sweep()

        threading.Thread(target=work, daemon=True, name="janitor").start()
        return self
