"""What lasts longer than one run of the script: the cohort, a session's folder, and what the session computed."""

import tempfile

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from brats_lib.app.janitor import Janitor
from brats_lib.app.shelf import Shelf
from brats_lib.app.uploads import Inbox
from brats_lib.cohort import Cohort

__all__ = ["cohort", "inbox", "once", "predictions", "scans"]

# Predictions of 60 MB and scans of 80 MB: enough to compare two networks and to go back to the last case.
_PREDICTIONS, _SCANS = 4, 2


@st.cache_resource(show_spinner=False)
def once(name, _task):
    """Do something once in the life of the server."""
    _task()


@st.cache_resource(show_spinner="Looking for cases …")
def cohort(folder):
    """The cases of the server, for every session."""
    return Cohort.find(folder)


@st.cache_resource(show_spinner=False)
def _janitor():
    patience = st.get_option("server.disconnectedSessionTTL")
    return Janitor(runtime.get_instance().is_active_session, patience).start()


def inbox() -> Inbox:
    """Where this session's uploads go: a folder that is removed some time after the page is closed."""
    if "inbox" not in st.session_state:
        folder = tempfile.mkdtemp(prefix="scan-")
        _janitor().watch(get_script_run_ctx().session_id, folder)
        st.session_state["inbox"] = Inbox(folder)
    return st.session_state["inbox"]


def _shelf(name, places) -> Shelf:
    if name not in st.session_state:
        st.session_state[name] = Shelf(places)
    return st.session_state[name]


def predictions() -> Shelf:
    """Predictions of this session, under (fingerprint of the case, name of the network)."""
    return _shelf("predictions", _PREDICTIONS)


def scans() -> Shelf:
    """Scans of this session, under the fingerprint of the case."""
    return _shelf("scans", _SCANS)
