"""The three ways to look at results."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from brats_lib.app import panels
from brats_lib.app.page_view import row
from brats_lib.app.panels import Look
from brats_lib.app.report import (
    NO_DISTANCE,
    legend,
    mask_file,
    picture_file,
    place,
    plain,
    volume_table,
)
from brats_lib.app.scans import Scan
from brats_lib.figures.style import Plane
from brats_lib.labels import LONG_NAMES, REGIONS
from brats_lib.prediction.cards import Card
from brats_lib.prediction.inference import Prediction
from brats_lib.prediction.predict import NO_TUMOUR

__all__ = ["Result", "compare_view", "plane_view", "slice_view"]

# On a narrow screen the side bar is folded away.
_UNSEEN = "Press **Segment** in the side bar to see what the network finds."


@dataclass
class Result:
    """A prediction, what is known of the network, and the seconds it took."""

    card: Card
    prediction: Prediction
    seconds: float
    _table: pd.DataFrame | None = None

    @property
    def name(self) -> str:
        """Of the network."""
        return self.card.name

    def table(self, scan: Scan) -> pd.DataFrame:
        """`report.volume_table`, made once, and after the pictures: distances take as long as all of these."""
        if self._table is None:
            self._table = volume_table(self.prediction.mask, scan.spacing, scan.truth)
        return self._table


def slice_view(scan: Scan, results: Sequence[Result], plane: Plane, point: list[int], look: Look) -> None:
    """One slice: FLAIR, T1ce, overlay, the probability of each region, and volumes (paper section 5)."""
    index = point[plane.axis]
    drawn = [panels.original(scan, modality, plane, index) for modality in ("flair", "t1ce")]
    if results:
        drawn.append(panels.overlay(scan, results[0].prediction.mask, plane, index, look))
        drawn += [panels.probability(scan, results[0].prediction, name, plane, index) for name in REGIONS]
    left, right = st.columns([2.9, 1], gap="medium")
    with left:
        with st.container(key="scans"):
            places = row(drawn[:3], 3)
        if not results:
            places[2].info(_UNSEEN)
            return
        with st.container(key="maps"):
            row(drawn[3:])
    with right:
        _numbers(scan, results[0])
        st.html(legend(look.labels, look.truth))
        _take_away(scan, results[0], drawn, place(plane, index, scan.shape, scan.spacing))


def plane_view(scan: Scan, results: Sequence[Result], point: list[int], look: Look) -> None:
    """The three planes through one point; without a result, the scan alone."""
    mask = results[0].prediction.mask if results else None
    drawn = panels.three_planes(scan, mask, point, look)
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


def compare_view(scan: Scan, results: Sequence[Result], note: str, plane: Plane, point: list[int], look: Look) -> None:
    """The same slice as several networks see it, beside the truth where that is known; `note` says which are not."""
    index = point[plane.axis]
    if note:
        st.info(plain(note))
    if not results:
        return
    drawn = [panels.overlay(scan, result.prediction.mask, plane, index, look, result.name) for result in results]
    if scan.truth is not None:
        drawn.insert(0, panels.overlay(scan, scan.truth, plane, index, look, "Truth"))
    row(drawn, 3)
    st.html(legend(look.labels, look.truth))
    st.table(_compared(scan, results), border="horizontal")
    spot = f"{scan.case.name}, {place(plane, index, scan.shape, scan.spacing)}"
    st.download_button("Picture (PNG)", lambda: picture_file(drawn, [spot]), f"{scan.case.name}_networks.png",
                       "image/png", on_click="ignore")  # fmt: skip


def _compared(scan, results):
    """Volume, and Dice where the truth is known, of each region by network."""
    columns = {}
    for result in results:
        table = result.table(scan)
        columns |= {f"{result.name}, {what}": table[what] for what in ("mL", "Dice") if what in table}
    return pd.DataFrame(columns | ({"truth, mL": table["true"]} if scan.truth is not None else {}))


def _numbers(scan, result):
    """Volumes, and scores where the truth is known."""
    names = [f"{name} {LONG_NAMES[name]}" for name in REGIONS]
    if scan.truth is not None:
        names.append(f"HD95 in mm, {NO_DISTANCE} where a mask lacks the region")
    st.markdown("**Volumes in mL**")
    st.table(result.table(scan), border="horizontal")
    st.caption(plain(f"{'; '.join(names)}. Network {result.name}, {result.seconds:.1f} s."))
    if not result.prediction.mask.any():
        st.warning(plain(f"{NO_TUMOUR}."), icon=":material/warning:")


def _take_away(scan, result, drawn, spot):
    """Downloads; the files are made when they are asked for."""
    name, volumes = scan.case.name, result.table(scan)["mL"]
    lines = [f"{name}, {spot}, network {result.name}", "; ".join(f"{region} {ml} mL" for region, ml in volumes.items())]
    more = {"on_click": "ignore", "width": "stretch"}
    st.download_button("Mask (NIfTI)", lambda: mask_file(scan.case, result.prediction.mask), f"{name}_seg.nii.gz",
                       "application/gzip", icon=":material/download:", **more)  # fmt: skip
    st.download_button("Picture (PNG)", lambda: picture_file(drawn, lines), f"{name}.png", "image/png",
                       icon=":material/image:", **more)  # fmt: skip
