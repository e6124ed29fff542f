"""An executed notebook made fit for the book."""

import copy

from brats_lib.errors import BratsError

__all__ = ["clean_notebook", "injected_parameters"]

WIDGET = "application/vnd.jupyter.widget-view+json"


def injected_parameters(notebook):
    """The values that papermill put into a notebook.

    Parameters
    ----------
    notebook : dict
        Notebook as read from JSON.

    Returns
    -------
    dict
        Parameter names and values; empty where it was not executed by papermill.
    """
    return notebook.get("metadata", {}).get("papermill", {}).get("parameters", {})


def clean_notebook(notebook, name, source="", replacements=()):
    """Prepare an executed notebook for publication.

    Papermill's metadata (absolute paths, timings) and live progress bars go, the injected parameters are folded,
    images keep their grey levels in dark mode, and captions say where the data comes from. A cell tagged
    `drawing` shows no data, so its caption stays as it is.

    Parameters
    ----------
    notebook : dict
        Executed notebook as read from JSON; not changed.
    name : str
        File name, for messages.
    source : str
        What the figures show data of, without the full stop; empty for none.
    replacements : sequence of (str, str)
        Private text, such as paths of this machine, and what to show in its place, in that order.

    Returns
    -------
    dict
        The cleaned notebook.

    Raises
    ------
    BratsError
        If a code cell was not executed or failed, or a captioned cell does not show exactly one thing, or an
        image has no alternative text.
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
        raise BratsError(
            where,
            "it was not executed",
            "a notebook that ran to its end",
            "Run `make book` again",
        )
    outputs = [output for output in cell["outputs"] if WIDGET not in output.get("data", {})]
    for output in outputs:
        if output["output_type"] == "error":
            found = f"it failed with {output['ename']}: {output['evalue']}"
            raise BratsError(
                where,
                found,
                "a notebook that ran to its end",
                "Mend the notebook and run it again",
            )
    cell["outputs"] = outputs
    shown = [output["data"] for output in outputs if "data" in output]
    images = [data for data in shown if any(kind.startswith("image/") for kind in data)]
    settings = cell["metadata"].get("mystnb", {})
    if "figure" in settings:
        _check_figure(settings, shown, images, where)
        if source and "drawing" not in tags:
            settings["figure"]["caption"] = f"{settings['figure']['caption'].rstrip('. ')}. *Data: {source}.*"
    elif images:
        raise BratsError(
            where,
            "it shows an image without a caption",
            "a caption and alternative text",
            _HOW,
        )
    if images:
        settings["image"]["classes"] = "dark-light"


_HOW = 'Add {"mystnb": {"figure": {"name": ..., "caption": ...}, "image": {"alt": ...}}} to the cell\'s metadata'


def _check_figure(settings, shown, images, where):
    if len(shown) != 1:
        found = f"its caption stands over {len(shown)} outputs"
        raise BratsError(
            where,
            found,
            "one figure or table per captioned cell",
            "Split the cell, or close the figure",
        )
    if not settings["figure"].get("name") or not settings["figure"].get("caption"):
        raise BratsError(where, "its figure has no name or no caption", "both", _HOW)
    if images and not settings.get("image", {}).get("alt"):
        raise BratsError(
            where,
            "its image has no alternative text",
            "a sentence that says what is seen",
            _HOW,
        )


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
