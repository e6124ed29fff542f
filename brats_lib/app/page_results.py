"""The three ways to look at results."""

import pandas as pd
import streamlit as st

from brats_lib.app import panels
from brats_lib.app.drawing import png
from brats_lib.app.report import mask_file, picture_file
from brats_lib.app.scans import start_slices
from brats_lib.app.wording import caution, legend, place, plain
from brats_lib.figures.style import TUMOUR
from brats_lib.labels import LONG_NAMES, REGIONS
from brats_lib.predict import NO_TUMOUR

__all__ = ["compare_view", "plane_view", "slice_view"]

# On a narrow screen the side bar is folded away.
_UNSEEN = "Press **Segment** in the side bar to see what the network finds."


def _row(drawn, places=3):
    """Panels side by side, each as wide as if all places were taken; returns the columns."""
    columns = st.columns(max(places, len(drawn)), gap="small")
    for column, panel in zip(columns, drawn, strict=False):
        with column:
            st.markdown(f"**{plain(panel.heading)}**")
            st.image(png(panel.picture), width="stretch", alt=panel.alt)
    return columns


def slice_view(scan, results, plane, point, look):
    """One slice: FLAIR, T1ce, overlay, the probability of each region, and volumes (paper section 5)."""
    index = point[plane.axis]
    drawn = [panels.original(scan, modality, plane, index) for modality in ("flair", "t1ce")]
    if results:
        drawn.append(panels.overlay(scan, results[0].prediction.mask, plane, index, look))
        drawn += [panels.probability(scan, results[0].prediction, name, plane, index) for name in REGIONS]
    left, right = st.columns([2.9, 1], gap="medium")
    with left:
        places = _row(drawn[:3])
        if not results:
            places[2].info(_UNSEEN)
            return
        _row(drawn[3:])
    with right:
        _numbers(scan, results[0])
        st.html(legend([label for label in TUMOUR if label in look.labels], look.truth))
        _find_tumour(scan, results[0])
        _take_away(scan, results[0], drawn, place(plane, index, scan.shape, scan.spacing))


def plane_view(scan, results, plane, point, look):
    """The three planes through one point; without a result, the scan alone."""
    mask = results[0].prediction.mask if results else None
    drawn = panels.three_planes(scan, mask, point, look)
    _row(drawn)
    st.html(legend([label for label in TUMOUR if label in look.labels], look.truth))
    if not results:
        st.info(_UNSEEN)
        return
    left, right = st.columns(2)
    with left:
        _numbers(scan, results[0])
    with right:
        _find_tumour(scan, results[0])
        _take_away(scan, results[0], drawn, f"voxel {point}")


def compare_view(scan, results, plane, point, look):
    """The same slice as several networks see it, beside the truth where that is known."""
    index = point[plane.axis]
    if not results:
        st.info("Press **Segment** in the side bar to run the networks that are chosen there, one after the other.")
        return
    drawn = [panels.overlay(scan, result.prediction.mask, plane, index, look, result.name) for result in results]
    if scan.truth is not None:
        drawn.insert(0, panels.overlay(scan, scan.truth, plane, index, look, "Truth"))
    _row(drawn)
    st.html(legend([label for label in TUMOUR if label in look.labels], look.truth))
    st.table(_compared(scan, results), border="horizontal")
    _caution(scan, results)
    lines = [f"{scan.case.name}, {place(plane, index, scan.shape, scan.spacing)}"]
    st.download_button("Picture (PNG)", lambda: picture_file([(p.heading, p.picture) for p in drawn], lines),
                       f"{scan.case.name}_networks.png", "image/png", on_click="ignore")  # fmt: skip


def _compared(scan, results):
    """Volume, and Dice where the truth is known, of each region by network."""
    table = {}
    for result in results:
        rows = result.rows(scan)
        table[f"{result.name}, mL"] = {row["region"]: f"{row['ml']:.1f}" for row in rows}
        if scan.truth is not None:
            table[f"{result.name}, Dice"] = {row["region"]: f"{row['dice']:.3f}" for row in rows}
    if scan.truth is not None:
        table["truth, mL"] = {row["region"]: f"{row['true_ml']:.1f}" for row in rows}
    return pd.DataFrame(table)


def _numbers(scan, result):
    """Volumes, and scores where the truth is known."""
    table = pd.DataFrame(result.rows(scan)).set_index("region")
    shown = pd.DataFrame({"mL": table["ml"].map("{:.1f}".format)})
    if scan.truth is not None:
        shown["true"] = table["true_ml"].map("{:.1f}".format)
        shown["Dice"] = table["dice"].map("{:.3f}".format)
        shown["HD95"] = table["hd95_mm"].map("{:.1f}".format)
    shown.index.name = None
    st.markdown("**Volumes in mL**")
    st.table(shown, border="horizontal")
    names = [f"{name} {LONG_NAMES[name]}" for name in REGIONS] + (["HD95 in mm"] if scan.truth is not None else [])
    st.caption(plain(f"{'; '.join(names)}. Network {result.name}, {result.seconds:.1f} s."))
    if not result.prediction.mask.any():
        st.warning(plain(f"{NO_TUMOUR}."), icon=":material/warning:")
    _caution(scan, [result])


def _caution(scan, results):
    """Say of which networks a score may be flattered; without a truth there is no score."""
    notes = [caution(result.card, scan.case.name) for result in results if scan.truth is not None]
    for note in filter(None, notes):
        st.caption(f":material/warning: {plain(note)}")


def _find_tumour(scan, result):
    def jump():
        st.session_state["points"][scan.fingerprint][:] = start_slices(scan, result.prediction.mask)

    st.button("Go to the largest area", on_click=jump, icon=":material/my_location:", width="stretch",
              disabled=not result.prediction.mask.any())  # fmt: skip


def _take_away(scan, result, drawn, spot):
    """Downloads; the files are made when they are asked for."""
    name = scan.case.name
    lines = [f"{name}, {spot}, network {result.name}",
             "; ".join(f"{row['region']} {row['ml']:.1f} mL" for row in result.rows(scan))]  # fmt: skip
    st.markdown("**Take away**")
    st.download_button("Mask (NIfTI)", lambda: mask_file(scan.case, result.prediction.mask), f"{name}_seg.nii.gz",
                       "application/gzip", on_click="ignore", icon=":material/download:", width="stretch")  # fmt: skip
    st.download_button("Picture (PNG)", lambda: picture_file([(p.heading, p.picture) for p in drawn], lines),
                       f"{name}.png", "image/png", on_click="ignore", icon=":material/image:",
                       width="stretch")  # fmt: skip
