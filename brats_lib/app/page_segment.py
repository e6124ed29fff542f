"""The page of paper section 5: case, slice, scans, one button, overlay, probability maps and volumes; and more."""

import time
from dataclasses import dataclass

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
from brats_lib.weights import available, read_card

__all__ = ["Result", "show"]

VIEWS = ("Slice", "Three planes", "Compare networks")


@dataclass(frozen=True)
class Result:
    """A prediction, with what is worked out from it once: `rows` of `report.volume_rows` and the `seconds` it took."""

    network: str
    prediction: Prediction
    rows: list
    seconds: float


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
    results = [_result(scan, network, pressed) for network in networks]
    results = [result for result in results if result is not None]
    draw = {VIEWS[0]: page_results.slice_view, VIEWS[1]: page_results.plane_view, VIEWS[2]: page_results.compare_view}
    draw[view](scan, results, plane, point, look)


def _result(scan, network, pressed):
    """What a network says about a scan: from this session's shelf, or computed where the button was pressed."""
    shelf, key = session.predictions(), (scan.fingerprint, network)
    if pressed and key not in shelf:
        with st.spinner(f"Segmenting with {network} …", show_time=True):
            started = time.perf_counter()
            prediction = engine.segment(scan.case, network, scan.volumes)
            seconds = time.perf_counter() - started
            shelf.put(key, Result(network, prediction, volume_rows(prediction.mask, scan.spacing, scan.truth), seconds))
    return shelf.get(key)


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
    names = available()
    if view == VIEWS[2]:
        pair = st.multiselect("Networks", names, default=names[:2], max_selections=3)
        return pair or names[:1]
    name = st.selectbox(
        "Network", names, help="\n\n".join(f"**{plain(n)}**: {plain(read_card(n).title)}" for n in names)
    )
    return [name]


def _choose_look(scan):
    with st.expander("Display", expanded=True):
        modality = st.segmented_control("Overlay on", ["flair", "t1ce"], default="flair", required=True,
                                        format_func=modality_name)  # fmt: skip
        opacity = st.slider("Opacity", 0.0, 1.0, Look.opacity, 0.05)
        labels = st.pills("Classes", TUMOUR, default=TUMOUR, selection_mode="multi", format_func=LABEL_NAMES.get)
        truth = st.toggle("Ground truth", scan.truth is not None, disabled=scan.truth is None,
                          help="White borders of the true regions, where the case has a mask")  # fmt: skip
    return Look(opacity, tuple(labels), truth and scan.truth is not None, modality)
