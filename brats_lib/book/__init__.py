"""The book: runs, executed notebooks and prose staged for Jupyter Book, and checks of the pages it makes."""
