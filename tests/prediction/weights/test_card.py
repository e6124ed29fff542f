"""A card says everything a reader needs, and a wrong one is refused with the field named."""

import json
from dataclasses import replace

import pytest

from brats_lib.errors import BratsError
from brats_lib.prediction.weights import ShippedCard, card_markdown, cards_markdown


@pytest.fixture
def card(card_path):
    return ShippedCard.read(card_path)


def set_field(content, field, value):
    *parents, last = field.split(".")
    for key in parents:
        content = content[int(key) if key.isdigit() else key]
    if value is None:
        del content[last]
    else:
        content[last] = value


@pytest.mark.parametrize("recipe", ["native"], indirect=True)
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("weights_hash", None, "its field 'weights_hash' is missing"),
        ("colour", "red", "its field 'colour' is unknown"),
        ("name", "phantom_real", "its field 'name' is 'phantom_real'; expected lower-case"),
        ("weights.sha256", "abc", "its field 'weights.sha256' is 'abc'; expected 64 hexadecimal"),
        ("weights.file", "../other.npz", "its field 'weights.file' is '../other.npz'; expected the name of a file"),
        ("data.patients", -1, "its field 'data.patients' is -1; expected a whole number, 0 or more"),
        ("data.citations.0.key", "", r"its field 'data.citations\[0\].key' is ''; expected a text"),
        ("training.precision", "float8", "its field 'training.precision' is 'float8'; expected one of float32"),
        ("training.minutes", float("nan"), "its field 'training.minutes' is nan"),
        ("scores.1.interval", [0.9, 0.8], r"its field 'scores\[1\].interval'"),
        ("scores", {}, "its field 'scores' is {}; expected a list"),
        ("default", 1, "its field 'default' is 1; expected true or false"),
        ("intended_use", "diagnosis", "expected 'research and teaching only, not a medical device'"),
        ("recipe.class", "Formula", "its field 'recipe.class' is 'Formula'; expected one of NativeRecipe, Recipe"),
        ("recipe.settings.modalities", None, "its field 'recipe.settings.modalities' is missing"),
        ("recipe.settings.learning_rate", "fast", "its field 'recipe.settings.learning_rate' is 'fast'"),
        ("decision.wt_above", None, "its field 'decision.wt_above' is missing"),
        ("decision.wt_above", float("nan"), "its field 'decision.wt_above' is nan; expected float, as 0.5 is"),
        (
            "decision.window",
            [160],
            r"in its field 'decision' its window is \(160,\); expected two sides of more than 48",
        ),
        ("decision.et_above", 1.5, r"in its field 'decision' its shares are .*1.5.*; expected 0-1"),
    ],
)
def test_wrong_field_is_named_with_what_belongs_there(card_path, field, value, message):
    content = json.loads(card_path.read_text())
    set_field(content, field, value)
    card_path.write_text(json.dumps(content))
    with pytest.raises(BratsError, match=message) as caught:
        ShippedCard.read(card_path)
    assert str(card_path) == caught.value.where


@pytest.mark.parametrize("recipe", ["published"], indirect=True)
def test_published_recipe_has_no_rule(card_path):
    assert ShippedCard.read(card_path).rule is None
    content = json.loads(card_path.read_text())
    set_field(content, "decision.wt_above", 0.3)
    card_path.write_text(json.dumps(content))
    with pytest.raises(BratsError, match="its field 'decision.wt_above' is unknown"):
        ShippedCard.read(card_path)


@pytest.mark.parametrize("recipe", ["native"], indirect=True)
def test_identity_is_of_weights_recipe_and_rule_and_not_of_the_name(card):
    others = [
        replace(card, rule=replace(card.rule, wt_above=0.3)),
        replace(card, recipe=replace(card.recipe, planes=("axial",))),
        replace(card, sha256=64 * "0"),
    ]
    assert len({each.identity["sha256"] for each in [card, *others]}) == 4
    assert replace(card, name="other").identity["sha256"] == card.identity["sha256"]


def test_card_survives_the_way_through_its_file(card, card_path, recipe, rule):
    assert (card.recipe, card.rule) == (recipe, rule)
    assert card.to_json() == card_path.read_text()


def test_markdown_has_facts_scores_and_limitations(card):
    text = card_markdown(card)
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if "|" in line]
    assert ["other phantoms", "WT", "Dice", "0.931", "0.921 to 0.931", "40", "one network, four mirrorings"] in rows
    assert ["other phantoms", "WT", "HD95 (mm)", "3.2", "3.2 to 3.2", "40", "one network, four mirrorings"] in rows
    facts = {row[0]: row[1] for row in rows if len(row) == 2}
    assert facts["Trained on"] == "phantoms and a few scans (1,200 phantoms of version 2, 1 patient)"
    assert facts["Sources to cite"] == "{cite}`baid2021`"
    assert facts["Training"] == r"38,400 slices in 55 minutes on two \| cores"
    assert facts["Intended use"] == "research and teaching only, not a medical device"
    assert card.weights_hash in facts["Weights hash"]
    assert "Baid et al. 2021" in card_markdown(card, cite=False)
    assert text.endswith("* Adults only.\n* Two modalities of the four.\n")


def test_summary_gathers_the_means_of_one_data_set_in_a_line(card):
    lines = card.summary().splitlines()
    assert lines[0] == "tiny+one (default): A tiny network for tests"
    assert lines[2] == "  1,200 phantoms of version 2, 1 patient"
    assert lines[3:] == [
        "  Dice: WT 0.931, ET 0.870 (other phantoms, 40 cases)",
        "  HD95 (mm): WT 3.2 (other phantoms, 40 cases)",
    ]


def test_page_of_cards_has_a_heading_for_each_and_says_where_there_is_none(card):
    other = replace(card, name="other", default=False)
    headings = [line for line in cards_markdown([card, other]).splitlines() if line.startswith("#")]
    assert headings == ["### `tiny+one`, the default", "### `other`"]
    assert cards_markdown([]).startswith("No network is packaged")
