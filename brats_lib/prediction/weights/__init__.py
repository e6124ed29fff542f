"""The networks that ship with the package: files that are checked before they are trusted, each with its card."""

from brats_lib.prediction.weights.card import ShippedCard
from brats_lib.prediction.weights.packaged import available, load, read_card, save_weights
from brats_lib.prediction.weights.text import card_markdown, cards_markdown

__all__ = ["ShippedCard", "available", "card_markdown", "cards_markdown", "load", "read_card", "save_weights"]
