"""A scan of one's own: what it is uploaded by, and what comes from the scanner is prepared first."""

import shutil
from pathlib import Path

import streamlit as st

from brats_lib.app import scanned, session
from brats_lib.app.archives import MAX_ARCHIVE_MB, unpack
from brats_lib.app.report import plain
from brats_lib.app.scans import NEEDED, Scan, open_scan
from brats_lib.app.uploads import MAX_UPLOAD_MB, shown_name
from brats_lib.cases import MODALITIES
from brats_lib.cases.scanner import need_libraries
from brats_lib.errors import BratsError
from brats_lib.figures.style import modality_name

GRIDS = ("Prepared", "As scanned")
_KEPT = "It stays on this machine and is removed after the page is closed."


def choose(place) -> tuple[Scan | None, dict[str, str]]:
    """Draw uploaders; the scan that was uploaded, and by modality what it is made of.

    There is no scan before it can be opened. What is to be done for that is drawn in `place`.
    """
    study = st.file_uploader("DICOM folder (zip)", key="upload-study",
                             help=f"As it comes from the scanner, at most {MAX_ARCHIVE_MB} MB. {_KEPT}")  # fmt: skip
    if _take("study", study, _read_study, _remove_study):
        return None, {}
    if study is not None:
        return _from_study(study, place)
    refused = [_receive("flair"), _receive("t1ce")]
    with st.expander("T1, T2 and a mask, if you have them"):
        refused += [_receive(role) for role in ("t1", "t2", "mask")]
    inbox = session.inbox()
    if inbox.doubtful():
        st.button("All files are of one scan", on_click=inbox.confirm)
    if inbox.missing():
        place.info("Upload the FLAIR and the T1ce file of one scan, or a zip file of its DICOM folder, on the left.")
    if any(refused) or inbox.missing():
        return None, {}
    return _from_files(inbox, place)


def _receive(role):
    """The uploader of one file; gives why it had to be refused, or nothing."""
    title = "Mask (labels 0, 1, 2, 4)" if role == "mask" else modality_name(role)
    given = st.file_uploader(title, key=f"upload-{role}", help=f"NIfTI, at most {MAX_UPLOAD_MB} MB. {_KEPT}")
    # The inbox is made by whoever uploads something.
    return _take(role, given, lambda file: session.inbox().put(role, file.name, file.getbuffer()),
                 lambda: session.inbox().remove(role))  # fmt: skip


def _take(role, given, put, remove):
    """Take what an uploader has, once; gives why it had to be refused, or nothing."""
    seen = st.session_state.setdefault("seen", {})
    if given is None:
        if seen.pop(role, None):
            remove()
        return ""
    # The script runs again at every move of a slider; a file is unpacked once.
    if seen.get(role, ("", ""))[0] != given.file_id:
        message = ""
        try:
            put(given)
        except BratsError as error:
            message = plain(session.explain(error))
        # Not before: where the script is stopped meanwhile, the next run takes the file.
        seen[role] = given.file_id, message
    message = seen[role][1]
    if message:
        st.error(message)
    return message


def _study_folder() -> Path:
    return session.inbox().folder / "study"


def _remove_study():
    shutil.rmtree(_study_folder(), ignore_errors=True)


def _unpack(study):
    unpack(study.getvalue(), _study_folder(), f"zip file “{shown_name(study.name)}”")


def _read_study(study):
    """Unpack a zip file, and keep what its headers say of every series."""
    need_libraries()
    from brats_lib.cases.scanner.recognition import find_series, propose

    _remove_study()
    with st.spinner("Reading headers …"):
        _unpack(study)
        remarks = []
        try:
            series = find_series(_study_folder(), remarks)
        except BratsError:
            _remove_study()
            raise
        st.session_state["study"] = series, propose(series, {}, remarks), remarks


