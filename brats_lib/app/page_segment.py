"""The page of paper section 5: case, slice, scans, one button, overlay, probability maps and volumes; and more."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from brats_lib.app import engine, page_case, page_results, session
from brats_lib.app.page_head import head
from brats_lib.app.panels import Look
from brats_lib.app.report import volume_rows
from brats_lib.app.scans import PLANES, clamp, start_slices
from brats_lib.app.wording import axis_name, plain, where
from brats_lib.errors import BratsError
from brats_lib.figures.style import TUMOUR, modality_name
from brats_lib.inference import Prediction
from brats_lib.labels import LABEL_NAMES
from brats_lib.networks import describe
from brats_lib.trained import Trained
from brats_lib.weights import Card

__all__ = ["Result", "show"]

VIEWS = ("Slice", "Three planes", "Compare networks")
# Beside each other, and kept: `session.predictions` holds as many.
MOST_NETWORKS = 4


@dataclass
class Result:
    """A prediction, what is known of the network, and the seconds it took."""

    card: Card | Trained
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
    cohort : brats_lib.cohort.Cohort
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
    view = st.segmented_control("View", VIEWS, default=VIEWS[0], required=True, label_visibility="collapsed")
    with st.sidebar:
        plane = None
        if view != VIEWS[1]:
            plane = PLANES[st.radio("Plane", list(PLANES), format_func=str.capitalize, horizontal=True)]
        point = _choose_slices(scan, range(3) if plane is None else [plane.axis])
        networks = _choose_networks(view)
        pressed = st.button("Segment", type="primary", width="stretch", icon=":material/play_arrow:")
        look = _choose_look(scan)
    for warning in scan.warnings:
        st.warning(plain(f"{warning}."), icon=":material/warning:")
    st.caption(plain(f"{cohort.source if scan.case in cohort.cases else 'Own scan'} · case {scan.case.name} · "
                     f"{where(plane)}"))  # fmt: skip
    results = list(_results(scan, networks, pressed))
    draw = {VIEWS[0]: page_results.slice_view, VIEWS[1]: page_results.plane_view, VIEWS[2]: page_results.compare_view}
    draw[view](scan, results, plane, point, look)


def _results(scan, networks, pressed):
    """What networks say about a scan: from this session's shelf, or computed where the button was pressed."""
    shelf = session.predictions()
    for network in networks:
        try:
            card = describe(network)
            # Weights and decision rule, not the name: a run may train its network again while the page is open.
            key = (scan.fingerprint, card.identity["sha256"])
            if pressed and key not in shelf:
                with st.spinner(f"Segmenting with {plain(card.name)} …", show_time=True):
                    started = time.perf_counter()
                    prediction = engine.segment(scan.case, network, scan.volumes)
                    shelf.put(key, Result(card, prediction, time.perf_counter() - started))
        except BratsError as error:
            # What one network cannot take, such as another grid than the paper's, another may.
            st.error(plain(page_case.explain(error)))
            continue
        if key in shelf:
            yield shelf.get(key)


def _choose_slices(scan, axes):
    """Sliders for some axes; the point they make together is kept for each scan, whichever of them are displayed."""
    points = st.session_state.setdefault("points", {})
    point = points.setdefault(scan.fingerprint, list(start_slices(scan)))

    def moved(axis):
        point[axis] = st.session_state[f"slice-{axis}"]

    for axis in axes:
        # A widget that is not displayed forgets its value, so the point is what counts and the widget is told.
        st.session_state[f"slice-{axis}"] = point[axis]
        st.slider(f"Slice ({axis_name(axis)})", 0, max(1, scan.shape[axis] - 1), key=f"slice-{axis}", on_change=moved,
                  args=(axis,))  # fmt: skip
    return tuple(map(clamp, point, scan.shape))


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
    return Look(opacity, tuple(labels), truth and scan.truth is not None, modality)
