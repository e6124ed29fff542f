"""An executed notebook made fit for the book."""

import copy
from collections.abc import Sequence
from typing import Any

from brats_lib.errors import BratsError

WIDGET = "application/vnd.jupyter.widget-view+json"


def injected_parameters(notebook: dict) -> dict[str, Any]:
    """The values that papermill put into a notebook; empty where it did not execute it."""
    return notebook.get("metadata", {}).get("papermill", {}).get("parameters", {})


def clean_notebook(
    notebook: dict, name: str, source: str = "", replacements: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Prepare an executed notebook for publication.

    Papermill's metadata (absolute paths, timings) and live progress bars go, the injected parameters are folded,
    images keep their grey levels in dark mode, and captions say of which `source` the data are. A cell tagged `drawing`
    shows no data, so its caption stays as it is. Private text is replaced as pairs of text and replacement say.

    A `BratsError` if a code cell was not executed or failed, a captioned cell does not show exactly one thing, or an
    image has no alternative text. The notebook, called `name` there, is not changed.
    """
    notebook = copy.deepcopy(notebook)
    for key in ("papermill", "widgets"):
        notebook["metadata"].pop(key, None)
    for number, cell in enumerate(notebook["cells"], start=1):
        for key in ("papermill", "execution"):
            cell["metadata"].pop(key, None)
        if cell["cell_type"] == "code":
            _clean_code_cell(cell, f"{name}, cell {number}", source)
    return _replace(notebook, replacements)


def _clean_code_cell(cell, where, source):
    tags = cell["metadata"].setdefault("tags", [])
    if "injected-parameters" in tags:
        tags.append("hide-input")
    if "".join(cell["source"]).strip() and cell["execution_count"] is None:
        raise BratsError(where, "it was not executed", "a notebook that ran to its end", "Run `make book` again")
    cell["outputs"] = [output for output in cell["outputs"] if WIDGET not in output.get("data", {})]
    for output in cell["outputs"]:
        if output["output_type"] == "error":
            found = f"it failed with {output['ename']}: {output['evalue']}"
            raise BratsError(where, found, "a notebook that ran to its end", "Mend the notebook and run it again")
    shown = [output["data"] for output in cell["outputs"] if "data" in output]
    has_image = any(kind.startswith("image/") for data in shown for kind in data)
    settings = cell["metadata"].get("mystnb", {})
    figure = settings.get("figure")
    if problem := _problem(settings, len(shown), has_image):
        raise BratsError(where, *problem)
    if figure is not None and source and "drawing" not in tags:
        figure["caption"] = f"{figure['caption'].rstrip('. ')}. *Data: {source}.*"
    if has_image:
        settings["image"]["classes"] = "dark-light"


def _problem(settings, shown, has_image):
    """What a cell's caption lacks, what was expected and what to do; None where it lacks nothing."""
    advice = 'Add {"mystnb": {"figure": {"name": ..., "caption": ...}, "image": {"alt": ...}}} to the cell\'s metadata'
    if "figure" not in settings:
        missing = "it shows an image without a caption", "a caption and alternative text", advice
        return missing if has_image else None
    if shown != 1:
        found, advice = f"its caption stands over {shown} outputs", "Split the cell, or close the figure"
        return found, "one figure or table per captioned cell", advice
    if not settings["figure"].get("name") or not settings["figure"].get("caption"):
        return "its figure has no name or no caption", "both", advice
    if has_image and not settings.get("image", {}).get("alt"):
        return "its image has no alternative text", "a sentence that says what is seen", advice
    return None


def _replace(value, replacements):
    """Replace text everywhere but in images."""
    if isinstance(value, str):
        for old, new in replacements:
            value = value.replace(str(old), new)
    elif isinstance(value, list):
        value = [_replace(item, replacements) for item in value]
    elif isinstance(value, dict):
        value = {key: item if key.startswith("image/") else _replace(item, replacements) for key, item in value.items()}
    return value