def _from_study(study, place):
    """The scan that is made of series of a study, which a person may choose otherwise than was recognised."""
    from brats_lib.cases.scanner.recognition import described

    series, proposed, remarks = st.session_state["study"]
    sound = [each for each in series if not each.problem]
    chosen = {}
    with place.expander("Which series is which modality", expanded=not _is_made(study.file_id)):
        for column, modality in zip(st.columns(2) * 2, MODALITIES, strict=True):
            first, why = proposed.get(modality, (None, ""))
            place_of_first = sound.index(first) + 1 if first in sound else 0
            picked = column.selectbox(modality_name(modality), range(len(sound) + 1), place_of_first,
                                      format_func=lambda n: described(sound[n - 1]) if n else "none",
                                      key=f"{modality}-{study.file_id}")  # fmt: skip
            if picked:
                each = sound[picked - 1]
                chosen[modality] = each, why if each is first else "as you said"
        for remark in remarks:
            st.caption(plain(f"{remark}."))

    def make(report):
        if not _study_folder().is_dir():
            _unpack(study)
        scanned.make(chosen, remarks, session.inbox().folder, report)
        # Its headers name the patient, and it can be unpacked again.
        _remove_study()

    return _prepared(study.file_id, chosen, make, place), {name: each.name for name, (each, _) in chosen.items()}


def _from_files(inbox, place):
    """The scan that NIfTI files make, as they are or prepared, and their names."""
    names = inbox.names()
    source = tuple(st.session_state["seen"][name][0] for name in names)
    if not _is_made(source):
        try:
            case = inbox.case()
            return session.once("scan", case.fingerprint(), lambda: open_scan(case)), names
        except BratsError as error:
            # What it says to do can be done here.
            if "`brats prepare`" not in error.advice:
                raise
            place.error(plain(session.explain(error)))
    need_libraries()
    from brats_lib.cases.scanner.series import nifti_series

    chosen = {name: (nifti_series(inbox.path(name)), "as you said") for name in MODALITIES if name in names}
    return _prepared(source, chosen, lambda report: scanned.make(chosen, (), inbox.folder, report), place), names


def _is_made(source):
    """Whether what was prepared last was made of this upload."""
    return st.session_state.get("prepared", (None,))[0] == source


def _prepared(source, chosen, make, place):
    """What `make` makes of series of an upload, once that is asked for; None before."""
    files = [series.files[0] for series, _ in chosen.values()]
    if missing := [modality_name(name) for name in NEEDED if name not in chosen]:
        place.warning(f"Nothing says which series is {' and which is '.join(missing)}. Choose above.")
        return None
    if len(set(files)) < len(files):
        place.warning("One series is chosen for two modalities.")
        return None
    key = source, *zip(chosen, files, strict=True)
    if st.session_state.get("prepared") != key:
        place.caption("Preparing aligns the modalities and removes the skull. It takes minutes.")
        if not place.button("Prepare", type="primary", icon=":material/play_arrow:"):
            return None
        st.session_state["prepared"] = (None,)
        with place.status("Preparing …", expanded=True) as status:
            make(lambda step: status.write(f"{step.capitalize()} …"))
        st.session_state["prepared"], st.session_state["look"] = key, True
        st.rerun()
    asked = st.button("Report of the preparation", icon=":material/description:", width="stretch")
    if st.session_state.pop("look", False) or asked:
        _show_report()
    return session.once("scan", key, lambda: scanned.open_prepared(session.inbox().folder, chosen))


@st.dialog("Check the preparation first", width="large")
def _show_report():
    path = scanned.report_file(session.inbox().folder)
    st.download_button("Report (HTML)", path.read_bytes(), path.name, "text/html", on_click="ignore",
                       icon=":material/download:")  # fmt: skip
    st.iframe(path, height=640, alt="Report of the preparation")


def choose_grid(scan: Scan) -> Scan:
    """Draw a switch where a scan was prepared; which of both is to be looked at."""
    if scan.original is None:
        return scan
    grid = st.segmented_control("View of the scan", GRIDS, default=GRIDS[0], required=True,
                                help="As the networks see it, or the T1ce on its own grid")  # fmt: skip
    return scan if grid == GRIDS[0] else scan.original
