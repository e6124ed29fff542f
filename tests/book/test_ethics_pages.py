"""The pages on ethics say what the recorded results and the cards say, and their checklists are complete."""

import json
import re
from collections import Counter

import pandas as pd
from conftest import ROOT

from brats_lib.book import tables
from brats_lib.phantom import VERSION
from brats_lib.phantom.cohort import DESCRIPTION
from brats_lib.phantom.population import PROBABILITIES

PAGES = {
    name: (ROOT / "book" / f"{name}.md").read_text() for name in ("ethics", "model_card", "datasheet", "checklists")
}
ANSWER = re.compile(r"^\| (\d+[a-g]?) \|.*\| (yes|partly|not done|n/a) \| (.+) \|$", re.MULTILINE)


def checklist(title):
    return ANSWER.findall(PAGES["checklists"].split(f"\n## {title}\n")[1].split("\n## ")[0])


def test_distances_of_samples_are_means_with_their_range_over_draws():
    rows = [("patients", seed, name, 52, frechet, position, ms_ssim)
            for seed, frechet in enumerate((1.0, 2.0, 4.5))
            for name, position, ms_ssim in (("GAN", 0.25, 0.5), ("noise", 1.0, None))]  # fmt: skip
    columns = ["reference", "seed", "set", "samples", "frechet", "position", "ms_ssim"]
    header, _, *lines = tables.generated(pd.DataFrame(rows, columns=columns)).splitlines()
    assert "52 slices" in header
    assert [cell.strip() for cell in lines[0].split("|")[1:-1]] == [
        "patients", "generator", "2.50 (1.00 to 4.50)", "0.25", "0.50"
    ]  # fmt: skip
    assert lines[1].split("|")[-2].strip() == ""


def test_datasheet_is_of_this_simulation():
    assert f"version {VERSION} of the simulation" in PAGES["datasheet"]
    assert len(PROBABILITIES) == 15 and "quantiles at fifteen probabilities" in PAGES["datasheet"]
    assert f"`{DESCRIPTION}`" in PAGES["ethics"]
    for name in ("membership", "generation", "phantom_on_real"):
        assert json.loads((ROOT / "results" / f"{name}.json").read_text())["phantom_version"] == VERSION


def test_every_item_of_both_checklists_is_answered_once_and_answers_are_counted_rightly():
    claim, tripod = checklist("CLAIM"), checklist("TRIPOD+AI")
    assert [number for number, *_ in claim] == [str(number) for number in range(1, 43)]
    parts = {5: "ab", 12: "abcdefg", 18: "abcdef", 23: "ab", **dict.fromkeys((3, 6, 8, 9, 20, 27), "abc")}
    expected = [f"{number}{part}" for number in range(1, 28) for part in parts.get(number, [""])]
    assert [number for number, *_ in tripod] == expected
    for number, answer, where in (*claim, *tripod):
        assert answer not in ("yes", "partly") or "](" in where or "`" in where, f"item {number} names no place"
    found = [Counter(answer for _, answer, _ in answers) for answers in (claim, tripod)]
    for answer in ("yes", "partly", "not done", "n/a"):
        counts = rf"^\| {answer} \| .* \| {found[0][answer]} \| {found[1][answer]} \|$"
        assert re.search(counts, PAGES["checklists"], re.MULTILINE), (answer, found)
