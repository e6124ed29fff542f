import copy

import pytest
from fake_run import PICTURE, TABLE, make_output

from brats_lib.book.notebook import clean_notebook
from brats_lib.errors import BratsError

FIGURE = {"figure": {"name": "paper-fig-04", "caption": "The four weightings."}, "image": {"alt": "Four slices"}}
FAILED = {"output_type": "error", "ename": "ValueError", "evalue": "no"}


def clean(*outputs, source="", replacements=(), mystnb=None, tags=(), count=1):
    """The one cell of a cleaned notebook, which stays as it is itself."""
    metadata = {"tags": list(tags), "papermill": {"duration": 1}} | ({"mystnb": mystnb} if mystnb else {})
    cell = {"cell_type": "code", "execution_count": count, "source": ["show()"], "metadata": metadata}
    about = {"papermill": {"input_path": "/home/ann/x.ipynb"}, "kernelspec": {}}
    notebook = {"metadata": about, "cells": [cell | {"outputs": list(outputs)}]}
    before = copy.deepcopy(notebook)
    cleaned = clean_notebook(notebook, "01.ipynb", source, replacements)
    assert notebook == before and "papermill" not in str(cleaned)
    return cleaned["cells"][0]


@pytest.mark.parametrize(("tags", "data"), [((), " *Data: 8 phantoms.*"), (["drawing"], "")])
def test_images_keep_their_grey_levels_and_captions_name_the_data_but_those_of_drawings(tags, data):
    settings = clean(make_output(PICTURE), mystnb=FIGURE, source="8 phantoms", tags=tags)["metadata"]["mystnb"]
    assert settings["image"] == {"alt": "Four slices", "classes": "dark-light"}
    assert settings["figure"]["caption"] == f"The four weightings.{data}"


def test_progress_bars_are_dropped_printed_text_stays_and_parameters_are_folded():
    bar = make_output({"application/vnd.jupyter.widget-view+json": {}, "text/plain": "50 %"})
    printed = {"output_type": "stream", "name": "stdout", "text": ["24 cases"]}
    cell = clean(bar, printed, tags=["injected-parameters"])
    assert cell["outputs"] == [printed] and "hide-input" in cell["metadata"]["tags"]


def test_private_text_is_replaced_everywhere_but_in_images():
    picture = {"image/png": "aGk/home/ann/", "text/plain": "/home/ann/data/x.nii"}
    replacements = [("/home/ann/data", "data"), ("/home/ann/", "~/")]
    cell = clean(make_output(picture), mystnb=FIGURE, replacements=replacements)
    assert cell["outputs"][0]["data"] == {"image/png": "aGk/home/ann/", "text/plain": "data/x.nii"}


@pytest.mark.parametrize(
    ("outputs", "options", "message"),
    [
        ([FAILED], {}, "cell 1: it failed with ValueError: no"),
        ([make_output(PICTURE), make_output(PICTURE)], {"mystnb": FIGURE}, "2 outputs"),
        ([], {"mystnb": FIGURE}, "0 outputs"),
        ([make_output(PICTURE)], {}, "without a caption"),
        ([make_output(PICTURE)], {"mystnb": {"figure": FIGURE["figure"]}}, "no alternative text"),
        ([make_output(TABLE)], {"mystnb": {"figure": {"name": "table-x"}}}, "no caption"),
        ([], {"count": None}, "not executed"),
    ],
)
def test_unfit_cells_are_refused(outputs, options, message):
    with pytest.raises(BratsError, match=message):
        clean(*outputs, **options)
