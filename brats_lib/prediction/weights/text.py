"""The cards of networks that ship as text: a few lines for a terminal, tables for the book."""

from collections.abc import Iterable

from tabulate import tabulate

from brats_lib.prediction.cards import settings_of

__all__ = ["card_markdown", "cards_markdown", "summary"]

_SCORE_NAMES = {"dice": "Dice", "hd95_mm": "HD95 (mm)", "iou": "IoU"}


def summary(card) -> str:
    """Lines on one card, indented: size, data, and mean scores per data set."""
    groups = {}
    for score in card.scores:
        groups.setdefault((score["score"], score["data"], score["cases"]), []).append(score)
    title = f"{card.name}{' (default)' if card.default else ''}: {card.title}"
    lines = [title, f"  {_size(card)}", f"  {_cases(card)}"]
    for (name, data, cases), scores in groups.items():
        means = ", ".join(f"{score['region']} {_value(name, score['mean'])}" for score in scores)
        lines.append(f"  {_SCORE_NAMES.get(name, name)}: {means} ({data}, {_count(cases, 'case')})")
    return "\n".join(lines)


def card_markdown(card, cite: bool = True) -> str:
    """A card as tables and a list of limitations; its sources as citations of the book, or spelt out."""
    training, citations = card.training, card.data["citations"]
    if cite:
        sources = f"{{cite}}`{','.join(entry['key'] for entry in citations)}`" if citations else "none"
    else:
        sources = "; ".join(entry["text"] for entry in citations) or "none"
    versions = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    facts = [
        ("Trained on", f"{card.data['description']} ({_cases(card)})"),
        ("Terms of the data", card.data["licence"]),
        ("Sources to cite", sources),
        ("Network", f"recipe `{card.recipe.name}`, {_size(card)}"),
        ("Decision", _decision(card.rule)),
        ("Training", f"{training['slices']:,} slices in {training['minutes']:.0f} minutes on {training['device']}"),
        ("Repeat it with", f"seed {training['seed']}, {training['precision']}, commit `{training['commit']}`"),
        ("Versions", versions),
        ("Weights hash", f"`{card.weights_hash}`"),
        ("Intended use", card.intended_use),
    ]
    columns = ("Data", "Region", "Score", "Mean", "95 % interval", "Cases", "How")
    rows = [
        (
            score["data"], score["region"], _SCORE_NAMES.get(score["score"], score["score"]),
            _value(score["score"], score["mean"]),
            " to ".join(_value(score["score"], end) for end in score["interval"]), score["cases"], score["how"],
        )
        for score in card.scores
    ]  # fmt: skip
    limitations = "\n".join(f"* {_line(each)}" for each in card.limitations)
    parts = [
        f"{card.title}.", _table(facts, ("Fact", card.name)), "How it scored:", _table(rows, columns),
        "What it cannot do:", limitations,
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def cards_markdown(cards: Iterable) -> str:
    """Several cards, each under a heading of the third level."""
    parts = [f"### `{card.name}`{', the default' if card.default else ''}\n\n{card_markdown(card)}" for card in cards]
    return "\n".join(parts) or "No network is packaged with this copy of the book.\n"


def _count(number, what):
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _cases(card):
    data = card.data
    phantoms = f"{_count(data['phantoms'], 'phantom')} of version {data['phantom_version']}" if data["phantoms"] else ""
    patients = _count(data["patients"], "patient") if data["patients"] else "no patient"
    return ", ".join(filter(None, (phantoms, patients)))


def _size(card):
    weights = card.weights
    return f"{weights['parameters']:,} parameters, {weights['bytes'] / 1e6:.1f} MB as {weights['dtype']}"


def _decision(rule):
    if rule is None:
        return "the most probable class"
    return ", ".join(f"`{name}` {value}" for name, value in settings_of(rule).items())


def _value(score, number):
    return f"{number:.1f}" if score.endswith("_mm") else f"{number:.3f}"


def _line(value):
    return " ".join(str(value).split())


def _table(rows, columns):
    cells = [[_line(cell).replace("|", "\\|") for cell in row] for row in rows]
    return tabulate(cells, columns, tablefmt="pipe", disable_numparse=True)
