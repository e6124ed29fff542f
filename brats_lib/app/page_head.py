"""What every page begins with."""

import streamlit as st

from brats_lib.app.report import DISCLAIMER

__all__ = ["head"]


def head(title):
    """Write the title, and beside it what nobody may overlook."""
    left, right = st.columns([1, 2.15], vertical_alignment="center")
    left.title(title, anchor=False)
    right.warning(DISCLAIMER, icon=":material/science:")
