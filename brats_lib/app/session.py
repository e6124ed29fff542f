"""What lasts longer than one run of the script: the cohort, a session's folder, and what the session computed."""

import tempfile

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from brats_lib.app import engine
from brats_lib.app.janitor import Janitor
from brats_lib.app.shelf import Shelf
from brats_lib.app.uploads import Inbox
from brats_lib.cohort import Cohort
from brats_lib.networks import describe, offered
from brats_lib.runs import find_root

__all__ = ["cohort", "inbox", "networks", "predictions", "scans", "warm_up"]

# Predictions of 60 MB and scans of 80 MB: enough to compare two networks and to go back to the last case.
_PREDICTIONS, _SCANS = 4, 2


@st.cache_resource(show_spinner=False)
def _warm_up(weights, _network):
    engine.warm_up(_network)


def warm_up(network=None):
    """Make a network ready before the button is pressed, once in the life of the server."""
    _warm_up(describe(network).sha256, network)


@st.cache_resource(show_spinner="Looking for cases …")
def cohort(folder):
    """The cases of the server, for every session."""
    return Cohort.find(folder)


def networks():
    """The networks to choose from, and what is wrong with those that are left out; as `networks.offered`."""
    return offered(find_root() / "runs")


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
    """Predictions of this session, under (fingerprint of the case, hash of the network's identity)."""
    return _shelf("predictions", _PREDICTIONS)


def scans() -> Shelf:
    """Scans of this session, under the fingerprint of the case."""
    return _shelf("scans", _SCANS)
