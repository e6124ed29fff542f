"""The book: executed notebooks and prose staged for Jupyter Book, and checks of the pages it makes."""

from brats_lib.book.check import check_html
from brats_lib.book.figures_page import figures_table, read_figures
from brats_lib.book.notebook import clean_notebook, injected_parameters
from brats_lib.book.stage import stage

__all__ = [
    "check_html",
    "clean_notebook",
    "figures_table",
    "injected_parameters",
    "read_figures",
    "stage",
]
