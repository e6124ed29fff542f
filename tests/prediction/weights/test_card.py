"""A card says everything a reader needs, and a wrong one is refused with the field named."""

import json
import re
from dataclasses import replace

import pytest

from brats_lib.cli import main
from brats_lib.errors import BratsError
from brats_lib.prediction.weights import ShippedCard, card_markdown, cards_markdown


@pytest.fixture
def card(card_path):
    return ShippedCard.read(card_path)


def spoil(path, field, value):
    """Write a card again with another value in a field, None for none."""
    card = content = json.loads(path.read_text())
    *parents, last = field.split(".")
    for key in parents:
        content = content[int(key) if key.isdigit() else key]
    content[last] = value
    if value is None:
        del content[last]
    path.write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("weights_hash", None, "its field 'weights_hash' is missing"),
        ("colour", "red", "its field 'colour' is unknown"),
        ("name", "phantom_real", "its field 'name' is 'phantom_real'; expected lower-case"),
        ("weights.file", "../other.npz", "its field 'weights.file' is '../other.npz'; expected the name of a file"),
        ("data.citations.0.key", "", r"its field 'data.citations\[0\].key' is ''; expected a text"),
        ("training.minutes", float("nan"), "its field 'training.minutes' is nan"),
        ("scores.1.interval", [0.9, 0.8], r"its field 'scores\[1\].interval'"),
        ("recipe.class", "Formula", "its field 'recipe.class' is 'Formula'; expected one of NativeRecipe, Recipe"),
        ("recipe.settings.modalities", None, "its field 'recipe.settings.modalities' is missing"),
        ("decision.window", [160], r"in its field 'decision' its window is \(160,\); expected two sides of more than"),
    ],
)
def test_wrong_field_is_named_with_what_belongs_there(card_path, field, value, message):
    spoil(card_path, field, value)
    with pytest.raises(BratsError, match=message) as caught:
        ShippedCard.read(card_path)
    assert str(card_path) == caught.value.where


@pytest.mark.parametrize("recipe", ["published"], indirect=True)
def test_published_recipe_takes_no_rule(card_path):
    spoil(card_path, "decision.wt_above", 0.3)
    with pytest.raises(BratsError, match="its field 'decision.wt_above' is unknown"):
        ShippedCard.read(card_path)


def test_identity_is_of_weights_recipe_and_rule_and_not_of_the_name(card):
    others = [
        replace(card, rule=replace(card.rule, wt_above=0.3)),
        replace(card, recipe=replace(card.recipe, planes=("axial",))),
        replace(card, sha256=64 * "0"),
    ]
    assert len({each.identity["sha256"] for each in [card, *others]}) == 4
    assert replace(card, name="other").identity["sha256"] == card.identity["sha256"]


def test_markdown_has_facts_scores_and_limitations(card):
    text = cards_markdown([card, replace(card, name="other", default=False)])
    assert re.findall("^#.*$", text, re.MULTILINE) == ["### `tiny+one`, the default", "### `other`"]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if "|" in line]
    assert ["other phantoms", "WT", "Dice", "0.931", "0.921 to 0.931", "40", "one network, four mirrorings"] in rows
    assert ["other phantoms", "WT", "HD95 (mm)", "3.2", "3.2 to 3.2", "40", "one network, four mirrorings"] in rows
    facts = {row[0]: row[1] for row in rows if len(row) == 2}
    assert facts["Sources to cite"] == "{cite}`baid2021`"
    assert facts["Training"] == r"38,400 slices in 55 minutes on two \| cores"
    assert text.endswith("* Adults only.\n* Two modalities of the four.\n")
    assert "Baid et al. 2021" in card_markdown(card, cite=False)


def test_command_lists_networks_with_their_mean_scores_and_prints_one_card(package, capsys):
    assert main(["weights"]) == 0
    first, second = capsys.readouterr().out.strip().split("\n\n")
    assert second.startswith("phantom: ")
    title, _, *lines = first.splitlines()
    assert title == "phantom+real (default): A tiny network for tests"
    assert lines == [
        "  1,200 phantoms of version 2, 1 patient",
        "  Dice: WT 0.931, ET 0.870 (other phantoms, 40 cases)",
        "  HD95 (mm): WT 3.2 (other phantoms, 40 cases)",
    ]
    assert main(["weights", "phantom"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("phantom\n\n") and "Baid et al. 2021" in out
    assert main(["weights", "best"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("brats: weights 'best'") and "phantom+real" in error and "Traceback" not in error
