"""What Streamlit runs: two pages over one cohort, whose folder is the first argument."""

import sys
from pathlib import Path

import streamlit as st

from brats_lib.app import drawing, page_segment, page_study, session

# Streamlit fetches icons that are given by name from elsewhere, for the browser's tab.
st.set_page_config("Brain Tumor Segmentation", drawing.icon(), layout="wide")
st.html(Path(__file__).with_name("style.css"))
session.enter()
session.warm_up()
cohort = session.cohort(sys.argv[1])
pages = [
    st.Page(lambda: page_segment.show(cohort), title="Segment", url_path="segment"),
    st.Page(lambda: page_study.show(cohort), title="Reader study", url_path="readers"),
]
st.navigation(pages, position="top").run()
