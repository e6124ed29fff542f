"""What Streamlit runs: two pages over one cohort, whose folder is the first argument."""

import sys

import streamlit as st

from brats_lib.app import engine, page_segment, page_study, session, wording

st.set_page_config("Brain Tumor Segmentation", layout="wide")
st.html(wording.STYLE)
session.once("warm-up", engine.warm_up)
cohort = session.cohort(sys.argv[1])
pages = [
    st.Page(lambda: page_segment.show(cohort), title="Segment", icon=":material/neurology:", url_path="segment"),
    st.Page(lambda: page_study.show(cohort), title="Reader study", icon=":material/rate_review:", url_path="readers"),
]
st.navigation(pages, position="top").run()
