"""The cards of networks that ship as text: tables and lists in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from tabulate import tabulate

from brats_lib.prediction.weights.card import ShippedCard, shown_score


def card_markdown(card: ShippedCard, cite: bool = True) -> str:
    """A card as tables and a list of limitations; its sources as citations of the book, or spelt out."""
    training, citations = card.training, card.data["citations"]
    if cite and citations:
        sources = f"{{cite}}`{','.join(entry['key'] for entry in citations)}`"
    else:
        sources = "; ".join(entry["text"] for entry in citations) or "none"
    rule = {} if card.rule is None else asdict(card.rule)
    facts = {
        "Trained on": f"{card.data['description']} ({card.sources})",
        "Terms of the data": card.data["licence"],
        "Sources to cite": sources,
        "Network": f"recipe `{card.recipe.name}`, {card.size}",
        "Decision": ", ".join(f"`{name}` {value}" for name, value in rule.items()) or "the most probable class",
        "Training": f"{training['slices']:,} slices in {training['minutes']:.0f} minutes on {training['device']}",
        "Repeat it with": f"seed {training['seed']}, {training['precision']}, commit `{training['commit']}`",
        "Versions": ", ".join(f"{name} {version}" for name, version in training["versions"].items()),
        "Weights hash": f"`{card.weights_hash}`",
        "Intended use": card.intended_use,
    }
    rows = []
    for row in card.scores:
        name, (mean, low, high) = shown_score(row)
        rows.append((row["data"], row["region"], name, mean, f"{low} to {high}", row["cases"], row["how"]))
    columns = ("Data", "Region", "Score", "Mean", "95 % interval", "Cases", "How")
    limitations = "\n".join(f"* {_line(each)}" for each in card.limitations)
    parts = [
        f"{card.title}.", _table(facts.items(), ("Fact", card.name)), "How it scored:", _table(rows, columns),
        "What it cannot do:", limitations,
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def cards_markdown(cards: Iterable[ShippedCard]) -> str:
    """Several cards, each under a heading of the third level."""
    return "\n".join(
        f"### `{card.name}`{', the default' if card.default else ''}\n\n{card_markdown(card)}" for card in cards
    )


def _line(value):
    return " ".join(str(value).split())


def _table(rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> str:
    cells = [[_line(cell).replace("|", "\\|") for cell in row] for row in rows]
    return tabulate(cells, columns, tablefmt="pipe", disable_numparse=True)
