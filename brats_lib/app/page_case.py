"""Choosing what to look at: a case of the list, or a scan of one's own."""

import streamlit as st

from brats_lib.app import session
from brats_lib.app.report import plain
from brats_lib.app.scans import Scan, open_scan
from brats_lib.app.uploads import MAX_UPLOAD_MB
from brats_lib.cases import Cohort
from brats_lib.errors import BratsError
from brats_lib.figures.style import modality_name

__all__ = ["choose"]

LISTED, OWN = "Listed cases", "My own scan"
_HELP = f"NIfTI, at most {MAX_UPLOAD_MB} MB. It stays on this machine and is removed after the page is closed."


def choose(cohort: Cohort) -> Scan | None:
    """Let the person choose; None until the files of an own scan are there."""
    kind = st.segmented_control("Source", [LISTED, OWN], default=LISTED, required=True, label_visibility="collapsed")
    case = _own() if kind == OWN else cohort[st.selectbox("Case", cohort.names)]
    if case is None:
        return None
    key = case.fingerprint()
    return session.held("scan", key) or session.hold("scan", key, open_scan(case))


def _own():
    """Uploaders, and the case that their files make; None where one is missing or was refused."""
    refused = [_receive("flair"), _receive("t1ce")]
    with st.expander("T1, T2 and a mask, if you have them"):
        refused += [_receive(role) for role in ("t1", "t2", "mask")]
    inbox = session.inbox()
    if inbox.doubtful():
        st.button("All files are of one scan", on_click=inbox.confirm)
    return None if any(refused) or inbox.missing() else inbox.case()


def _receive(role):
    """One uploader; says whether what was given had to be refused."""
    title = "Mask (labels 0, 1, 2, 4)" if role == "mask" else modality_name(role)
    # The browser keeps what it refuses to itself, so it is told to refuse nothing.
    given = st.file_uploader(title, key=f"upload-{role}", help=_HELP)
    seen = st.session_state.setdefault("seen", {})
    if given is None:
        if seen.pop(role, None):
            session.inbox().remove(role)
        return False
    # The script runs again at every move of a slider; a file is unpacked once.
    if seen.get(role, (None,))[0] != given.file_id:
        seen[role] = (given.file_id, _kept(role, given))
    message = seen[role][1]
    if message:
        st.error(message)
    return bool(message)


def _kept(role, given):
    """Unpack a file; what to say where it has to be refused, else nothing."""
    try:
        session.inbox().put(role, given.name, given.getbuffer())
    except BratsError as error:
        return plain(error)
    return ""
