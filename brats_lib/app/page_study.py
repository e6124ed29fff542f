"""The reader study: one mask at a time, of unknown origin, a score and a comment."""

from dataclasses import replace

import streamlit as st

from brats_lib.app import drawing, page_view, session
from brats_lib.app.report import legend, plain, where
from brats_lib.app.scans import open_scan, segment
from brats_lib.app.study import Ratings, Study, reader_code, reading_order
from brats_lib.book.runs import find_root
from brats_lib.cases import Cohort
from brats_lib.prediction.weights import read_card
from brats_lib.scores.readers import LIKERT

_ABOUT = """One tumour mask at a time is laid over a scan. Some were made by a network and the others are the reference;
you are not told which, and neither is the order the same for two readers. Say how much you would have to correct.
"""


@st.cache_resource(show_spinner=False)
def _ratings(path):
    return Ratings(path)


def draw(cohort: Cohort) -> None:
    """Draw the page below its title."""
    folder = find_root() / "runs" / "reader_study"
    study, ratings = Study(cohort, read_card(), folder), _ratings(folder / "ratings.sqlite")
    with st.sidebar:
        code = st.text_input("Reader code", key="reader", help="Such as R1. Not your name: codes are exported.")
    if missing := study.missing():
        _prepare(study, missing)
        return
    if not code.strip():
        st.markdown(_ABOUT)
        st.info("Enter your reader code on the left to begin, or to go on where you stopped.")
        _administer(study, ratings)
        return
    _rate(study, ratings, reader_code(code))


def _prepare(study, missing):
    """Segment every case before the first is shown: the time it takes would tell whose mask it is."""
    st.info(f"{len(missing)} of {len(study.cohort)} cases have to be segmented before the study can begin.")
    if not st.button("Prepare the study", type="primary"):
        return
    bar = st.progress(0.0)
    for done, case in enumerate(missing):
        bar.progress(done / len(missing), plain(f"{case.name} …"))
        study.save(case, segment(open_scan(case), study.network).mask)
    st.rerun()


def _rate(study, ratings, reader):
    order, rated = reading_order(study.cohort.names, reader), ratings.rated(study.name, reader)
    open_items = [place for place, item in enumerate(order) if item not in rated]
    at = st.session_state.setdefault("item", {}).get(reader, open_items[0] if open_items else len(order))
    st.progress((len(order) - len(open_items)) / len(order), f"{len(order) - len(open_items)} of {len(order)} rated")
    if at >= len(order):
        st.success("All masks are rated. Thank you. To change a score, go back.")
        st.button("Back", on_click=_move, args=(reader, len(order) - 1))
        return
    item = order[at]
    key = (study.name, reader, at)
    scan, mask = session.held("rated", key) or session.hold(
        "rated", key, (open_scan(study.cohort[item.case]), study.mask(item))
    )
    left, right = st.columns([3, 1], gap="medium")
    with right:
        plane = page_view.choose_plane()
        point = page_view.choose_slices(scan, [plane.axis], key, mask)
        look = drawing.Look(st.slider("Opacity", 0.0, 1.0, 0.35, 0.05), modality="t1ce")
        _form(study, ratings, reader, order, at, rated.get(item, (None, "")))
    with left:
        with st.container(horizontal=True):
            shown = page_view.adjust(scan, point)
        st.caption(plain(f"Mask {at + 1} of {len(order)} · {where(plane)}"))
        index = point[plane.axis]
        drawn = [drawing.original(shown, modality, plane, index) for modality in ("flair", "t1ce")]
        drawn.append(drawing.overlay(shown, mask, plane, index, look, "Mask"))
        # The name of the case would let a reader find the two masks of a case; the number does not.
        page_view.row([replace(panel, alt=f"{panel.heading}, mask {at + 1}") for panel in drawn])
        st.html(legend())
    page_view.listen(shown, [plane], point)


def _move(reader, to):
    st.session_state["item"][reader] = to


def _form(study, ratings, reader, order, at, before):
    """Score and comment, which begin as they were `before`, and the way back."""
    with st.form(f"rating-{reader}-{at}"):
        grades = sorted(LIKERT, reverse=True)
        score = st.radio("How good is this mask?", grades, None if before[0] is None else grades.index(before[0]),
                         format_func=lambda grade: f"{grade}  {LIKERT[grade]}")  # fmt: skip
        comment = st.text_area("Comment", before[1], max_chars=2000, height=90)
        sent = st.form_submit_button("Save and go on", type="primary", width="stretch")
    st.button("Back", on_click=_move, args=(reader, at - 1), disabled=at == 0, width="stretch")
    if sent and score is None:
        st.error("Choose a score first.")
    elif sent:
        ratings.rate(study.name, reader, order[at], score, comment)
        _move(reader, at + 1)
        st.rerun()


def _administer(study, ratings):
    with st.expander("For whoever runs the study"):
        st.markdown("The table names truth and prediction. Readers must not see it before they are done.")
        counts = ratings.table(study.name)["reader"].value_counts().sort_index()
        rated = ", ".join(f"{reader}: {count} of {2 * len(study.cohort)}" for reader, count in counts.items())
        st.caption(plain(f"Study {study.name}, network {study.network}. {rated or 'Nobody has rated yet.'}"))
        st.download_button("Ratings (CSV)", lambda: ratings.to_csv(study.name), f"ratings_{study.name}.csv", "text/csv",
                           on_click="ignore", disabled=counts.empty)  # fmt: skip
