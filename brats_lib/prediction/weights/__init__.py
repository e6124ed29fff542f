"""The networks that ship with the package: files that are checked before they are trusted, each with its card."""

from brats_lib.prediction.weights.card import INTENDED_USE, Card, identify
from brats_lib.prediction.weights.store import available, load, read_arrays, read_card, save_weights
from brats_lib.prediction.weights.text import cards_markdown

__all__ = [
    "INTENDED_USE", "Card", "available", "cards_markdown", "identify", "load", "read_arrays", "read_card",
    "save_weights",
]  # fmt: skip
