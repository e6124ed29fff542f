"""What both pages share: panels in a row, and what a reader of scans turns while looking.

Slices, also by the wheel over a picture, zoom, and grey levels. A point is the list of a voxel's x, y and z; it is
changed in place.
"""

import time
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import streamlit as st

from brats_lib.app.drawing import Panel, png
from brats_lib.app.report import plain
from brats_lib.app.scans import PLANES, Scan, clamp, point_at, start_slices, zoom_box
from brats_lib.figures.style import Plane, modality_name

ZOOMS = (1, 2, 4)
_PICTURES = st.components.v2.component("pictures", js=Path(__file__).with_name("pictures.js").read_text("utf-8"))


def row(drawn: Sequence[Panel], places: int = 0) -> list:
    """Draw panels side by side in one scale, each as wide as if there were at least so many; the columns of all."""
    widths = [panel.picture.shape[1] for panel in drawn]
    columns = st.columns(widths + widths[:1] * (places - len(drawn)), gap="small")
    for column, panel in zip(columns, drawn, strict=False):
        with column:
            st.markdown(f"**{plain(panel.heading)}**")
            st.image(png(panel.picture), width="stretch", alt=panel.alt, output_format="PNG")
    return columns


def choose_plane() -> Plane:
    """Round buttons for one of the three planes."""
    return PLANES[st.radio("Plane", list(PLANES), format_func=str.capitalize, horizontal=True)]


def choose_slices(scan: Scan, axes: Iterable[int], name: Hashable, mask: np.ndarray | None = None) -> list[int]:
    """Sliders for some axes of a scan; the point that they make together.

    It is held under `name`, whichever of them are displayed, and begins where `scans.start_slices` says.
    """
    points = st.session_state.setdefault("points", {})
    if name not in points:
        points[name] = list(start_slices(scan, mask))
    point, shape = points[name], scan.case.shape

    def moved(axis):
        point[axis] = clamp(st.session_state[f"slice-{axis}"], shape[axis])

    for axis in axes:
        key, last = f"slice-{axis}", max(1, shape[axis] - 1)
        # A widget that is not displayed forgets its value, so the point is what counts and the widget follows it.
        st.session_state[key] = point[axis]
        st.slider(f"Slice ({'xyz'[axis]})", 0, last, key=key, on_change=moved, args=(axis,))
    return point


def adjust(scan: Scan, point: Sequence[int]) -> Scan:
    """Controls of zoom, around a point, and of grey levels; the same scan in another box and window."""
    zoom = st.segmented_control("Zoom", ZOOMS, default=1, required=True, format_func="{}×".format, key="zoom",
                                label_visibility="collapsed")  # fmt: skip
    levels = st.session_state.setdefault("levels", {}).setdefault(scan.fingerprint, dict(scan.levels))
    with st.popover("Grey levels", icon=":material/contrast:"):
        for modality, (low, high) in scan.ranges.items():
            _window(modality, levels, low, high)
        first, second = st.columns(2)
        first.button("Auto", on_click=levels.update, args=(scan.levels,), width="stretch",
                     help="1st to 99.8th percentile of the brain")  # fmt: skip
        second.button("Full range", on_click=levels.update, args=(scan.ranges,), width="stretch",
                      help="From the smallest to the largest value")  # fmt: skip
    return replace(scan, levels=dict(levels), box=zoom_box(scan.box, point, zoom))


def _window(modality, levels, low, high):
    """A slider with two ends, what is shown black and what is shown white, in the units of the image."""
    key, name = f"levels-{modality}", modality_name(modality)

    def moved():
        levels[modality] = st.session_state[key]

    st.session_state[key] = levels[modality]
    black, white = st.slider(f"{name}, black to white", low, high, step=(high - low) / 500, key=key, on_change=moved,
                             format="%.4g")  # fmt: skip
    st.caption(plain(f"Level {(black + white) / 2:.4g}, width {white - black:.4g}, in the units of the file"))


def find_tumour(scan: Scan, point: list[int], mask: np.ndarray) -> None:
    """A button that moves the point to the slices with the largest area of tumour."""

    def jump():
        point[:] = start_slices(scan, mask)

    st.button("Go to the largest area", on_click=jump, icon=":material/my_location:", disabled=not mask.any())


def listen(view: Scan, planes: Sequence[Plane], point: list[int]) -> None:
    """Let the wheel over a picture turn its slices, and a click move the point there; drawn after the pictures.

    The pictures show the scan as `view`; `planes` are theirs in turn, one for all or as many as there are.
    """

    def turned():
        asked = st.session_state["pictures"].turned
        axis = asked["axis"]
        point[axis] = clamp(point[axis] + asked["steps"], view.case.shape[axis])

    def pressed():
        asked = st.session_state["pictures"].pressed
        (plane,) = (plane for plane in PLANES.values() if plane.axis == asked["axis"])
        point[:] = map(clamp, point_at(plane, view.box, point, asked["across"], asked["down"]), view.case.shape)

    # The time makes it news, by which the page knows that what it asked for has been drawn.
    data = {"axes": [plane.axis for plane in planes], "drawn": time.time_ns()}
    _PICTURES(key="pictures", data=data, on_turned_change=turned, on_pressed_change=pressed)
