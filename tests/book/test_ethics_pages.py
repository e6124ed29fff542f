"""The pages on ethics say what the recorded results and the cards say, and their checklists are complete."""

import json
import re
from collections import Counter

import pandas as pd
import pytest
from conftest import ROOT

from brats_lib import weights
from brats_lib.labels import REGIONS
from brats_lib.phantom import VERSION
from brats_lib.phantom.cohort import DESCRIPTION
from brats_lib.phantom.population import PROBABILITIES
from brats_lib.synthesis.store import read_generator_card

PAGES = {
    name: (ROOT / "book" / f"{name}.md").read_text() for name in ("ethics", "model_card", "datasheet", "checklists")
}
ANSWER = re.compile(r"^\| (\d+[a-g]?) \|.*\| (yes|partly|not done|n/a) \| (.+) \|$", re.MULTILINE)


def recorded(name):
    return pd.read_csv(ROOT / "results" / f"{name}.csv")


def row(*cells):
    return f"| {' | '.join(cells)} |"


def checklist(title):
    return ANSWER.findall(PAGES["checklists"].split(f"\n## {title}\n")[1].split("\n## ")[0])


def test_attacks_on_the_generator_are_those_recorded():
    for _, attack in recorded("membership").iterrows():
        needs = r"the \w+, (which is not|as) shipped"
        numbers = row(
            f"{attack['auc']:.2f}", f"{attack['low']:.2f} to {attack['high']:.2f}",
            f"{attack['members']} + {attack['others']}",
        )  # fmt: skip
        assert re.search(re.escape(f"| {attack['attack']} | ") + needs + re.escape(f" {numbers}"), PAGES["ethics"])
        # What the page concludes from them.
        assert attack["low"] < 0.5 < attack["high"]
    assert f"ends at {recorded('membership')['high'].iloc[-1]:.2f}" in PAGES["ethics"]


def test_generator_saw_each_of_its_slices_as_often_as_the_page_says():
    slices = recorded("membership")["members"].iloc[0] // 96 * 288
    seen = read_generator_card()["training"]["slices_seen"]
    assert f"each of its {slices} slices about seven times" in PAGES["ethics"]
    assert round(seen / slices) == 7


def test_worst_mean_and_best_patient_are_those_recorded():
    table = recorded("phantom_on_real")
    assert table["case"].nunique() == 8
    for region in REGIONS:
        dice = table.loc[table["region"] == region, "dice"]
        cells = row(f"Dice {region}", *(f"{number:.2f}" for number in (dice.min(), dice.mean(), dice.max())))
        assert cells in PAGES["ethics"], f"ethics.md should have {cells}"
    assert f"A mean of {dice.mean():.2f} with a worst case of {dice.min():.2f}" in PAGES["ethics"]


@pytest.mark.parametrize("name", weights.available())
def test_model_card_has_the_scores_of_the_packaged_card(name):
    about = {
        "12 phantoms": "12 phantoms",
        "8 cases": "8 patients, none seen" if name == "phantom" else "8 patients, each left out",
    }
    for first, second in zip(*(iter(weights.read_card(name).scores),) * 2, strict=True):
        assert (first["score"], second["score"], first["region"]) == ("dice", "hd95_mm", second["region"])
        (data,) = (ours for theirs, ours in about.items() if first["data"].startswith(theirs))
        cells = row(
            f"`{name}`", data, first["region"],
            f"{first['mean']:.2f}", "{:.2f} to {:.2f}".format(*first["interval"]),
            f"{second['mean']:.1f}", "{:.1f} to {:.1f}".format(*second["interval"]),
        )  # fmt: skip
        assert cells in PAGES["model_card"], f"model_card.md should have {cells}"


def test_model_card_has_sizes_and_trainings_of_the_packaged_networks():
    alone, tuned, generator = weights.read_card("phantom"), weights.read_card("phantom+real"), read_generator_card()
    counts = [card.weights["parameters"] for card in (alone, tuned)] + [generator["weights"]["parameters"]]
    assert row("Parameters", *(f"{count:,}" for count in counts)) in PAGES["model_card"]
    assert f"{counts[1]:,} numbers that were adjusted" in PAGES["ethics"]
    more = tuned.training["slices"] - alone.training["slices"]
    made = generator["training"]
    assert (
        row(
            "Training",
            f"{alone.training['slices']:,} slices, {alone.training['minutes']} minutes on one CPU core",
            f"{more:,} more, {tuned.training['minutes']} minutes in all",
            f"{made['slices_seen']:,} slices, {made['minutes']} minutes on one CPU core",
        )
        in PAGES["model_card"]
    )
    assert (
        row("Default", *("yes" if card.default else "no" for card in (alone, tuned)), "").replace("  ", " ")
        in PAGES["model_card"]
    )
    for card in (alone, tuned):
        assert f"{card.data['phantoms']} phantoms" in PAGES["model_card"]
        assert all(f"* {limitation}" in PAGES["model_card"] for limitation in card.limitations[2:])
    assert generator["data"].startswith("288 phantoms") and "288 phantoms" in PAGES["model_card"]


def test_quality_of_the_generator_is_as_recorded():
    names = {"real": "phantoms, other than it learnt from", "GAN": "generator", "noise": "noise"}
    table = recorded("generation").set_index("set")
    for key, name in names.items():
        scores = table.loc[key]
        alike = "" if pd.isna(scores["ms_ssim"]) else f" {scores['ms_ssim']:.2f}"
        assert f"| {name} | {scores['frechet']:.2f} | {scores['position']:.2f} |{alike} |" in PAGES["model_card"]
        assert scores["samples"] == 384
    assert table.loc["GAN", "position"] > 0.3  # the page says that the goal was missed


def test_datasheet_is_of_this_simulation():
    assert f"version {VERSION} of the simulation" in PAGES["datasheet"]
    assert len(PROBABILITIES) == 15 and "quantiles at fifteen probabilities" in PAGES["datasheet"]
    assert f"`{DESCRIPTION}`" in PAGES["ethics"]
    for name in ("membership", "generation", "phantom_on_real", "leave_one_out"):
        assert json.loads((ROOT / "results" / f"{name}.json").read_text())["phantom_version"] == VERSION


def test_every_item_of_both_checklists_is_answered_once():
    assert [number for number, *_ in checklist("CLAIM")] == [str(number) for number in range(1, 43)]
    parts = {
        3: "abc",
        5: "ab",
        6: "abc",
        8: "abc",
        9: "abc",
        12: "abcdefg",
        18: "abcdef",
        20: "abc",
        23: "ab",
        27: "abc",
    }
    expected = [f"{number}{part}" for number in range(1, 28) for part in parts.get(number, [""])]
    assert [number for number, *_ in checklist("TRIPOD+AI")] == expected


@pytest.mark.parametrize("title", ["CLAIM", "TRIPOD+AI"])
def test_what_is_reported_has_a_link_and_what_is_not_a_reason(title):
    for number, answer, where in checklist(title):
        assert len(where) > 20
        assert answer not in ("yes", "partly") or "](" in where or "`" in where, f"item {number} names no place"


def test_answers_are_counted_rightly():
    found = [Counter(answer for _, answer, _ in checklist(title)) for title in ("CLAIM", "TRIPOD+AI")]
    for answer in ("yes", "partly", "not done", "n/a"):
        counts = rf"^\| {answer} \| .* \| {found[0][answer]} \| {found[1][answer]} \|$"
        assert re.search(counts, PAGES["checklists"], re.MULTILINE), (answer, found)
