"""The page of paper section 5: case, slice, scans, one button, overlay, probability maps and volumes; and more."""

import time
from pathlib import Path

import streamlit as st

from brats_lib.app import page_own, page_results, page_view, session
from brats_lib.app.drawing import Look
from brats_lib.app.page_results import Result
from brats_lib.app.report import files_line, plain, volume_table, where
from brats_lib.app.scanned import brought_back
from brats_lib.app.scans import PLANES, open_scan, segment
from brats_lib.book.runs import find_root
from brats_lib.cases import Cohort
from brats_lib.errors import BratsError
from brats_lib.figures.style import TUMOUR, modality_name
from brats_lib.labels import LABEL_NAMES
from brats_lib.prediction.networks import describe, learnt_from_warning, offered

LISTED, OWN = "Listed cases", "My own scan"
VIEWS = ("Slice", "Three planes", "Compare networks")
# Beside each other: the memory of `session` has room for as many.
MOST_NETWORKS = 4


def draw(cohort: Cohort) -> None:
    """Draw the page below its title."""
    place = st.container()
    with st.sidebar:
        scan, source, names = _choose_scan(cohort, place)
    if scan is None:
        return
    toolbar = st.container(horizontal=True, vertical_alignment="center")
    view = toolbar.segmented_control("View", VIEWS, default=VIEWS[0], required=True, label_visibility="collapsed")
    with st.sidebar:
        # What networks read is `scan`; all that is displayed is of `seen`.
        seen = page_own.choose_grid(scan)
        plane = None if view == VIEWS[1] else page_view.choose_plane()
        planes = list(PLANES.values()) if plane is None else [plane]
        point = page_view.choose_slices(seen, sorted(each.axis for each in planes), seen.fingerprint)
        networks = _choose_networks(view)
        pressed = st.button("Segment", type="primary", width="stretch", icon=":material/play_arrow:")
        look = _choose_look(seen)
    with toolbar:
        shown = page_view.adjust(seen, point)
    if scan.warnings:
        warnings = "  \n".join(plain(f"{session.explain(warning)}.") for warning in scan.warnings)
        st.warning(warnings, icon=":material/warning:")
    roles = seen.volumes if seen.truth is None else (*seen.volumes, "mask")
    used = files_line({role: names[role] for role in roles})
    st.caption(f"{plain(f'{source} · {where(plane)}')}  \n{plain(used)}")
    results, waiting = _results(scan, seen, networks, pressed)
    if results:
        with toolbar:
            page_view.find_tumour(seen, point, results[0].prediction.mask)
    if plane is None:
        page_results.plane_view(shown, results, point, look)
    elif view == VIEWS[0]:
        page_results.slice_view(shown, results, plane, point, look)
    else:
        if waiting:
            st.info(plain(f"Not run on this scan yet: {', '.join(waiting)}. Press Segment in the side bar."))
        elif len(networks) == 1:
            st.info("One network is chosen. Add others under Networks in the side bar.")
        page_results.compare_view(shown, results, plane, point, look)
    page_view.listen(shown, planes, point)


def _choose_scan(cohort, place):
    """A case of the list or a scan of one's own, where it is from, and what each of its images is called.

    There is none before the files of one's own are there; `place` is where that is said.
    """
    source = st.segmented_control("Source", [LISTED, OWN], default=LISTED, required=True, label_visibility="collapsed")
    if source == OWN:
        scan, names = page_own.choose(place)
        return scan, "Own scan", names
    case = cohort[st.selectbox("Case", cohort.names)]
    names = {role: path.name for role, path in {**case.files, "mask": case.mask_file}.items() if path}
    scan = session.once("scan", case.fingerprint(), lambda: open_scan(case))
    return scan, f"{cohort.source} · case {case.name}", names


def _results(scan, seen, networks, pressed):
    """What networks say about a scan, where `seen` has it, and the names of those that wait for the button."""
    results, waiting = [], []
    for network in networks:
        try:
            card = describe(network)
            if learnt := learnt_from_warning(card, scan.case, scan.flair_hash):
                st.warning(plain(f"{learnt}."), icon=":material/school:")
            result = _result(scan, seen, network, card, pressed)
        except BratsError as error:
            # What one network cannot take, such as another grid than the paper's, another may.
            st.error(plain(session.explain(error)))
            continue
        if result is None:
            waiting.append(card.name)
        else:
            results.append(result)
    return results, waiting


def _result(scan, seen, network, card, pressed):
    """What a network says about a scan; computed only where the button was pressed, else maybe None."""
    # Weights and decision rule, not the name: a run may train its network again while the page is open.
    key = (scan.fingerprint, card.identity["sha256"])
    result = session.held("prediction", key)
    if result is None and pressed:
        with st.spinner(f"Segmenting with {plain(card.name)} …", show_time=True):
            started = time.perf_counter()
            prediction = segment(scan, network)
            seconds = time.perf_counter() - started
            table = volume_table(prediction.mask, scan.case.spacing, scan.truth)
        result = session.hold("prediction", key, Result(card.name, prediction, seconds, table))
    if result is not None and seen is not scan:
        found = result.prediction
        result = result._replace(prediction=session.once("brought-back", key, lambda: brought_back(scan, found)))
    return result


def _choose_networks(view):
    """What `open_network` takes, for each network that was chosen."""
    networks, problems = offered(find_root() / "runs")
    names, cards = list(networks), {name: describe(network) for name, network in networks.items()}
    about = "\n\n".join(f"**{plain(name)}**: {plain(card.title)}" for name, card in cards.items())
    if view == VIEWS[2]:
        # Beside the default the paper's recipe, once a run has trained it.
        trained = [name for name, network in networks.items() if isinstance(network, Path)]
        default = sorted({names[0], trained[0] if trained else names[-1]}, key=names.index)
        chosen = st.multiselect("Networks", names, default, max_selections=MOST_NETWORKS, help=about) or names[:1]
        if not trained:
            st.caption("To choose the paper's network too, train it: `make book` in a checkout keeps it in `runs/`.")
    else:
        chosen = [st.selectbox("Network", names, help=about)]
    for problem in problems:
        st.caption(f":material/warning: {plain(f'A trained network is left out: {problem}')}")
    return [networks[name] for name in chosen]


def _choose_look(scan):
    with st.expander("Display", expanded=True):
        modalities = list(scan.volumes)
        modality = st.segmented_control("Overlay on", modalities, default=modalities[0], required=True,
                                        format_func=modality_name)  # fmt: skip
        opacity = st.slider("Opacity", 0.0, 1.0, Look.opacity, 0.05)
        labels = st.pills("Classes", TUMOUR, default=TUMOUR, selection_mode="multi", format_func=LABEL_NAMES.get)
        truth = st.toggle("Ground truth", scan.truth is not None, disabled=scan.truth is None,
                          help="White borders of the true regions, where the case has a mask")  # fmt: skip
    return Look(opacity, tuple(sorted(labels)), truth and scan.truth is not None, modality)
