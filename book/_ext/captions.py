"""Captions of notebooks: tables are numbered as tables, and what was recorded bears a mark.

MyST-NB makes every captioned output a figure.
"""

from docutils import nodes
from sphinx.writers.html5 import HTML5Translator

RECORDED = "Recorded:"


class table_figure(nodes.figure):
    """A captioned notebook output that holds a table."""


def _holds_table(figure):
    raw = any("<table" in node.astext() for node in figure.findall(nodes.raw))
    return raw or next(figure.findall(nodes.table), None) is not None


def _mark(caption):
    """Set the word that begins a caption of something recorded apart from the rest."""
    first = caption.next_node(nodes.Text) if caption else None
    if first and first.startswith(RECORDED):
        mark = nodes.inline("", RECORDED.rstrip(":"), classes=["recorded"])
        first.parent.replace(first, [mark, nodes.Text(first[len(RECORDED) :])])


def _retype(app, doctree):
    for figure in list(doctree.findall(nodes.figure)):
        _mark(figure.next_node(nodes.caption))
        if _holds_table(figure):
            figure.__class__ = table_figure


def setup(app):
    app.add_enumerable_node(
        table_figure,
        "table",
        html=(HTML5Translator.visit_figure, HTML5Translator.depart_figure),
    )
    # Before Sphinx numbers figures and tables, which it also does when a document has been read.
    app.connect("doctree-read", _retype, priority=1)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
