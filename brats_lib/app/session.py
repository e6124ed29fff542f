"""What lasts longer than one run of the script: the cohort, a session's folder, and what the session computed."""

import tempfile

import streamlit as st

from brats_lib.app.shelf import Shelf
from brats_lib.app.uploads import Inbox
from brats_lib.cohort import Cohort

__all__ = ["cohort", "inbox", "once", "predictions", "scans"]

# Three predictions of 60 MB and two scans of 80 MB: enough to compare two networks and to go back to the last case.
_PREDICTIONS, _SCANS = 4, 2


@st.cache_resource(show_spinner=False)
def once(name, _task):
    """Do something once in the life of the server."""
    _task()


@st.cache_resource(show_spinner="Looking for cases …")
def cohort(folder):
    """The cases of the server, for every session."""
    return Cohort.find(folder)


@st.cache_resource(show_spinner=False, scope="session", on_release=lambda folder: folder.cleanup())
def _folder():
    """A temporary folder of this session; Streamlit releases it some time after the last page is closed."""
    return tempfile.TemporaryDirectory(prefix="scan-")


def inbox() -> Inbox:
    """Where this session's uploads go."""
    if "inbox" not in st.session_state:
        st.session_state["inbox"] = Inbox(_folder().name)
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
