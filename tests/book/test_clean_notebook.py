import copy

import pytest
from fake_run import FRAME, PICTURE, TABLE, make_output

from brats_lib.book import clean_notebook
from brats_lib.errors import BratsError

FIGURE = {"figure": {"name": "paper-fig-04", "caption": "The four weightings."}, "image": {"alt": "Four slices"}}


def make_notebook(*outputs, mystnb=None, tags=(), source="show()"):
    metadata = {"tags": list(tags), "papermill": {"duration": 1}} | (
        {"mystnb": copy.deepcopy(mystnb)} if mystnb else {}
    )
    cell = {
        "cell_type": "code",
        "execution_count": 1,
        "source": [source],
        "outputs": list(outputs),
        "metadata": metadata,
    }
    return {"metadata": {"papermill": {"input_path": "/home/ann/x.ipynb"}, "kernelspec": {}}, "cells": [cell]}


def clean(*outputs, source="", replacements=(), **options):
    return clean_notebook(make_notebook(*outputs, **options), "01.ipynb", source, replacements)


def test_papermill_leaves_no_trace():
    assert "papermill" not in str(clean())


def test_original_is_not_changed():
    notebook = make_notebook(make_output(PICTURE), mystnb=FIGURE)
    before = copy.deepcopy(notebook)
    clean_notebook(notebook, "01.ipynb", "8 phantoms", [("show", "hide")])
    assert notebook == before


def test_injected_parameters_are_folded():
    assert "hide-input" in clean(tags=["injected-parameters"])["cells"][0]["metadata"]["tags"]
    assert "hide-input" not in clean(tags=["parameters"])["cells"][0]["metadata"]["tags"]


def test_images_keep_their_grey_levels_and_captions_name_the_data():
    settings = clean(make_output(PICTURE), mystnb=FIGURE, source="8 phantoms")["cells"][0]["metadata"]["mystnb"]
    assert settings["image"] == {"alt": "Four slices", "classes": "dark-light"}
    assert settings["figure"]["caption"] == "The four weightings. *Data: 8 phantoms.*"


def test_drawings_claim_no_data():
    settings = clean(make_output(PICTURE), mystnb=FIGURE, source="8 phantoms", tags=["drawing"])
    assert settings["cells"][0]["metadata"]["mystnb"]["figure"]["caption"] == "The four weightings."


def test_progress_bars_are_dropped_and_printed_text_is_kept():
    bar = make_output({"application/vnd.jupyter.widget-view+json": {}, "text/plain": "50 %"})
    printed = {"output_type": "stream", "name": "stdout", "text": ["24 cases"]}
    assert clean(bar, printed)["cells"][0]["outputs"] == [printed]


def test_private_text_is_replaced_everywhere_but_in_images():
    picture = {"image/png": "aGk/home/ann/", "text/plain": "/home/ann/data/x.nii"}
    (cell,) = clean(
        make_output(picture), mystnb=FIGURE, source="", replacements=[("/home/ann/data", "data"), ("/home/ann/", "~/")]
    )["cells"]
    assert cell["outputs"][0]["data"] == {"image/png": "aGk/home/ann/", "text/plain": "data/x.nii"}


@pytest.mark.parametrize(
    ("outputs", "mystnb", "message"),
    [
        (
            [{"output_type": "error", "ename": "ValueError", "evalue": "no"}],
            None,
            "cell 1: it failed with ValueError: no",
        ),
        ([make_output(PICTURE), make_output(PICTURE)], FIGURE, "2 outputs"),
        ([], FIGURE, "0 outputs"),
        ([make_output(PICTURE)], None, "without a caption"),
        ([make_output(PICTURE)], {"figure": FIGURE["figure"]}, "no alternative text"),
        ([make_output(TABLE)], {"figure": {"name": "table-x"}}, "no caption"),
    ],
)
def test_unfit_cells_are_refused(outputs, mystnb, message):
    with pytest.raises(BratsError, match=message):
        clean(*outputs, mystnb=mystnb)


def test_cell_that_did_not_run_is_refused():
    notebook = make_notebook()
    notebook["cells"][0]["execution_count"] = None
    with pytest.raises(BratsError, match="not executed"):
        clean_notebook(notebook, "01.ipynb")


@pytest.mark.parametrize("data", [TABLE, FRAME])
def test_tables_and_frames_need_no_image_settings(data):
    figure = {"figure": {"name": "table-x", "caption": "A table"}}
    assert "image" not in clean(make_output(data), mystnb=figure)["cells"][0]["metadata"]["mystnb"]
