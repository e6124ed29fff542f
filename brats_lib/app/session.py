"""What lasts longer than one run of the script: the cohort, a session's folder, and what the sessions computed."""

import gc
import shutil
import tempfile
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from brats_lib.app import memory
from brats_lib.app.uploads import Inbox
from brats_lib.cases import Cohort

# Of all sessions together. A scan of BraTS size takes 80 MB and a prediction 60 MB; of the largest that are let in, a
# scan and four predictions beside each other fit.
_STORE = memory.Store(2 * 2**30)
# Session to the time, in seconds, at which its page was last seen open.
_LAST_SEEN: dict[str, float] = {}


@st.cache_resource(show_spinner="Looking for cases …")
def cohort(folder: str) -> Cohort:
    """The cases of the server, for every session."""
    return Cohort.find(folder)


def _own_id():
    return get_script_run_ctx().session_id


def enter() -> None:
    """Watch this session from its first run on."""
    _LAST_SEEN[_own_id()] = time.monotonic()


def sweep() -> None:
    """Remove all that sessions had which are over, files and memory; must run in the server's thread."""
    server = runtime.get_instance()
    over = memory.over(_LAST_SEEN, server.is_active_session, time.monotonic())
    for session in over:
        shutil.rmtree(_folder(session), ignore_errors=True)
        server.close_session(session)
    # Not only those: a result may have come after its page was closed.
    _STORE.keep_only(list(_LAST_SEEN))
    if over:
        gc.collect()  # what Streamlit held of them refers to itself


def _folder(session):
    return Path(tempfile.gettempdir(), f"scan-{session}")


def inbox() -> Inbox:
    """Where this session's uploads go: a folder that is removed some time after the page is closed."""
    if "inbox" not in st.session_state:
        folder = _folder(_own_id())
        folder.mkdir(mode=0o700)
        st.session_state["inbox"] = Inbox(folder)
    return st.session_state["inbox"]


def explain(message: object) -> str:
    """An error or a warning in the words of the person: files that were uploaded by the names they came with."""
    return inbox().explain(message) if "inbox" in st.session_state else str(message)


def held(kind: str, key: Hashable) -> Any:
    """What this session computed under a key, None where there is nothing."""
    return _STORE.get((_own_id(), kind, key))


def hold(kind: str, key: Hashable, value: Any) -> Any:
    """Hold what this session computed as long as there is room, and hand it back."""
    _STORE.put((_own_id(), kind, key), value)
    return value


def once(kind: str, key: Hashable, make: Callable[[], Any]) -> Any:
    """What `make` gives, called only where this session does not hold it."""
    value = held(kind, key)
    return hold(kind, key, make()) if value is None else value
