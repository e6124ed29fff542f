"""What Streamlit runs: two pages over one cohort, whose folder is the first argument."""

import sys
from pathlib import Path

import streamlit as st

from brats_lib.app import page_segment, page_study, session
from brats_lib.app.report import DISCLAIMER, plain
from brats_lib.errors import BratsError

st.set_page_config("Brain Tumor Segmentation", layout="wide")
st.html(Path(__file__).with_name("style.css"))
session.enter()
cohort = session.cohort(sys.argv[1])


def show(title, draw):
    """A page: its title, beside it what nobody may overlook, and what it draws or why it cannot."""
    left, right = st.columns([1, 2.15], vertical_alignment="center")
    left.title(title, anchor=False)
    right.warning(DISCLAIMER, icon=":material/science:")
    try:
        draw(cohort)
    except BratsError as error:
        st.error(plain(session.explain(error)))


pages = [
    st.Page(lambda: show("Brain Tumor Segmentation", page_segment.draw), title="Segment", url_path="segment"),
    st.Page(lambda: show("Reader study", page_study.draw), title="Reader study", url_path="readers"),
]
st.navigation(pages, position="top").run()
