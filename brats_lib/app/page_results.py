"""The three ways to look at results."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import streamlit as st

from brats_lib.app import drawing
from brats_lib.app.drawing import Look
from brats_lib.app.page_view import row
from brats_lib.app.report import NO_DISTANCE, legend, mask_file, picture_file, place, plain
from brats_lib.app.scans import Scan
from brats_lib.figures.style import Plane
from brats_lib.labels import LONG_NAMES, REGIONS
from brats_lib.prediction.inference import Prediction
from brats_lib.prediction.predict import NO_TUMOUR

# On a narrow screen the side bar is folded away.
_UNSEEN = "Press **Segment** in the side bar to see what the network finds."


class Result(NamedTuple):
    """The prediction of a network, the seconds it took, and its `report.volume_table`."""

    network: str
    prediction: Prediction
    seconds: float
    table: pd.DataFrame


def slice_view(scan: Scan, results: Sequence[Result], plane: Plane, point: list[int], look: Look) -> None:
    """One slice: FLAIR, T1ce, overlay, the probability of each region, and volumes (paper section 5)."""
    index = point[plane.axis]
    drawn = [drawing.original(scan, modality, plane, index) for modality in scan.volumes]
    maps = []
    if results:
        prediction = results[0].prediction
        drawn.append(drawing.overlay(scan, prediction.mask, plane, index, look))
    # What was brought back to the grid of a scanner is a mask alone.
    if results and prediction.probabilities.size:
        maps = [drawing.probability_panel(scan, prediction, name, plane, index) for name in REGIONS]
    left, right = st.columns([2.9, 1], gap="medium")
    with left:
        with st.container(key="scans"):
            places = row(drawn, 3)
        if not results:
            places[2].info(_UNSEEN)
            return
        if maps:
            with st.container(key="maps"):
                row(maps)
    with right:
        _numbers(scan, results[0])
        st.html(legend(look.labels, look.truth))
        _take_away(scan, results[0], drawn + maps, place(scan.case, plane, index))


def plane_view(scan: Scan, results: Sequence[Result], point: list[int], look: Look) -> None:
    """The three planes through one point; without a result, the scan alone."""
    mask = results[0].prediction.mask if results else None
    drawn = drawing.three_planes(scan, mask, point, look)
    row(drawn)
    st.html(legend(look.labels, look.truth))
    if not results:
        st.info(_UNSEEN)
        return
    left, right = st.columns(2)
    with left:
        _numbers(scan, results[0])
    with right:
        _take_away(scan, results[0], drawn, f"voxel {tuple(point)}")


def compare_view(scan: Scan, results: Sequence[Result], plane: Plane, point: list[int], look: Look) -> None:
    """The same slice as several networks see it, beside the truth where that is known."""
    if not results:
        return
    masks = {} if scan.truth is None else {"Truth": scan.truth}
    masks |= {result.network: result.prediction.mask for result in results}
    index = point[plane.axis]
    drawn = [drawing.overlay(scan, mask, plane, index, look, name) for name, mask in masks.items()]
    row(drawn, 3)
    st.html(legend(look.labels, look.truth))
    # There is a Dice where the truth is known.
    known = [name for name in ("mL", "Dice") if name in results[0].table]
    columns = {f"{result.network}, {name}": result.table[name] for result in results for name in known}
    if scan.truth is not None:
        columns["truth, mL"] = results[0].table["true"]
    st.table(pd.DataFrame(columns), border="horizontal")
    name, spot = scan.case.name, place(scan.case, plane, index)
    st.download_button("Picture (PNG)", lambda: picture_file(drawn, [f"{name}, {spot}"]), f"{name}_networks.png",
                       "image/png", on_click="ignore")  # fmt: skip


def _numbers(scan, result):
    """Volumes, and scores where the truth is known."""
    names = [f"{name} {LONG_NAMES[name]}" for name in REGIONS]
    if scan.truth is not None:
        names.append(f"HD95 in mm, {NO_DISTANCE} where a mask lacks the region")
    st.markdown("**Volumes in mL**")
    st.table(result.table, border="horizontal")
    st.caption(plain(f"{'; '.join(names)}. Network {result.network}, {result.seconds:.1f} s."))
    if not result.prediction.mask.any():
        st.warning(plain(f"{NO_TUMOUR}."), icon=":material/warning:")


def _take_away(scan, result, drawn, spot):
    """Downloads; the files are made when they are asked for."""
    name, volumes = scan.case.name, "; ".join(f"{region} {ml} mL" for region, ml in result.table["mL"].items())
    lines = [f"{name}, {spot}, network {result.network}", volumes]
    more = {"on_click": "ignore", "width": "stretch"}
    st.download_button("Mask (NIfTI)", lambda: mask_file(scan.case, result.prediction.mask), f"{name}_seg.nii.gz",
                       "application/gzip", icon=":material/download:", **more)  # fmt: skip
    st.download_button("Picture (PNG)", lambda: picture_file(drawn, lines), f"{name}.png", "image/png",
                       icon=":material/image:", **more)  # fmt: skip
