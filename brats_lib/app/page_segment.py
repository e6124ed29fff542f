"""The page of paper section 5: case, slice, scans, one button, overlay, probability maps and volumes; and more."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from brats_lib.app import engine, page_case, page_results, page_view, session
from brats_lib.app.page_head import head
from brats_lib.app.panels import Look
from brats_lib.app.report import volume_rows
from brats_lib.app.scans import PLANES
from brats_lib.app.wording import compare_note, files_line, plain, where
from brats_lib.errors import BratsError
from brats_lib.figures.style import TUMOUR, modality_name
from brats_lib.labels import LABEL_NAMES
from brats_lib.prediction.cards import Card
from brats_lib.prediction.inference import Prediction
from brats_lib.prediction.networks import describe, learnt_from_warning

__all__ = ["Result", "show"]

VIEWS = ("Slice", "Three planes", "Compare networks")
# Beside each other, and kept: `session.predictions` holds as many.
MOST_NETWORKS = 4


@dataclass
class Result:
    """A prediction, what is known of the network, and the seconds it took."""

    card: Card
    prediction: Prediction
    seconds: float
    _rows: list = field(default_factory=list)

    @property
    def name(self):
        """Of the network."""
        return self.card.name

    def rows(self, scan):
        """`report.volume_rows`, worked out once, and after the pictures: distances take as long as all of these."""
        self._rows = self._rows or volume_rows(self.prediction.mask, scan.spacing, scan.truth)
        return self._rows


def show(cohort):
    """Draw the page.

    Parameters
    ----------
    cohort : brats_lib.cases.Cohort
    """
    head("Brain Tumor Segmentation")
    try:
        _page(cohort)
    except BratsError as error:
        st.error(plain(page_case.explain(error)))


def _page(cohort):
    with st.sidebar:
        scan = page_case.choose(cohort)
        if scan is None:
            st.session_state.pop("shown", None)
    if scan is None:
        st.info("Upload the FLAIR and the T1ce file of one scan, on the left.")
        return
    toolbar = st.container(horizontal=True, vertical_alignment="center")
    view = toolbar.segmented_control("View", VIEWS, default=VIEWS[0], required=True, label_visibility="collapsed")
    with st.sidebar:
        planes = list(PLANES.values())
        if view != VIEWS[1]:
            planes = [PLANES[st.radio("Plane", list(PLANES), format_func=str.capitalize, horizontal=True)]]
        axes = sorted(plane.axis for plane in planes)
        point = page_view.choose_slices(scan, axes, scan.fingerprint)
        networks = _choose_networks(view)
        pressed = st.button("Segment", type="primary", width="stretch", icon=":material/play_arrow:")
        look = _choose_look(scan)
    with toolbar:
        shown = page_view.adjust(scan, point)
    if scan.warnings:
        told = "  \n".join(plain(f"{page_case.explain(warning)}.") for warning in scan.warnings)
        st.warning(told, icon=":material/warning:")
    plane = planes[0] if len(planes) == 1 else None
    if scan.case in cohort.cases:
        source = f"{cohort.source} · case {scan.case.name}"
        names = {role: path.name for role, path in {**scan.case.files, "mask": scan.case.mask_file}.items() if path}
    else:
        source, names = "Own scan", session.inbox().names()
    roles = scan.volumes if scan.truth is None else (*scan.volumes, "mask")
    used = {role: names[role] for role in roles}
    st.caption(f"{plain(f'{source} · {where(plane)}')}  \n{plain(files_line(used))}")
    results, waiting = _results(scan, networks, pressed)
    if results:
        with toolbar:
            page_view.find_tumour(scan, point, results[0].prediction.mask)
    if view == VIEWS[0]:
        page_results.slice_view(shown, results, plane, point, look)
    elif view == VIEWS[1]:
        page_results.plane_view(shown, results, point, look)
    else:
        note = compare_note(len(networks), waiting)
        page_results.compare_view(shown, results, note, plane, point, look)
    page_view.listen(shown, planes, point)


def _results(scan, networks, pressed):
    """What networks say about a scan, from this session's shelf or computed where the button was pressed; and the
    names of those that wait for the button."""
    shelf, results, waiting = session.predictions(), [], []
    for network in networks:
        try:
            card = describe(network)
            if learnt := learnt_from_warning(card, scan.case, scan.flair_hash):
                st.warning(plain(f"{learnt}."), icon=":material/school:")
            # Weights and decision rule, not the name: a run may train its network again while the page is open.
            key = (scan.fingerprint, card.identity["sha256"])
            result = shelf.get(key)
            if pressed and result is None:
                with st.spinner(f"Segmenting with {plain(card.name)} …", show_time=True):
                    started = time.perf_counter()
                    prediction = engine.segment(scan.case, network, scan.volumes)
                    result = shelf.put(key, Result(card, prediction, time.perf_counter() - started))
        except BratsError as error:
            # What one network cannot take, such as another grid than the paper's, another may.
            st.error(plain(page_case.explain(error)))
            continue
        if result is None:
            waiting.append(card.name)
        else:
            results.append(result)
    return results, waiting


def _choose_networks(view):
    """What `open_network` takes, for each network that was chosen."""
    networks, problems = session.networks()
    names = list(networks)
    about = "\n\n".join(f"**{plain(name)}**: {plain(describe(network).title)}" for name, network in networks.items())
    if view == VIEWS[2]:
        # Beside the default the paper's recipe, once a run has trained it.
        second = next((name for name, network in networks.items() if isinstance(network, Path)), names[-1])
        chosen = st.multiselect(
            "Networks", names, list(dict.fromkeys([names[0], second])), max_selections=MOST_NETWORKS, help=about
        )
        chosen = chosen or names[:1]
        if not any(isinstance(network, Path) for network in networks.values()):
            st.caption("To choose the paper's network too, train it: `make book` in a checkout keeps it in `runs/`.")
    else:
        chosen = [st.selectbox("Network", names, help=about)]
    for problem in problems:
        st.caption(f":material/warning: {plain(f'A trained network is left out: {problem}')}")
    for name in chosen:
        # A network of a run has to wait for Keras to load.
        session.warm_up(networks[name])
    return [networks[name] for name in chosen]


def _choose_look(scan):
    with st.expander("Display", expanded=True):
        modality = st.segmented_control("Overlay on", ["flair", "t1ce"], default="flair", required=True,
                                        format_func=modality_name)  # fmt: skip
        opacity = st.slider("Opacity", 0.0, 1.0, Look.opacity, 0.05)
        labels = st.pills("Classes", TUMOUR, default=TUMOUR, selection_mode="multi", format_func=LABEL_NAMES.get)
        truth = st.toggle("Ground truth", scan.truth is not None, disabled=scan.truth is None,
                          help="White borders of the true regions, where the case has a mask")  # fmt: skip
    return Look(opacity, tuple(sorted(labels)), truth and scan.truth is not None, modality)
