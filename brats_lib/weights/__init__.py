"""The networks that ship with the package: files that are checked before they are trusted, each with its card."""

from brats_lib.weights.card import INTENDED_USE, Card, identify
from brats_lib.weights.store import available, load, read_arrays, read_card, save_weights
from brats_lib.weights.text import cards_markdown

__all__ = [
    "INTENDED_USE", "Card", "available", "cards_markdown", "identify", "load", "read_arrays", "read_card",
    "save_weights",
]  # fmt: skip
